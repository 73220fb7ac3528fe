package cel

import (
	"context"

	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	celconfig "k8s.io/apiserver/pkg/apis/cel"

	"github.com/kroguard/kroguard/policies"
)

// program is a compiled policy.
type program struct {
	params      ref.Val
	variables   []variable
	validations []validation
}

var _ policies.Program = (*program)(nil)

// Evaluate runs all validations: each that yields false is a finding. One that fails does not keep the others from being
// run, unless cost or time has run out. The error is an EvaluationErrors.
func (p *program) Evaluate(ctx context.Context, in *policies.Input) ([]policies.Finding, error) {
	run, err := newEvaluation(ctx, in, p.params, p.variables, celconfig.RuntimeCELCostBudget)
	if err != nil {
		return nil, err
	}
	var findings []policies.Finding
	var failed EvaluationErrors
	for i := range p.validations {
		v := &p.validations[i]
		holds, err := run.eval(ctx, &v.expression)
		switch {
		case err != nil:
			failed = append(failed, EvaluationError{Field: v.expression.field, Err: err})
			if run.stopped(ctx) != nil {
				return findings, failed
			}
		case holds != types.True:
			findings = append(findings, policies.Finding{
				Message: v.describe(ctx, run),
				Field:   v.field,
				Reason:  v.reason,
			})
		}
	}
	if len(failed) > 0 {
		return findings, failed
	}
	return findings, nil
}

// conditions are compiled matchConditions.
type conditions struct {
	params      ref.Val
	expressions []expression
}

var _ policies.Conditions = (*conditions)(nil)

// Match runs the conditions until one is false. Their budget is their own, as in Kubernetes.
func (c *conditions) Match(ctx context.Context, in *policies.Input) (bool, error) {
	run, err := newEvaluation(ctx, in, c.params, nil, celconfig.RuntimeCELCostBudgetMatchConditions)
	if err != nil {
		return false, err
	}
	var failed error
	for i := range c.expressions {
		e := &c.expressions[i]
		holds, err := run.eval(ctx, e)
		if err == nil && holds == types.False {
			return false, nil
		}
		if err != nil && failed == nil {
			failed = EvaluationError{Field: e.field, Err: err}
		}
	}
	return failed == nil, failed
}
