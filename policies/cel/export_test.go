package cel

import (
	"context"
	"fmt"

	"github.com/google/cel-go/common/types/ref"

	"github.com/kroguard/kroguard/policies"
)

// Measured is one expression, run on one input both with its cost counted and without.
type Measured struct {
	Field string
	// Bound is the cost that it can have at most for inputs of the size; Cost is what it had, cut at the limit.
	Bound float64
	Cost  uint64
	// Counted and Uncounted are the results, as text.
	Counted, Uncounted string
}

// Measure runs all expressions of a compiled policy.
func Measure(compiled policies.Program, in *policies.Input) ([]Measured, error) {
	p := compiled.(*program)
	all := make([]*expression, 0, 2*len(p.validations))
	for i := range p.validations {
		all = append(all, &p.validations[i].expression)
		if p.validations[i].message.plan != nil {
			all = append(all, &p.validations[i].message)
		}
	}
	run, err := p.begin(context.Background(), in)
	if err != nil {
		return nil, err
	}
	defer run.end()
	size := run.sizeOf(parts{request: true, namespace: true}).largest(allOf(classOf(p.params)))
	b := bounder{size: size, variables: map[string]*extent{}}
	if b.size.full == numClasses {
		return nil, fmt.Errorf("the input is larger than all classes")
	}
	for i := range p.variables {
		_, b.variables[p.variables[i].name] = b.bound(p.variables[i].checked.NativeRep())
	}
	measured := make([]Measured, len(all))
	for i, e := range all {
		m := &measured[i]
		m.Field = e.field
		m.Bound, _ = b.bound(e.checked.NativeRep())
		program, err := e.counted()
		if err != nil {
			return nil, err
		}
		run.counted = true
		run.start(p.budget)
		value, details, err := program.ContextEval(run.ctx, run)
		m.Cost, m.Counted = *details.ActualCost(), outcomeOf(value, err)
		run.counted = false
		run.start(p.budget)
		value, err = run.evalUncounted(e.plan)
		m.Uncounted = outcomeOf(value, err)
	}
	return measured, nil
}

// Counts reports whether the cost of a compiled policy's expressions would be counted for the input.
func Counts(compiled policies.Program, in *policies.Input) (bool, error) {
	p := compiled.(*program)
	run, err := p.begin(context.Background(), in)
	if err != nil {
		return false, err
	}
	defer run.end()
	return run.counted, nil
}

// outcomeOf is a result as text. The text of an error is left out: it may have a map in it, whose order is another one each time.
func outcomeOf(value ref.Val, err error) string {
	if err != nil {
		return "error"
	}
	return fmt.Sprint(value)
}

// RequestJSON and Convert make JSON of a request, the one by hand.
var (
	RequestJSON = requestJSON
	Convert     = convert
)

// NewValue is the CEL value of decoded JSON.
func NewValue(value any) ref.Val { return elementOf(value) }
