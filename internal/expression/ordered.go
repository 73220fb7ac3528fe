package expression

import (
	"cmp"
	"slices"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"
	"github.com/google/cel-go/interpreter"
)

// CEL iterates over maps in Go's random order. What is injected must be the same for the same input, or GitOps clients see
// drift, so every map that an expression can iterate over is wrapped in one that iterates in the order of its keys.

// orderedAdapter turns native values into CEL values, maps into ordered ones.
type orderedAdapter struct {
	types.Adapter
}

var _ types.Adapter = orderedAdapter{}

// NativeToValue wraps a native value. The most frequent types are decided here, without reflection.
func (a orderedAdapter) NativeToValue(value any) ref.Val {
	switch v := value.(type) {
	case map[string]any:
		return orderedMap{types.NewStringInterfaceMap(a, v)}
	case map[ref.Val]ref.Val:
		return orderedMap{types.NewRefValMap(a, v)}
	case []any:
		return types.NewDynamicList(a, v)
	}
	return ordered(a.Adapter.NativeToValue(value))
}

// ordered wraps a map; any other value is returned as it is.
func ordered(value ref.Val) ref.Val {
	if _, done := value.(orderedMap); done {
		return value
	}
	if m, ok := value.(traits.Mapper); ok {
		return orderedMap{m}
	}
	return value
}

// orderedMap is a map that iterates in the order of its keys.
type orderedMap struct {
	traits.Mapper
}

var (
	_ traits.Mapper = orderedMap{}
	_ traits.Zeroer = orderedMap{}
)

// IsZeroValue reports whether the map is empty, for optional.ofNonZeroValue.
func (m orderedMap) IsZeroValue() bool { return m.Size() == types.IntZero }

// Iterator yields the keys in order: by type, then by value.
func (m orderedMap) Iterator() traits.Iterator {
	var keys []ref.Val
	for it := m.Mapper.Iterator(); it.HasNext() == types.True; {
		keys = append(keys, it.Next())
	}
	slices.SortFunc(keys, compareKeys)
	return types.NewRefValList(types.DefaultTypeAdapter, keys).Iterator()
}

func compareKeys(a, b ref.Val) int {
	if order := cmp.Compare(a.Type().TypeName(), b.Type().TypeName()); order != 0 {
		return order
	}
	if comparer, ok := a.(traits.Comparer); ok {
		if order, ok := comparer.Compare(b).(types.Int); ok {
			return int(order)
		}
	}
	return 0
}

// orderMaps makes the maps ordered that an expression itself builds, by a literal or a comprehension (transformMap): CEL makes
// these without asking the adapter. It yields no option where an expression builds none.
func orderMaps(checked *ast.AST) []cel.ProgramOption {
	building := map[int64]bool{}
	ast.PostOrderVisit(checked.Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		builds := e.Kind() == ast.MapKind || e.Kind() == ast.ComprehensionKind
		if builds && checked.GetType(e.ID()).Kind() == types.MapKind {
			building[e.ID()] = true
		}
	}))
	if len(building) == 0 {
		return nil
	}
	return []cel.ProgramOption{cel.CustomDecorator(func(i interpreter.Interpretable) (interpreter.Interpretable, error) {
		// An access to the map has the map's ID too, and must stay what it is.
		if _, access := i.(interpreter.InterpretableAttribute); building[i.ID()] && !access {
			return orderedResult{i}, nil
		}
		return i, nil
	})}
}

// orderedResult makes the map that a part of an expression yields ordered.
type orderedResult struct {
	interpreter.Interpretable
}

// Eval evaluates the part.
func (r orderedResult) Eval(vars interpreter.Activation) ref.Val {
	return ordered(r.Interpretable.Eval(vars))
}
