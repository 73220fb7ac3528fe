package cel

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/interpreter"
	plugincel "k8s.io/apiserver/pkg/admission/plugin/cel"
	celconfig "k8s.io/apiserver/pkg/apis/cel"

	"github.com/kroguard/kroguard/policies"
)

// evaluation is one run of a guardrail's expressions on one input: it resolves their names and has their budget. It belongs to
// one goroutine at a time and is used again and again.
type evaluation struct {
	*inputValues

	ctx context.Context //nolint:containedctx // an expression that reads a variable can't pass one on
	set *expressions

	// counted says that the cost of expressions is counted. It is not where their bound shows that it can't matter. instant
	// says that they take no time worth mentioning either.
	counted, instant bool
	// partial says that there are fields that nobody can tell yet.
	partial bool
	// budget is what is left of the cost that all expressions may have together.
	budget uint64
	// exhausted is set by the expression that cost more than was left.
	exhausted bool
	// withoutAuthorizer hides the authorizer, as from messageExpressions and the variables that they read.
	withoutAuthorizer bool

	// own is the frame that uncounted expressions run in, frame the one in use.
	own, frame *interpreter.ExecutionFrame
	variables  variables
}

var _ interpreter.Activation = (*evaluation)(nil)

// newEvaluation is what a pool holds.
func newEvaluation() any {
	run := &evaluation{}
	run.variables.run = run
	// It can't fail for an Activation.
	run.own, _ = interpreter.NewExecutionFrame(run)
	return run
}

// begin prepares a run. The form of the input is built once and shared by all guardrails.
func (s *expressions) begin(ctx context.Context, in *policies.Input) (*evaluation, error) {
	shared, err := in.Convert(inputKey{}, func() (any, error) { return newInputValues(in), nil })
	if err != nil {
		return nil, err
	}
	values, ok := shared.(*inputValues)
	run, isRun := s.pool.Get().(*evaluation)
	if !ok || !isRun {
		return nil, errors.New("the input could not be converted")
	}
	if s.reads.resources {
		if err := values.resources.render(ctx, values); err != nil {
			s.pool.Put(run)
			return nil, err
		}
	}
	run.inputValues, run.ctx, run.set = values, ctx, s
	run.partial = len(values.unknowns) > 0 || s.reads.resources && len(values.resources.unknowns) > 0
	counted, timed := s.mayCost(values.sizeOf(s.reads).largest(allOf(s.paramsSize)))
	run.counted, run.instant = counted, !timed
	run.frame = run.own
	if !run.counted && !run.instant {
		if run.frame, err = interpreter.NewExecutionFrame(run); err != nil {
			return nil, err
		}
		if err := run.frame.SetContext(ctx, celconfig.CheckFrequency); err != nil {
			return nil, err
		}
	}
	run.start(s.budget)
	return run, nil
}

// start begins with nothing spent and no variable computed.
func (r *evaluation) start(budget uint64) {
	r.budget, r.exhausted, r.withoutAuthorizer = budget, false, false
	r.variables.reset(len(r.set.variables))
}

// end lets go of the input.
func (r *evaluation) end() {
	if r.frame != r.own {
		r.frame.Close()
	}
	pool := r.set.pool
	r.variables.reset(0)
	r.inputValues, r.ctx, r.set, r.frame = nil, nil, nil, nil
	pool.Put(r)
}

// eval runs one expression. Once cost or time has run out it runs nothing more.
func (r *evaluation) eval(e *expression) (ref.Val, error) {
	if e.broken != nil {
		return nil, e.broken
	}
	if r.partial {
		return r.evalPartial(e)
	}
	if r.instant {
		return r.evalUncounted(e.plan)
	}
	if err := r.stopped(); err != nil {
		return nil, err
	}
	if !r.counted {
		return r.evalUncounted(e.plan)
	}
	return r.evalCounted(e)
}

// evalCounted runs an expression and charges for it.
func (r *evaluation) evalCounted(e *expression) (ref.Val, error) {
	program, err := e.counted()
	if err != nil {
		return nil, err
	}
	value, details, err := program.ContextEval(r.ctx, r)
	r.charge(details)
	if r.exhausted {
		return nil, ErrOutOfBudget
	}
	return value, err
}

// evalUncounted runs an expression whose cost can't matter.
func (r *evaluation) evalUncounted(plan interpreter.InterpretableV2) (value ref.Val, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("internal error: %v", p)
		}
	}()
	value = plan.Exec(r.frame)
	failed, ok := value.(*types.Err)
	if !ok {
		return value, nil
	}
	if errors.Is(failed, interpreter.InterruptError{}) {
		return value, fmt.Errorf("%w: %w", failed, context.Cause(r.ctx))
	}
	return value, failed
}

// stopped reports why no further expression is to be run: cost or time has run out. It is nil where neither has.
func (r *evaluation) stopped() error {
	if r.exhausted {
		return ErrOutOfBudget
	}
	if r.ctx.Err() == nil {
		return nil
	}
	return context.Cause(r.ctx)
}

// charge takes the cost of an expression from the budget; what its variables cost was charged by them. What can't be
// calculated uses it up, as in Kubernetes.
func (r *evaluation) charge(details *cel.EvalDetails) {
	if details == nil || details.ActualCost() == nil || *details.ActualCost() > r.budget {
		r.exhausted = true
		return
	}
	r.budget -= *details.ActualCost()
}

// ResolveName yields the value of a variable. The type checker lets no name through that is not declared.
func (r *evaluation) ResolveName(name string) (any, bool) {
	switch name {
	case plugincel.ObjectVarName:
		return r.object, true
	case plugincel.VariableVarName:
		return &r.variables, true
	case plugincel.ParamsVarName:
		return r.set.params, true
	case plugincel.OldObjectVarName:
		return r.oldObject, true
	case plugincel.RequestVarName:
		return r.requestValue(), true
	case plugincel.NamespaceVarName:
		if r.set.withoutNamespace {
			return nil, true
		}
		return r.namespaceValue(), true
	case projectVarName:
		return r.project, true
	case offeringVarName:
		return r.offering, true
	case instanceVarName:
		return r.instance, true
	case resourcesVarName:
		return r.resources.value, true
	case plugincel.AuthorizerVarName:
		r.authorizerValues()
		return r.authorizer, !r.withoutAuthorizer
	case plugincel.RequestResourceAuthorizerVarName:
		r.authorizerValues()
		return r.requestResource, !r.withoutAuthorizer
	default:
		return nil, false
	}
}

// Parent is nil: there is no other activation to ask.
func (r *evaluation) Parent() interpreter.Activation { return nil }
