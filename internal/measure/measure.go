// Package measure times guardrails over sample objects, each by itself and all together, with the engine that the webhooks use.
package measure

import (
	"cmp"
	"context"
	"runtime"
	"slices"
	"time"

	"github.com/kroguard/kroguard/policies"
	"github.com/kroguard/kroguard/policies/v1alpha1"
)

// Cost is what something takes, on the average.
type Cost struct {
	Nanoseconds float64 `json:"ns"`
	Allocations float64 `json:"allocs"`
	Bytes       float64 `json:"bytes"`
}

// Guardrail is the result for one guardrail.
type Guardrail struct {
	Name   string `json:"name"`
	Engine string `json:"engine"`
	// CompileNanoseconds is the time that its compilation took.
	CompileNanoseconds int64 `json:"compileNs"`
	// Matched is how many of the objects the guardrail's match is for. Violations and Errors are how many violations it finds in them,
	// and for how many of them its evaluation fails.
	Matched    int `json:"matched"`
	Violations int `json:"violations"`
	Errors     int `json:"errors"`
	// Evaluation is the cost of evaluating one object that matches, once the object is in the form that the engine reads; zero where
	// none matches.
	Evaluation Cost `json:"evaluation"`
}

// Report is the result of a run.
type Report struct {
	Objects int `json:"objects"`
	// Review is the cost of judging one object by all guardrails, what they share included: the object in the form that each engine reads.
	Review Cost `json:"review"`
	// Guardrails are sorted by time, the slowest first.
	Guardrails []Guardrail `json:"guardrails"`
}

// Options say what is measured, and how long. Either Time or Count is given.
type Options struct {
	Guardrails []*v1alpha1.Guardrail
	Exceptions []*v1alpha1.GuardrailException
	// NewInput builds the input of each object anew.
	NewInput []func() *policies.Input
	// Conditions and Drivers compile the guardrails.
	Conditions policies.ConditionCompiler
	Drivers    []policies.Driver
	// Time is how long each guardrail is measured at least; Count, where it is not 0, is how often each object is evaluated instead.
	Time  time.Duration
	Count int
	// Progress is told which guardrail is next; nil for nobody.
	Progress func(done int, name string)
}

// floorTime is how long the floor is measured: it takes less than a microsecond.
const floorTime = 20 * time.Millisecond

// Run measures each guardrail, and then all of them together.
func Run(ctx context.Context, options Options) (*Report, error) {
	report := &Report{Objects: len(options.NewInput)}
	inputs := make([]*policies.Input, len(options.NewInput))
	for i, build := range options.NewInput {
		inputs[i] = build()
	}
	floor := options.floor(ctx, inputs)
	for n, guardrail := range options.Guardrails {
		if options.Progress != nil {
			options.Progress(n, guardrail.Name)
		}
		report.Guardrails = append(report.Guardrails, options.guardrail(ctx, guardrail, inputs, floor))
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
	}
	slices.SortStableFunc(report.Guardrails, func(a, b Guardrail) int {
		return cmp.Compare(b.Evaluation.Nanoseconds, a.Evaluation.Nanoseconds)
	})
	all := policies.NewCompiler(options.Conditions, options.Drivers...).Compile(ctx, options.Guardrails, options.Exceptions)
	report.Review = options.measure(len(inputs), func(i int) { all.Evaluate(ctx, options.NewInput[i](), time.Now()) })
	return report, context.Cause(ctx)
}

// guardrail measures one guardrail. floor is what a review takes whose only guardrail does nothing.
func (o *Options) guardrail(ctx context.Context, guardrail *v1alpha1.Guardrail, inputs []*policies.Input, floor Cost) Guardrail {
	compiler := policies.NewCompiler(o.Conditions, o.Drivers...)
	notes := new(notes)
	compiler.Record(notes)
	set := compiler.Compile(ctx, []*v1alpha1.Guardrail{guardrail}, o.Exceptions)

	result := Guardrail{Name: guardrail.Name, Engine: notes.engine, CompileNanoseconds: notes.took.Nanoseconds()}
	var matched []*policies.Input
	for _, in := range inputs {
		notes.seen = nil
		// The first evaluation makes what later ones share, and is not measured.
		set.Evaluate(ctx, in, time.Now())
		if notes.seen == nil {
			continue
		}
		matched = append(matched, in)
		result.Violations += notes.seen.Denied + notes.seen.Warned + notes.seen.Audited + notes.seen.Waived
		if notes.seen.Failed {
			result.Errors++
		}
	}
	result.Matched = len(matched)
	if len(matched) == 0 {
		return result
	}
	cost := o.cost(ctx, policies.NewCompiler(o.Conditions, o.Drivers...).Compile(ctx, []*v1alpha1.Guardrail{guardrail}, o.Exceptions), matched)
	result.Evaluation = Cost{
		Nanoseconds: max(0, cost.Nanoseconds-floor.Nanoseconds),
		Allocations: max(0, cost.Allocations-floor.Allocations),
		Bytes:       max(0, cost.Bytes-floor.Bytes),
	}
	return result
}

// floor is the cost of a review whose only guardrail matches everything and does nothing. It is part of every other cost, so it is
// measured for a time of its own.
func (o *Options) floor(ctx context.Context, inputs []*policies.Input) Cost {
	set := policies.NewCompiler(nil, nothing{}).Compile(ctx, []*v1alpha1.Guardrail{{}}, nil)
	return (&Options{Time: floorTime}).cost(ctx, set, inputs)
}

// cost measures a Set over inputs that are in the form that engines read.
func (o *Options) cost(ctx context.Context, set *policies.Set, inputs []*policies.Input) Cost {
	return o.measure(len(inputs), func(i int) { set.Evaluate(ctx, inputs[i], time.Now()) })
}

// measure runs work for each of n objects, round after round, the first of which doesn't count, and yields the cost of one run. The clock and the allocation counters
// are read once a round, which is long enough for both: rounds grow until the time is used up.
func (o *Options) measure(n int, work func(i int)) Cost {
	timed(1, n, work)
	rounds := max(o.Count, 1)
	for {
		cost, took := timed(rounds, n, work)
		if o.Count > 0 || took >= o.Time {
			return cost
		}
		// As testing.B does: as many rounds as fill the time and a fifth more, but at most a hundred times as many as before.
		rounds = min(100*rounds, 1+int(1.2*float64(rounds)*float64(o.Time)/float64(max(took, 1))))
	}
}

func timed(rounds, n int, work func(i int)) (Cost, time.Duration) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	started := time.Now()
	for range rounds {
		for i := range n {
			work(i)
		}
	}
	took := time.Since(started)
	runtime.ReadMemStats(&after)
	runs := float64(rounds * n)
	return Cost{
		Nanoseconds: float64(took.Nanoseconds()) / runs,
		Allocations: float64(after.Mallocs-before.Mallocs) / runs,
		Bytes:       float64(after.TotalAlloc-before.TotalAlloc) / runs,
	}, took
}

// notes is a Recorder of one guardrail.
type notes struct {
	engine string
	took   time.Duration
	// seen is the last evaluation.
	seen *policies.Evaluation
}

var (
	_ policies.Recorder = (*notes)(nil)
	_ policies.Observer = (*notes)(nil)
)

// Compiled implements policies.Recorder.
func (n *notes) Compiled(info *policies.CompiledInfo, took time.Duration) policies.Observer {
	n.engine, n.took = info.Engine, took
	return n
}

// Retain implements policies.Recorder.
func (*notes) Retain([]string) {}

// Evaluated implements policies.Observer.
func (n *notes) Evaluated(evaluation policies.Evaluation) { n.seen = &evaluation }

// nothing is a driver whose policies do nothing.
type nothing struct{}

var (
	_ policies.Driver  = nothing{}
	_ policies.Program = nothing{}
)

// Engine implements policies.Driver.
func (nothing) Engine() string { return "" }

// Handles implements policies.Driver.
func (nothing) Handles(*v1alpha1.Guardrail) bool { return true }

// Compile implements policies.Driver.
func (n nothing) Compile(context.Context, *v1alpha1.Guardrail) (policies.Program, []v1alpha1.ExpressionWarning, error) {
	return n, nil, nil
}

// Evaluate implements policies.Program.
func (nothing) Evaluate(context.Context, *policies.Input) ([]policies.Finding, error) {
	return nil, nil
}
