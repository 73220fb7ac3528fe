package cel

import (
	"context"
	"errors"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	apiservercel "k8s.io/apiserver/pkg/cel"
	"k8s.io/apiserver/pkg/cel/lazy"

	"github.com/kroguard/kroguard/policies"
)

// evaluation is one run of a guardrail's expressions on one input: its activation and its budget. It belongs to one
// goroutine.
type evaluation struct {
	activation

	// budget is what is left of the cost that all expressions may have together.
	budget uint64
	// exhausted is set by the expression that cost more than was left.
	exhausted bool
}

// newEvaluation prepares a run. The form of the input is built once and shared by all guardrails.
func newEvaluation(
	ctx context.Context, in *policies.Input, params ref.Val, variables []variable, budget uint64,
) (*evaluation, error) {
	shared, err := in.Convert(inputKey{}, func() (any, error) { return newInputValues(in), nil })
	if err != nil {
		return nil, err
	}
	values, ok := shared.(*inputValues)
	if !ok {
		return nil, errors.New("the input could not be converted")
	}
	run := &evaluation{activation: activation{inputValues: values, params: params}, budget: budget}
	run.buildVariables = func() ref.Val { return run.lazyVariables(ctx, variables) }
	return run, nil
}

// eval runs one expression and charges its cost; what its variables cost is charged by them. Once cost or time has run out
// it runs nothing more.
func (r *evaluation) eval(ctx context.Context, e *expression) (ref.Val, error) {
	if err := r.stopped(ctx); err != nil {
		return nil, err
	}
	value, details, err := e.program.ContextEval(ctx, &r.activation)
	r.charge(details)
	if r.exhausted {
		return nil, ErrOutOfBudget
	}
	return value, err
}

// stopped reports why no further expression is to be run: cost or time has run out. It is nil where neither has.
func (r *evaluation) stopped(ctx context.Context) error {
	if r.exhausted {
		return ErrOutOfBudget
	}
	return context.Cause(ctx)
}

// charge takes the cost of an expression from the budget. What can't be calculated uses it up, as in Kubernetes.
func (r *evaluation) charge(details *cel.EvalDetails) {
	if details == nil || details.ActualCost() == nil || *details.ActualCost() > r.budget {
		r.exhausted = true
		return
	}
	r.budget -= *details.ActualCost()
}

// lazyVariables is the value of "variables": each is evaluated when it is first read, and once.
func (r *evaluation) lazyVariables(ctx context.Context, variables []variable) ref.Val {
	values := lazy.NewMapValue(apiservercel.NewObjectType(variablesTypeName, nil))
	evaluating := make([]bool, len(variables))
	for i := range variables {
		values.Append(variables[i].name, func(*lazy.MapValue) ref.Val {
			// The type checker lets a variable see those before it only, but dyn(variables) is anything.
			if evaluating[i] {
				return types.NewErr("variable %q refers to itself", variables[i].name)
			}
			evaluating[i] = true
			defer func() { evaluating[i] = false }()
			return r.variable(ctx, &variables[i])
		})
	}
	return values
}

// variable evaluates one variable. Its error matters where its value does: a validation that never reads it holds or not
// all the same.
func (r *evaluation) variable(ctx context.Context, v *variable) ref.Val {
	value, err := r.eval(ctx, &v.expression)
	if err != nil {
		return types.WrapErr(&variableError{name: v.name, err: err})
	}
	return value
}
