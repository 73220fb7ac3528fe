package rego

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/storage"
	"github.com/open-policy-agent/opa/v1/storage/inmem"

	"github.com/kroguard/kroguard/policies"
	"github.com/kroguard/kroguard/policies/rego/machine"
	"github.com/kroguard/kroguard/policies/v1alpha1"
)

const (
	// engine is the language's name in status.engine.
	engine = "Rego"

	// DefaultDeadline is how long one guardrail may take for one input. The API server waits 5 s or less for a webhook,
	// and a review has many guardrails; realistic ones take well under a millisecond.
	DefaultDeadline = time.Second

	// compileDeadline is how long one guardrail may take to compile. Some stages of OPA's compiler are quadratic in the
	// size of one expression; a realistic guardrail compiles in a few milliseconds.
	compileDeadline = 5 * time.Second
)

// PrintFunc receives what a guardrail prints: the arguments of print(), and the errors of built-ins, which Rego treats as
// undefined. The message begins with module and line. Log it at debug level.
//
// It is called from the goroutine of the evaluation and must be safe for concurrent use.
type PrintFunc func(ctx context.Context, guardrail, message string)

// Options configure a Driver. The zero value is usable.
type Options struct {
	// Deadline is how long one evaluation may take, besides the deadline of its context; DefaultDeadline where zero.
	Deadline time.Duration
	// Print receives what guardrails print. Where it is nil, calls of print() are compiled away.
	Print PrintFunc
}

// Driver compiles guardrails written in Rego. It is safe for concurrent use.
type Driver struct {
	options Options
	// store is OPA's data document, empty and never written: guardrails have no data but their own packages.
	store storage.Store
	// stuck counts compilations that were given up and still run, stuckChecks type checks.
	stuck, stuckChecks atomic.Int32
	// runs are machine.Runs to be used again, by the programs of all guardrails.
	runs *sync.Pool
	// prefixes are what the programs read of an input by paths that are known.
	prefixes []prefix
}

var _ policies.Driver = (*Driver)(nil)

// New returns a driver.
func New(options Options) *Driver {
	if options.Deadline <= 0 {
		options.Deadline = DefaultDeadline
	}
	return &Driver{
		options:  options,
		store:    inmem.New(),
		runs:     &sync.Pool{New: func() any { return new(machine.Run) }},
		prefixes: prefixes(),
	}
}

// Engine returns "Rego".
func (*Driver) Engine() string { return engine }

// Handles reports whether the guardrail has spec.rego.
func (*Driver) Handles(guardrail *v1alpha1.Guardrail) bool { return guardrail.Spec.Rego != nil }

// Compile compiles the guardrail's modules. Warnings are what Rego's strict mode objects to, such as unused imports.
//
// The error is a CompileErrors with every place at fault that the compiler found before it had to stop, or the context's
// where that ended first.
func (d *Driver) Compile(ctx context.Context, guardrail *v1alpha1.Guardrail) (policies.Program, []v1alpha1.ExpressionWarning, error) {
	// The compilation may outlive this call, so it gets its own copy.
	guardrail = guardrail.DeepCopy()
	b := bound{work: "compilation", limit: compileDeadline, grace: stopGrace, stuck: &d.stuck}
	result, err := runBounded(ctx, b, func(ctx context.Context) (*compilation, error) {
		return d.compile(ctx, guardrail)
	})

	var late *DeadlineError
	if errors.As(err, &late) && ctx.Err() == nil {
		err = policies.CompileErrors{{Field: regoField, Message: err.Error() + ": divide what is large or deeply nested into rules"}}
	}
	if err != nil {
		return nil, nil, err
	}
	return result.program, result.warnings, nil
}

// compilation is what Compile yields.
type compilation struct {
	program  policies.Program
	warnings []v1alpha1.ExpressionWarning
}

func (d *Driver) compile(ctx context.Context, guardrail *v1alpha1.Guardrail) (*compilation, error) {
	parameters, err := parseParameters(guardrail.Spec.Params)
	if err != nil {
		return nil, err
	}
	parsed, err := parse(guardrail.Spec.Rego)
	if err != nil {
		return nil, err
	}
	compiler, err := parsed.compile(d.options.Print != nil)
	if err != nil {
		return nil, err
	}
	program, err := d.program(ctx, guardrail.Name, compiler, parsed.findingRules(), parameters)
	if err != nil {
		return nil, err
	}
	return &compilation{program: program, warnings: parsed.warnings()}, nil
}

// program compiles the finding rules for the machine, or for the interpreter where the machine can't run them.
func (d *Driver) program(
	ctx context.Context, guardrail string, compiler *ast.Compiler, rules []findingRule, parameters pair,
) (policies.Program, error) {
	roots := make([]ast.Ref, len(rules))
	for i := range rules {
		roots[i] = rules[i].path
	}
	compiled, err := machine.Compile(compiler, roots, machine.Options{
		Constants: map[string]*ast.Term{keyParameters: parameters[1]},
		Prefixes:  paths(d.prefixes),
	})
	var refused *machine.UnsupportedError
	switch {
	case err == nil:
		return &program{
			guardrail: guardrail, rules: rules, compiled: compiled, prefixes: d.prefixes, runs: d.runs,
			deadline: d.options.Deadline, printer: newPrinter(guardrail, d.options.Print), readsResources: readsResources(compiler),
		}, nil
	case !errors.As(err, &refused):
		return nil, err
	}
	prepared, err := prepare(ctx, compiler, d.store, rules)
	if err != nil {
		return nil, err
	}
	return &interpreter{
		guardrail: guardrail, rules: prepared, parameters: parameters, prefixes: d.prefixes,
		deadline: d.options.Deadline, print: d.options.Print, readsResources: readsResources(compiler),
	}, nil
}

// paths are those of the prefixes.
func paths(prefixes []prefix) [][]string {
	paths := make([][]string, len(prefixes))
	for i := range prefixes {
		paths[i] = prefixes[i].path
	}
	return paths
}
