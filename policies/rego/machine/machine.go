package machine

import (
	"context"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/metrics"
	"github.com/open-policy-agent/opa/v1/topdown"
	"github.com/open-policy-agent/opa/v1/topdown/builtins"
	opaprint "github.com/open-policy-agent/opa/v1/topdown/print"
)

// Program is compiled rules. It is immutable and safe for concurrent use.
type Program struct {
	rules []*rule
	// roots are the places of the roots in rules.
	roots []int
	// slots is how many slots a run needs, buildings how many comprehensions there are, memos how many functions that have one.
	slots, buildings, memos int
	// input is the slot of the input document; readsInput says whether it is read.
	input      int
	readsInput bool
	// prefixes are the prefixes that are read.
	prefixes []readPrefix
	// documents are the slots of Options.Documents.
	documents []int
}

// readPrefix is a prefix, by its place in Options.Prefixes, and its slot.
type readPrefix struct{ prefix, slot int }

// Limits bound one Run.
type Limits struct {
	// Deadline is when the evaluation is given up; none where zero.
	Deadline time.Time
	// Bytes is about how much memory may be taken by the values that are built; none where zero.
	Bytes int
}

// Run evaluates the roots of a Program on one input. It belongs to one goroutine. The zero value is usable, and may
// be used again after Finish.
type Run struct {
	machine
}

// Input is what a Run reads. It is asked once for each piece that the Program refers to, when the Run starts.
type Input interface {
	// Document is the input document, without Options.Constants; nil where it is undefined.
	Document() (*ast.Term, error)
	// Prefix is the value at the path of that place in Options.Prefixes; nil where it is undefined.
	Prefix(i int) (*ast.Term, error)
}

// step is a piece of a rule's body. It calls the next step for each way in which it holds, and reports whether the search is to
// go on: false means that somebody has found what they sought, or that the machine has an error.
type step func(m *machine) bool

// machine is the state of a run.
type machine struct {
	program *Program
	slots   []*ast.Term
	states  []state
	// buildings are what comprehensions have gathered so far.
	buildings []*building
	// memos are what functions have yielded.
	memos []memo

	// unknown are the values that nobody can tell; nil for none. touched are the bits of those that the way to here has looked at,
	// always of those that every way has, ever of those that any way has.
	unknown               map[*ast.Term]uint64
	touched, always, ever uint64

	limits Limits
	// steps counts loops and calls, so that the clock is read now and then; bytes is what was built.
	steps uint
	bytes int
	err   error

	builtin    topdown.BuiltinContext
	supervisor Supervisor
	// operands are those of a quick function.
	operands [3]*ast.Term
	// output is what the built-in that was called last yields; capture sets it.
	output  *ast.Term
	capture func(*ast.Term) error
	// failures are the built-ins that failed, which made their expression undefined; kept where keepFailures.
	failures     []topdown.Error
	keepFailures bool
	// document is the input document with the constants, once somebody asked for it.
	document *ast.Term
}

// state is what a run knows of a rule.
type state struct {
	// done is set when value is final; a nil value is undefined then.
	done bool
	// hit is set by a definition that holds.
	hit   bool
	value *ast.Term
	// by is the definition that yielded the value.
	by *ast.Location
	// set and object are under construction.
	set    ast.Set
	object ast.Object
	// touched are the bits of the unknown values that the value depends on. certain are the elements of the set that depend on none,
	// uncertain the bits that others do.
	touched, uncertain uint64
	certain            ast.Set
}

const (
	// ticksPerClock is how many loops and calls pass between two looks at the clock. One takes tens of nanoseconds to some
	// microseconds (built-ins that may take longer are called under a watch of their own).
	ticksPerClock = 256
	// bytesPerElement is what an element of an array, set or object is counted as: the term, its value and its share of the
	// table that holds it.
	bytesPerElement = 96
)

// tick counts a loop or call, and reports whether the run may go on.
func (m *machine) tick() bool {
	m.steps++
	return m.steps%ticksPerClock != 0 || m.inTime()
}

func (m *machine) inTime() bool {
	if m.err != nil {
		return false
	}
	if ctx := m.builtin.Context; ctx != nil && ctx.Err() != nil {
		m.err = context.Cause(ctx)
		return false
	}
	if !m.limits.Deadline.IsZero() && !time.Now().Before(m.limits.Deadline) {
		m.err = context.DeadlineExceeded
		return false
	}
	return true
}

// charge counts memory, and reports whether the run may go on.
func (m *machine) charge(bytes int, location *ast.Location) bool {
	m.bytes += bytes
	if m.limits.Bytes == 0 || m.bytes <= m.limits.Bytes {
		return true
	}
	m.fail(&LimitError{Bytes: m.limits.Bytes, Location: location})
	return false
}

// fail ends the run with an error, unless it has one.
func (m *machine) fail(err error) {
	if m.err == nil {
		m.err = err
	}
}

// Start begins a run of the program. Whatever an earlier run left is forgotten. The error is the input's.
func (r *Run) Start(ctx context.Context, program *Program, input Input, limits Limits) error {
	m := &r.machine
	m.program, m.limits = program, limits
	m.slots = resized(m.slots, program.slots)
	m.states = resized(m.states, len(program.rules))
	m.buildings = resized(m.buildings, program.buildings)
	m.memos = resized(m.memos, program.memos)
	m.steps, m.bytes, m.err, m.document = 0, 0, nil, nil
	m.unknown, m.touched, m.always, m.ever = nil, 0, 0, 0
	if m.capture == nil {
		m.capture = func(term *ast.Term) error {
			m.output = term
			return nil
		}
		m.builtin.Metrics = metrics.NoOp()
		m.builtin.Cache = builtins.Cache{}
	}
	m.builtin.Context = ctx
	return m.read(input)
}

// Documents sets the values of Options.Documents, in their order; a nil one is undefined, as all are that are not set. Call it
// after Start.
func (r *Run) Documents(values ...*ast.Term) {
	for i, value := range values {
		r.slots[r.program.documents[i]] = value
	}
}

// read fills in the slots of the input.
func (m *machine) read(input Input) (err error) {
	if m.program.readsInput {
		if m.slots[m.program.input], err = input.Document(); err != nil {
			return err
		}
	}
	for _, p := range m.program.prefixes {
		if m.slots[p.slot], err = input.Prefix(p.prefix); err != nil {
			return err
		}
	}
	if partial, ok := input.(PartialInput); ok {
		m.unknown = partial.Unknown()
		m.readUnknown()
	}
	return nil
}

// readUnknown empties the slots of the input of which nobody can tell the value.
func (m *machine) readUnknown() {
	if len(m.unknown) == 0 {
		m.unknown = nil
		return
	}
	m.slots[m.program.input] = m.known(m.slots[m.program.input])
	for _, p := range m.program.prefixes {
		m.slots[p.slot] = m.known(m.slots[p.slot])
	}
	m.always, m.touched = m.touched, 0
}

// resized is a zeroed slice of length n.
func resized[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	s = s[:n]
	clear(s)
	return s
}

// Print makes the run pass on what print() prints, and keep the built-ins that failed. Call it after Start.
func (r *Run) Print(hook opaprint.Hook) {
	r.builtin.PrintHook = hook
	r.keepFailures = hook != nil
}

// Root evaluates a root, by its place among those given to Compile. The value is nil where the rule is undefined. An error is
// that of OPA's interpreter (*topdown.Error), a *LimitError, or the context's; a further root may be evaluated after it.
func (r *Run) Root(root int) (*ast.Term, error) {
	m := &r.machine
	if m.err != nil {
		// What a failed rule left may be half done.
		clear(m.states)
		m.err = nil
	}
	if !m.inTime() {
		return nil, m.err
	}
	value := m.value(m.program.roots[root])
	if m.err != nil {
		return nil, m.err
	}
	return value, nil
}

// Failures are the built-ins that failed since the last call, where Print was called.
func (r *Run) Failures() []topdown.Error {
	failures := r.failures
	r.failures = nil
	return failures
}

// Finish lets go of the input and of all that was computed from it.
func (r *Run) Finish() {
	m := &r.machine
	clear(m.slots)
	clear(m.states)
	clear(m.buildings)
	clear(m.memos)
	m.operands = [3]*ast.Term{}
	m.program, m.output, m.document, m.unknown, m.err, m.failures = nil, nil, nil, nil, nil, nil
	clear(m.builtin.Cache)
	m.builtin.Context, m.builtin.PrintHook, m.builtin.Location = nil, nil, nil
	m.keepFailures, m.supervisor = false, nil
}
