package machine_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	opa "github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/test/cases"
	"github.com/open-policy-agent/opa/v1/test/cases/testdata"
	"github.com/open-policy-agent/opa/v1/topdown"
	"github.com/open-policy-agent/opa/v1/util"

	"github.com/kroguard/kroguard/policies/rego"
	"github.com/kroguard/kroguard/policies/rego/machine"
)

// compliance reads the compliance suite of OPA's own module.
func compliance(t *testing.T) []cases.TestCase {
	t.Helper()
	var all []cases.TestCase
	err := fs.WalkDir(testdata.V1, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := fs.ReadFile(testdata.V1, path)
		if err != nil {
			return err
		}
		var set cases.Set
		if err := util.Unmarshal(text, &set); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		all = append(all, set.Cases...)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestTheMachineAgreesWithOPAOnItsComplianceSuite runs each case of OPA's suite that asks for one rule and has no base documents,
// by the machine and by OPA's interpreter. The machine may leave a case to the interpreter, but not many: how many is part of the
// test.
func TestTheMachineAgreesWithOPAOnItsComplianceSuite(t *testing.T) {
	ran, left := 0, map[string]int{}
	for _, c := range compliance(t) {
		root, ok := rootOf(&c)
		if !ok {
			continue
		}
		compiler, err := compileModules(c.Modules)
		if err != nil {
			continue // the case is about an error of the compiler
		}
		program, err := machine.Compile(compiler, []ast.Ref{root}, machine.Options{})
		var refused *machine.UnsupportedError
		if errors.As(err, &refused) {
			left[strings.SplitN(c.Note, "/", 2)[0]]++
			t.Logf("%s: %v", c.Note, err)
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", c.Note, err)
			continue
		}
		ran++
		input := inputOf(t, &c)
		want, got := interpreted(compiler, root, input), run(program, whole{input})
		if want != got {
			t.Errorf("%s: the machine yields %s, OPA %s\n%s", c.Note, got, want, strings.Join(c.Modules, "\n"))
		}
	}
	t.Logf("%d cases run, left to the interpreter: %v", ran, left)
}

// rootOf is the rule that a case asks for.
func rootOf(c *cases.TestCase) (ast.Ref, bool) {
	if c.Data != nil && len(*c.Data) > 0 || len(c.Env) > 0 || c.StrictError {
		return nil, false
	}
	path, found := strings.CutSuffix(c.Query, " = x")
	ref, err := ast.ParseRef(path)
	return ref, found && err == nil && ref[0].Equal(ast.DefaultRootDocument) && ref.IsGround()
}

func compileModules(sources []string) (*ast.Compiler, error) {
	modules := map[string]*ast.Module{}
	for i, source := range sources {
		name := fmt.Sprintf("module-%d.rego", i)
		module, err := ast.ParseModuleWithOpts(name, source, ast.ParserOptions{RegoVersion: ast.RegoV1})
		if err != nil {
			return nil, err
		}
		modules[name] = module
	}
	capabilities := ast.CapabilitiesForThisVersion()
	for _, unavailable := range rego.UnavailableBuiltins() {
		capabilities.Builtins = slices.DeleteFunc(capabilities.Builtins, func(b *ast.Builtin) bool { return b.Name == unavailable.Name })
	}
	compiler := ast.NewCompiler().WithCapabilities(capabilities)
	compiler.Compile(modules)
	if compiler.Failed() {
		return nil, compiler.Errors
	}
	return compiler, nil
}

func inputOf(t *testing.T, c *cases.TestCase) *ast.Term {
	t.Helper()
	switch {
	case c.InputTerm != nil:
		term, err := ast.ParseTerm(*c.InputTerm)
		if err != nil {
			t.Fatal(err)
		}
		return term
	case c.Input != nil:
		value, err := ast.InterfaceToValue(*c.Input)
		if err != nil {
			t.Fatal(err)
		}
		return ast.NewTerm(value)
	default:
		return nil
	}
}

// interpreted is what OPA's interpreter says: a value, "undefined", or the code of an error.
func interpreted(compiler *ast.Compiler, root ast.Ref, input *ast.Term) string {
	return interpretedWithin(context.Background(), compiler, root, input)
}

func interpretedWithin(ctx context.Context, compiler *ast.Compiler, root ast.Ref, input *ast.Term) string {
	options := []func(*opa.Rego){
		opa.ParsedQuery(ast.NewBody(ast.NewExpr(ast.NewTerm(root)))), opa.Compiler(compiler),
		opa.GenerateJSON(func(term *ast.Term, _ *opa.EvalContext) (any, error) { return term, nil }),
	}
	if input != nil {
		options = append(options, opa.ParsedInput(input.Value))
	}
	results, err := opa.New(options...).Eval(ctx)
	if err != nil {
		return failure(err)
	}
	if len(results) == 0 {
		return "undefined"
	}
	term, _ := results[0].Expressions[0].Value.(*ast.Term)
	return term.String()
}

// whole is an input that is not taken apart.
type whole struct{ document *ast.Term }

func (w whole) Document() (*ast.Term, error) { return w.document, nil }

func (whole) Prefix(int) (*ast.Term, error) { return nil, errors.New("no prefix was asked for") }

// run is what the machine says, in the same words.
func run(program *machine.Program, input machine.Input) string {
	return runWithin(context.Background(), program, input)
}

func runWithin(ctx context.Context, program *machine.Program, input machine.Input) string {
	r := new(machine.Run)
	limits := machine.Limits{Deadline: time.Now().Add(time.Minute), Bytes: 64 << 20}
	if err := r.Start(ctx, program, input, limits); err != nil {
		return err.Error()
	}
	defer r.Finish()
	value, err := r.Root(0)
	switch {
	case err != nil:
		return failure(err)
	case value == nil:
		return "undefined"
	default:
		return value.String()
	}
}

func failure(err error) string {
	var engine *topdown.Error
	if errors.As(err, &engine) {
		return "error " + engine.Code
	}
	return "error " + err.Error()
}
