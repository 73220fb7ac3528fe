package rego

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/storage"
	"github.com/open-policy-agent/opa/v1/storage/inmem"

	"github.com/kroguard/kroguard/policies"
	"github.com/kroguard/kroguard/policies/rego/machine"
)

// keyInventory is the base document of Gatekeeper's templates: data.inventory.
const keyInventory = "inventory"

// TemplateModules are the parsed modules of one of Gatekeeper's templates.
type TemplateModules struct {
	// Name names the template where it prints.
	Name string
	// Modules are named by the field that a compile error in them names.
	Modules map[string]*ast.Module
	// Rule is the rule whose elements are violations.
	Rule ast.Ref
}

// Template is compiled modules that many policies have in common, which differ by their parameters. It is immutable and safe for
// concurrent use.
type Template struct {
	driver   *Driver
	name     string
	compiler *ast.Compiler
	rule     findingRule
	// readsInventory says whether data.inventory matters.
	readsInventory bool
}

// CompileTemplate compiles the modules of a template. They may call what guardrails may, and what reads the clock besides: a template
// is judged as Gatekeeper judges it. The modules are the Template's from then on. The error is a CompileErrors, or the context's where
// that ended first.
func (d *Driver) CompileTemplate(ctx context.Context, modules TemplateModules) (*Template, error) {
	problems := newProblems(nil)
	for _, module := range modules.Modules {
		checkNesting(module, problems)
	}
	if err := problems.err(); err != nil {
		return nil, err
	}
	reads := readsInventory(modules.Modules)
	b := bound{work: "compilation", limit: compileDeadline, grace: stopGrace, stuck: &d.stuck}
	compiler, err := runBounded(ctx, b, func(context.Context) (*ast.Compiler, error) {
		compiler := ast.NewCompiler().WithCapabilities(templateCapabilities()).WithEnablePrintStatements(d.options.Print != nil)
		compiler.SetErrorLimit(0)
		compiler.Compile(modules.Modules)
		if compiler.Failed() {
			return nil, TemplateErrors(compiler.Errors)
		}
		return compiler, nil
	})
	if err != nil {
		return nil, err
	}
	rule := findingRule{name: ruleViolation, path: modules.Rule, violations: true}
	return &Template{driver: d, name: modules.Name, compiler: compiler, rule: rule, readsInventory: reads}, nil
}

// readsInventory reports whether a module may read data.inventory: by its name, or as a part of data.
func readsInventory(modules map[string]*ast.Module) bool {
	reads := false
	for _, module := range modules {
		ast.WalkRefs(module, func(ref ast.Ref) bool {
			if ref[0].Equal(ast.DefaultRootDocument) {
				reads = reads || len(ref) == 1 || !ref[1].IsGround() || ref[1].Equal(ast.StringTerm(keyInventory))
			}
			return reads
		})
	}
	return reads
}

// TemplateErrors are the errors of OPA's parser or compiler as CompileErrors, whose fields are the names of the modules.
func TemplateErrors(err error) error {
	var list ast.Errors
	var single *ast.Error
	switch {
	case errors.As(err, &list):
	case errors.As(err, &single):
		list = ast.Errors{single}
	default:
		return err
	}
	var problems policies.CompileErrors
	for _, e := range list[:min(len(list), maxProblems)] {
		problem := policies.CompileError{Message: explain(e)}
		if e.Location != nil {
			problem.Field, problem.Line, problem.Column = e.Location.File, e.Location.Row, e.Location.Col
		}
		problems = append(problems, problem)
	}
	return problems
}

// Policy is a Template with parameters. It is immutable and safe for concurrent use.
type Policy struct {
	template   *Template
	name       string
	parameters pair
	// compiled is nil where the machine can't run the template.
	compiled *machine.Program
}

// Policy specializes the template: the parameters, decoded JSON, go into the compiled code as constants.
func (t *Template) Policy(name string, parameters any) (*Policy, error) {
	term := ast.ObjectTerm()
	if parameters != nil {
		var err error
		if term, err = anyTerm(parameters); err != nil {
			return nil, fmt.Errorf("converting the parameters: %w", err)
		}
	}
	p := &Policy{template: t, name: name, parameters: pair{ast.InternedTerm(keyParameters), term}}
	compiled, err := machine.Compile(t.compiler, []ast.Ref{t.rule.path}, machine.Options{
		Constants: map[string]*ast.Term{keyParameters: term},
		Prefixes:  paths(t.driver.prefixes),
		Documents: []string{keyInventory},
	})
	var refused *machine.UnsupportedError
	if err != nil && !errors.As(err, &refused) {
		return nil, err
	}
	p.compiled = compiled
	return p, nil
}

// Program is the policy with data.inventory, which may be nil. Another inventory costs no compilation.
func (p *Policy) Program(ctx context.Context, inventory *Inventory) (policies.Program, error) {
	if inventory == nil || !p.template.readsInventory {
		inventory = NewInventory(nil)
	}
	d, rules := p.template.driver, []findingRule{p.template.rule}
	if p.compiled != nil {
		return &program{
			guardrail: p.name, rules: rules, compiled: p.compiled, prefixes: d.prefixes, runs: d.runs,
			deadline: d.options.Deadline, printer: newPrinter(p.name, d.options.Print), inventory: inventory,
		}, nil
	}
	if inventory.err != nil {
		return nil, inventory.err
	}
	prepared, err := prepare(ctx, p.template.compiler, inventory.store(), rules)
	if err != nil {
		return nil, err
	}
	return &interpreter{
		guardrail: p.name, rules: prepared, parameters: p.parameters, prefixes: d.prefixes,
		deadline: d.options.Deadline, print: d.options.Print,
	}, nil
}

// Inventory is the document data.inventory. It is immutable and safe for concurrent use.
type Inventory struct {
	err   error
	term  func() (*ast.Term, error)
	store func() storage.Store
}

// UnavailableInventory is one that fails whoever reads it.
func UnavailableInventory(err error) *Inventory {
	return &Inventory{err: err, term: func() (*ast.Term, error) { return nil, err }}
}

// NewInventory converts decoded JSON when a policy first reads it; nil is an empty document. The value is kept and must not change
// afterwards.
func NewInventory(value map[string]any) *Inventory {
	if value == nil {
		value = map[string]any{}
	}
	return &Inventory{
		term: sync.OnceValues(func() (*ast.Term, error) { return anyTerm(asFloats(value)) }),
		store: sync.OnceValue(func() storage.Store {
			// The interpreter reads terms, and not JSON that it converts each time.
			return inmem.NewFromObjectWithOpts(map[string]any{keyInventory: asFloats(value)},
				inmem.OptRoundTripOnWrite(false), inmem.OptReturnASTValuesOnRead(true))
		}),
	}
}

// templateCapabilities are those of guardrails with the clock, and with chance: Gatekeeper has both.
func templateCapabilities() *ast.Capabilities {
	unavailable := map[string]bool{}
	for _, builtin := range UnavailableBuiltins() {
		unavailable[builtin.Name] = !slices.Contains([]string{reasonClock, reasonRandom, reasonTrace}, builtin.Reason)
	}
	c := ast.CapabilitiesForThisVersion()
	c.Builtins = slices.DeleteFunc(c.Builtins, func(b *ast.Builtin) bool { return unavailable[b.Name] })
	c.AllowNet = []string{}
	return c
}
