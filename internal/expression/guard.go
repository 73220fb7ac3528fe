package expression

import (
	"slices"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/operators"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"
	"github.com/google/cel-go/interpreter"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
)

// CEL's cost limit counts a list by its own length, whatever its elements hold. So [[1]].map(x, [x, x]).map(x, [x, x])...
// costs little, and comparing it with itself, which walks all that is in it, takes exponential time under any limit. What is
// passed to a function that may walk it is therefore counted before, in full and once for each time that it is passed.

const (
	// maxPassedValues bounds the values that the functions of one template are passed in one evaluation. It is the number that
	// Kubernetes' cost limit has for one expression, and means the same: about a tenth of a second.
	maxPassedValues = celconfig.PerCallLimit

	// variablePassed is how an evaluation's count is found. No identifier can have that name.
	variablePassed = "@passed"
)

// guardCalls counts what an expression passes to functions. It yields no option where that is nothing but scalars.
func guardCalls(checked *ast.AST) []cel.ProgramOption {
	passed := map[int64]bool{}
	ast.PostOrderVisit(checked.Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		if e.Kind() != ast.CallKind || isShallow(e.AsCall().FunctionName()) {
			return
		}
		arguments := e.AsCall().Args()
		if e.AsCall().IsMemberFunction() {
			arguments = append(slices.Clone(arguments), e.AsCall().Target())
		}
		for _, argument := range arguments {
			if !isScalar(checked.GetType(argument.ID())) {
				passed[argument.ID()] = true
			}
		}
	}))
	if len(passed) == 0 {
		return nil
	}
	return []cel.ProgramOption{cel.CustomDecorator(func(i interpreter.Interpretable) (interpreter.Interpretable, error) {
		_, constant := i.(interpreter.InterpretableConst)
		if constant || !passed[i.ID()] {
			return i, nil
		}
		return counted{i}, nil
	})}
}

// isShallow reports whether a function looks at no more than its arguments themselves. Some of these must get what the planner
// made for them, too.
func isShallow(function string) bool {
	switch function {
	case operators.LogicalAnd, operators.LogicalOr, operators.LogicalNot, operators.NotStrictlyFalse, operators.Conditional,
		operators.Index, operators.OptIndex, operators.OptSelect, operators.Add,
		"cel.@mapInsert", "size", "dyn", "type",
		"optional.of", "optional.ofNonZeroValue", "hasValue", "value", "or", "orValue":
		return true
	}
	return false
}

// isScalar reports whether values of a type hold no others.
func isScalar(t *cel.Type) bool {
	switch t.Kind() {
	case types.BoolKind, types.BytesKind, types.DoubleKind, types.DurationKind, types.IntKind, types.NullTypeKind,
		types.StringKind, types.TimestampKind, types.TypeKind, types.UintKind:
		return true
	}
	return false
}

// counted is an argument that is counted before it is passed.
type counted struct {
	interpreter.Interpretable
}

// Eval yields the argument, or an error where the evaluation has passed too much.
func (c counted) Eval(vars interpreter.Activation) ref.Val {
	value := c.Interpretable.Eval(vars)
	found, _ := vars.ResolveName(variablePassed)
	left, ok := found.(*int)
	if !ok || !count(value, left) {
		return types.NewErrWithNodeID(c.ID(), "the functions of the expression are passed too many values: at most %d", maxPassedValues)
	}
	return value
}

// count takes a value and all values in it off what is left, and reports whether that was enough.
func count(value ref.Val, left *int) bool {
	*left--
	if *left < 0 {
		return false
	}
	switch v := value.(type) {
	case *types.Optional:
		return !v.HasValue() || count(v.GetValue(), left)
	case traits.Lister:
		for it := v.Iterator(); it.HasNext() == types.True; {
			if !count(it.Next(), left) {
				return false
			}
		}
	case traits.Mapper:
		for it := v.Iterator(); it.HasNext() == types.True; {
			if !count(v.Get(it.Next()), left) {
				return false
			}
		}
	}
	return true
}
