package render

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"
	"github.com/google/cel-go/interpreter"
	krocel "github.com/kubernetes-sigs/kro/pkg/cel"
	"github.com/kubernetes-sigs/kro/pkg/cel/conversion"
	"github.com/kubernetes-sigs/kro/pkg/graph"
	"github.com/kubernetes-sigs/kro/pkg/graph/parser"
)

// expression is a compiled expression of a graph. It is immutable and safe for concurrent use.
type expression struct {
	// user is the text as the RGD has it, parts are the expressions in it, without "${" and "}".
	user  string
	parts []string
	// nodes are the nodes that it refers to.
	nodes []string
	// slot is where a walk keeps the result; -1 for one that depends on iterators.
	slot    int
	program cel.Program
}

// result is what an expression yields.
type result struct {
	// value is the value as JSON, where it is known.
	value any
	// waitsFor are the nodes that it waits for, where it isn't known.
	waitsFor []string
	// unset says which field of the instance is missing, where kro waits for somebody to set one.
	unset string
}

func (r result) known() bool { return r.waitsFor == nil && r.unset == "" }

// EvaluationError says that an expression fails for an instance. kro creates none of the instance's resources then.
type EvaluationError struct {
	// Offering is the RGD, Node the node, Expression what fails there, if it is an expression.
	Offering, Node, Expression string
	Err                        error
}

// Error names the place.
func (e *EvaluationError) Error() string {
	text := fmt.Sprintf("ResourceGraphDefinition %q, resource %q", e.Offering, e.Node)
	if e.Expression != "" {
		text += ": ${" + e.Expression + "}"
	}
	return text + ": " + e.Err.Error()
}

// Unwrap is the reason.
func (e *EvaluationError) Unwrap() error { return e.Err }

// expressionCompiler compiles the expressions of a graph once more, in the environment that kro's builder makes, so that they
// can be stopped and tell the unknown from the absent. kro's builder has found them correct before.
type expressionCompiler struct {
	env *cel.Env
	// slots are the expressions without iterators, which yield the same wherever they stand.
	slots map[string]*expression
	reads *metadataReads
}

// compile compiles an expression in an environment, which differs from the graph's where there are iterators.
func (c *expressionCompiler) compile(env *cel.Env, source *krocel.Expression, iterators []string) (*expression, error) {
	iterates := slices.ContainsFunc(source.References, func(name string) bool { return slices.Contains(iterators, name) })
	if e, ok := c.slots[source.Original]; ok && !iterates {
		return e, nil
	}
	checked, issues := env.Compile(source.Original)
	if err := issues.Err(); err != nil {
		return nil, err
	}
	program, err := env.Program(checked, watch(checked.NativeRep())...)
	if err != nil {
		return nil, err
	}
	c.reads.add(checked.NativeRep())
	e := &expression{user: source.UserExpression(), parts: partsOf(source), slot: -1, program: program}
	for _, name := range source.References {
		if name != graph.SchemaVarName && !slices.Contains(iterators, name) {
			e.nodes = append(e.nodes, name)
		}
	}
	slices.Sort(e.nodes)
	if !iterates {
		e.slot = len(c.slots)
		c.slots[source.Original] = e
	}
	return e, nil
}

// outputType is the type of an expression's result.
func outputType(env *cel.Env, source *krocel.Expression) (*cel.Type, error) {
	checked, issues := env.Compile(source.Original)
	if err := issues.Err(); err != nil {
		return nil, err
	}
	return checked.OutputType(), nil
}

func partsOf(source *krocel.Expression) []string {
	if source.OriginalTemplate == "" {
		return []string{source.Original}
	}
	parts, err := parser.ExtractExpressions(source.OriginalTemplate)
	if err != nil {
		return []string{source.Original}
	}
	return parts
}

// evaluate evaluates the expression. The error is a *LimitError, or what CEL says.
func (e *expression) evaluate(vars interpreter.Activation, meter *meter) (result, error) {
	value, _, err := e.program.Eval(vars)
	if meter.exceeded != nil {
		return result{}, meter.exceeded
	}
	if err != nil {
		return e.failed(err)
	}
	obstacle := obstacleIn(value, meter)
	if meter.exceeded != nil {
		return result{}, meter.exceeded
	}
	switch o := obstacle.(type) {
	case *types.Unknown:
		return result{waitsFor: waiting(o)}, nil
	case *types.Err:
		return e.failed(o)
	}
	native, err := nativeOf(value)
	return result{value: native}, err
}

// nativeOf is a value as JSON, converted as kro does it. kro's conversion panics on what no JSON has; a webhook may not.
func nativeOf(value ref.Val) (native any, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the result is no JSON: %v", r)
		}
	}()
	native, err = conversion.GoNativeType(value)
	if err != nil {
		return nil, err
	}
	return conversion.EnsureJSONSafe(native)
}

// failed tells what kro waits for from what is wrong, as kro's runtime does (pkg/runtime/errors.go).
func (e *expression) failed(err error) (result, error) {
	var stopped interpreter.EvalCancelledError
	if errors.As(err, &stopped) || !slices.ContainsFunc(dataPending(), func(pattern string) bool {
		return strings.Contains(err.Error(), pattern)
	}) {
		return result{}, err
	}
	if len(e.nodes) > 0 {
		return result{waitsFor: e.nodes}, nil
	}
	return result{unset: err.Error()}, nil
}

func dataPending() []string {
	return []string{"no such key", "no such field", "no such attribute", "index out of bounds"}
}

// obstacleIn looks for what keeps a value from being JSON, something unknown or an error, and counts what is in it: converting
// it walks all of it, shared parts each time that they occur.
func obstacleIn(value ref.Val, meter *meter) ref.Val {
	switch v := value.(type) {
	case *types.Unknown, *types.Err:
		return v
	case partial:
		// What it holds is of the graph's own objects and counted when those were made.
		if u := v.unknownPart(); u != nil {
			return u
		}
	case *types.Optional:
		if v.HasValue() {
			return obstacleIn(v.GetValue(), meter)
		}
	case traits.Lister:
		for it := v.Iterator(); it.HasNext() == types.True; {
			if o := obstacleInPart(it.Next(), meter); o != nil {
				return o
			}
		}
	case traits.Mapper:
		for it := v.Iterator(); it.HasNext() == types.True; {
			if o := obstacleInPart(v.Get(it.Next()), meter); o != nil {
				return o
			}
		}
	}
	return nil
}

func obstacleInPart(value ref.Val, meter *meter) ref.Val {
	if !meter.take(1) {
		// Ends the search; the caller sees the meter.
		return types.NewErr("limit exceeded")
	}
	return obstacleIn(value, meter)
}
