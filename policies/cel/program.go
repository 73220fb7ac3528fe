package cel

import (
	"context"

	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"

	"github.com/kroguard/kroguard/policies"
)

// program is a compiled policy.
type program struct {
	expressions

	// field is the path of the validations.
	field       string
	validations []validation
}

var _ policies.Program = (*program)(nil)

// violated is a validation that does not hold.
type violated struct {
	validation int
	// dependsOn are the fields that it depends on where nobody can tell yet whether it holds; else nil.
	dependsOn []string
}

// boundAll bounds the cost: validations and messageExpressions each have variables of their own.
func (p *program) boundAll() {
	validations, messages := make([]*expression, len(p.validations)), []*expression{}
	for i := range p.validations {
		validations[i] = &p.validations[i].expression
		if p.validations[i].message.plan != nil {
			messages = append(messages, &p.validations[i].message)
		}
	}
	p.bound(validations, messages)
}

// Evaluate runs all validations: each that yields false is a finding. One that fails does not keep the others from being
// run, unless time has run out. The error is an EvaluationErrors. Where the cost has run out that is the one error, and what
// was found before is forgotten, as in Kubernetes.
func (p *program) Evaluate(ctx context.Context, in *policies.Input) ([]policies.Finding, error) {
	run, err := p.begin(ctx, in)
	if err != nil {
		return nil, err
	}
	defer run.end()

	var found []violated
	var failed EvaluationErrors
	for i := range p.validations {
		e := &p.validations[i].expression
		holds, err := run.eval(e)
		switch {
		case run.exhausted:
			return nil, EvaluationErrors{{Field: e.field, Err: ErrOutOfBudget}}
		case err != nil:
			failed = append(failed, EvaluationError{Field: e.field, Err: err})
		case holds != types.True:
			found = append(found, violated{validation: i, dependsOn: run.dependsOn(holds)})
		}
		// Without an error, the validations that were not run would count as holding.
		if err != nil && ctx.Err() != nil {
			break
		}
	}
	findings, err := p.findings(run, found)
	if err != nil {
		return nil, append(failed, EvaluationError{Field: p.field, Err: err})
	}
	if len(failed) > 0 {
		return findings, failed
	}
	return findings, nil
}

// findings describes the validations that do not hold. Kubernetes runs the messageExpressions of the others too, with what
// the validations left of the budget: where that is too little, all validations have failed.
func (p *program) findings(run *evaluation, found []violated) ([]policies.Finding, error) {
	if len(found) == 0 && !run.counted {
		return nil, nil
	}
	messages := make([]ref.Val, len(p.validations))
	if run.counted {
		run.start(run.budget)
		run.withoutAuthorizer = true
		for i := range p.validations {
			messages[i] = p.message(run, i)
		}
		if run.exhausted {
			return nil, ErrOutOfBudget
		}
	} else {
		for i := range found {
			messages[found[i].validation] = p.message(run, found[i].validation)
		}
	}
	if len(found) == 0 {
		return nil, nil
	}
	findings := make([]policies.Finding, len(found))
	for n := range found {
		v := &p.validations[found[n].validation]
		findings[n] = policies.Finding{
			Message: v.describe(messages[found[n].validation]), Field: v.field, Reason: v.reason,
			Unknown: found[n].dependsOn != nil, DependsOn: found[n].dependsOn,
		}
	}
	return findings, nil
}

// message is what a messageExpression yields; nil where there is none or it fails.
func (p *program) message(run *evaluation, i int) ref.Val {
	e := &p.validations[i].message
	if e.plan == nil {
		return nil
	}
	message, err := run.eval(e)
	if err != nil {
		return nil
	}
	return message
}

// conditions are compiled matchConditions.
type conditions struct {
	expressions

	conditions []expression
}

var _ policies.Conditions = (*conditions)(nil)

func (c *conditions) boundAll() {
	all := make([]*expression, len(c.conditions))
	for i := range c.conditions {
		all[i] = &c.conditions[i]
	}
	c.bound(all)
}

// Match reports whether all conditions are true. Their budget is their own; where they exceed it together they have failed,
// though one is false, as in Kubernetes.
func (c *conditions) Match(ctx context.Context, in *policies.Input) (bool, error) {
	run, err := c.begin(ctx, in)
	if err != nil {
		return false, err
	}
	defer run.end()

	var failed error
	var unknown []string
	holds := true
	for i := range c.conditions {
		e := &c.conditions[i]
		value, err := run.eval(e)
		switch {
		case run.exhausted:
			return false, EvaluationError{Field: e.field, Err: ErrOutOfBudget}
		case err != nil && failed == nil:
			failed = EvaluationError{Field: e.field, Err: err}
		case err == nil && value == types.False:
			if !run.counted {
				return false, nil
			}
			holds = false
		case err == nil && types.IsUnknown(value):
			unknown = append(unknown, run.dependsOn(value)...)
		}
	}
	if !holds {
		return false, nil
	}
	if failed == nil && unknown != nil {
		return false, &policies.UnknownError{DependsOn: unknown}
	}
	return failed == nil, failed
}
