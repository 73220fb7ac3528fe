package render

import (
	"context"

	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"
	"github.com/google/cel-go/interpreter"
)

const (
	// variableMeter is how an evaluation finds its meter. No identifier can have that name.
	variableMeter = "@meter"
	// stepsPerDeadlineCheck is how many steps pass between two looks at the clock: some ten microseconds.
	stepsPerDeadlineCheck = 256
	// bytesPerStep is how much text counts one step, as in Kubernetes' costs of CEL it is ten bytes.
	bytesPerStep = 64
)

// meter counts the steps of one instance's expressions and watches the deadline. It belongs to one goroutine.
type meter struct {
	ctx   context.Context
	steps int
	max   int
	// look is when to look at the deadline next.
	look int
	// exceeded is the limit that was hit.
	exceeded *LimitError
	// sizes are those of arguments that were evaluated and whose call is yet to come, by the id of the argument.
	sizes map[int64]int
}

// take counts steps, and reports whether the evaluation may go on.
func (m *meter) take(steps int) bool {
	if m.exceeded != nil {
		return false
	}
	if steps > m.max || m.steps > m.max-steps {
		m.exceeded = &LimitError{Limit: LimitSteps, Max: m.max, Asked: m.max + 1}
		return false
	}
	m.steps += steps
	if m.steps < m.look {
		return true
	}
	m.look = m.steps + stepsPerDeadlineCheck
	return m.inTime()
}

func (m *meter) inTime() bool {
	if err := m.ctx.Err(); err != nil && m.exceeded == nil {
		m.exceeded = &LimitError{Limit: LimitDeadline, Cause: context.Cause(m.ctx)}
	}
	return m.exceeded == nil
}

// step is the body of a comprehension.
type step struct{ interpreter.InterpretableV2 }

// Exec counts and evaluates the body.
func (s *step) Exec(frame *interpreter.ExecutionFrame) ref.Val {
	charge(frame, 1)
	return s.InterpretableV2.Exec(frame)
}

// Eval does the same.
func (s *step) Eval(vars interpreter.Activation) ref.Val { return s.Exec(interpreter.AsFrame(vars)) }

// operand is an argument of a function, an element of a list, or a range.
type operand struct {
	interpreter.InterpretableV2
	// counted says that it is passed again and again, so that each time counts.
	counted bool
	// deep says that all that it holds is walked, and counts: a list that macros have put together may hold the same list again
	// and again.
	deep bool
	// sized says that its size is kept until all arguments are there; work is then counted by those of all.
	sized bool
	work  func(sizes []int) int
	all   []int64
}

// Exec evaluates the argument. One of which parts are unknown is unknown: functions would take the parts for absent.
func (o *operand) Exec(frame *interpreter.ExecutionFrame) ref.Val {
	value := o.InterpretableV2.Exec(frame)
	if p, ok := value.(partial); ok {
		if u := p.unknownPart(); u != nil {
			return u
		}
	}
	if o.deep && isComposite(value) {
		meter := meterOf(frame)
		obstacle := obstacleIn(value, meter)
		charge(frame, 0)
		if obstacle != nil {
			return obstacle
		}
	}
	switch {
	case o.sized:
		o.measure(frame, value)
	case o.counted:
		charge(frame, 1+sizeOf(value)/bytesPerStep)
	}
	return value
}

func isComposite(value ref.Val) bool {
	switch value.(type) {
	case traits.Lister, traits.Mapper, *types.Optional:
		return true
	}
	return false
}

// Eval does the same.
func (o *operand) Eval(vars interpreter.Activation) ref.Val { return o.Exec(interpreter.AsFrame(vars)) }

func (o *operand) measure(frame *interpreter.ExecutionFrame, value ref.Val) {
	m := meterOf(frame)
	if m.sizes == nil {
		m.sizes = map[int64]int{}
	}
	size := sizeOf(value)
	if number, ok := value.(types.Int); ok {
		size = int(max(number, 0))
	}
	m.sizes[o.ID()] = size
	if o.work == nil {
		return
	}
	sizes := make([]int, len(o.all))
	for i, id := range o.all {
		sizes[i] = m.sizes[id]
	}
	charge(frame, o.work(sizes))
}

// sizeOf is the length of a text, a list or a map.
func sizeOf(value ref.Val) int {
	switch v := value.(type) {
	case types.String:
		return len(v)
	case types.Bytes:
		return len(v)
	case traits.Sizer:
		if size, ok := v.Size().(types.Int); ok {
			return int(size)
		}
	}
	return 0
}

func meterOf(frame *interpreter.ExecutionFrame) *meter {
	found, _ := frame.ResolveName(variableMeter)
	m, _ := found.(*meter)
	return m
}

// charge counts steps and ends the evaluation where there are too many, as cel-go does where its own cost limit is hit: by a
// panic that the program turns into an error. Errors would not do: || and && may absorb them and go on.
func charge(frame *interpreter.ExecutionFrame, steps int) {
	if !meterOf(frame).take(steps) {
		panic(interpreter.EvalCancelledError{Cause: interpreter.CostLimitExceeded, Message: "limit exceeded"})
	}
}
