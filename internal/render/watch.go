package render

import (
	"strings"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/operators"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/interpreter"
)

// watch makes an expression count its steps, and carry what is unknown in an argument through functions. Macros are stopped
// at any element; a function, which can't be stopped, before it is called, where its work or result may be larger than what it
// is passed.
func watch(checked *ast.AST) []cel.ProgramOption {
	w := watcher{checked: checked, operands: map[int64]operand{}, steps: map[int64]bool{}}
	w.visit(checked.Expr(), false)
	if len(w.operands) == 0 && len(w.steps) == 0 {
		return nil
	}
	return []cel.ProgramOption{cel.CustomDecoratorV2(func(i interpreter.InterpretableV2) (interpreter.InterpretableV2, error) {
		if w.steps[i.ID()] {
			return &step{i}, nil
		}
		if o, ok := w.operands[i.ID()]; ok {
			o.InterpretableV2 = i
			return &o, nil
		}
		return i, nil
	})}
}

// watcher finds what is to be counted in a syntax tree.
type watcher struct {
	checked  *ast.AST
	operands map[int64]operand
	// steps are the bodies of comprehensions.
	steps map[int64]bool
}

func (w *watcher) visit(e ast.Expr, repeated bool) {
	switch e.Kind() {
	case ast.CallKind:
		w.call(e.AsCall(), repeated)
	case ast.ComprehensionKind:
		c := e.AsComprehension()
		w.visit(c.IterRange(), repeated)
		w.visit(c.AccuInit(), repeated)
		w.operand(c.IterRange(), operand{})
		w.steps[c.LoopStep().ID()] = true
		for _, part := range []ast.Expr{c.LoopCondition(), c.LoopStep(), c.Result()} {
			w.visit(part, true)
		}
	case ast.ListKind:
		for _, element := range e.AsList().Elements() {
			w.visit(element, repeated)
			w.operand(element, operand{})
		}
	case ast.MapKind:
		for _, entry := range e.AsMap().Entries() {
			w.visit(entry.AsMapEntry().Key(), repeated)
			w.visit(entry.AsMapEntry().Value(), repeated)
			w.operand(entry.AsMapEntry().Value(), operand{})
		}
	case ast.SelectKind:
		w.visit(e.AsSelect().Operand(), repeated)
	case ast.StructKind:
		for _, field := range e.AsStruct().Fields() {
			w.visit(field.AsStructField().Value(), repeated)
		}
	default:
	}
}

// call looks at the arguments of a function.
func (w *watcher) call(call ast.CallExpr, repeated bool) {
	var arguments []ast.Expr
	if call.IsMemberFunction() {
		arguments = append(arguments, call.Target())
	}
	arguments = append(arguments, call.Args()...)
	for _, argument := range arguments {
		w.visit(argument, repeated)
	}
	switch name := call.FunctionName(); name {
	case operators.Index, operators.OptIndex, operators.OptSelect:
		// Their operands are parts of a path.
		return
	case operators.LogicalAnd, operators.LogicalOr, operators.LogicalNot, operators.NotStrictlyFalse, operators.Conditional:
		return
	default:
		if work := workOf(name, len(arguments)); work != nil {
			ids := make([]int64, len(arguments))
			for i, argument := range arguments {
				ids[i] = argument.ID()
				w.force(argument, operand{sized: true})
			}
			w.force(arguments[len(arguments)-1], operand{sized: true, work: work, all: ids})
			return
		}
		for _, argument := range arguments {
			if !isAccumulator(argument) {
				w.operand(argument, operand{counted: repeated, deep: !isShallow(name)})
			}
		}
	}
}

// isShallow reports whether a function looks at no more than its arguments themselves.
func isShallow(function string) bool {
	switch function {
	case operators.Add, "cel.@mapInsert", "size", "dyn", "type",
		"optional.of", "optional.ofNonZeroValue", "hasValue", "value", "or", "orValue":
		return true
	}
	return false
}

// isAccumulator reports whether an argument is what a macro has collected so far, to which it adds without a copy.
func isAccumulator(e ast.Expr) bool {
	return e.Kind() == ast.IdentKind && strings.HasPrefix(e.AsIdent(), "@")
}

// operand notes an argument that may hold other values, or text.
func (w *watcher) operand(e ast.Expr, o operand) {
	switch w.checked.GetType(e.ID()).Kind() {
	case types.BoolKind, types.DoubleKind, types.DurationKind, types.IntKind, types.NullTypeKind, types.TimestampKind,
		types.TypeKind, types.UintKind:
		return
	case types.BytesKind, types.StringKind:
		if !o.counted {
			return
		}
	default:
	}
	w.force(e, o)
}

func (w *watcher) force(e ast.Expr, o operand) {
	w.operands[e.ID()] = o
}

// workOf says how much work a function does with arguments of some sizes, nil where it is in proportion to them.
func workOf(function string, arguments int) func(sizes []int) int {
	product := func(a, b int) int {
		const unbounded = 1 << 40
		if a > 0 && b > unbounded/a {
			return unbounded
		}
		return a * b
	}
	switch {
	case function == "lists.range" && arguments == 1:
		return func(sizes []int) int { return sizes[0] }
	case function == "random.seededString" && arguments == 2:
		return func(sizes []int) int { return sizes[0] }
	case function == "distinct" && arguments == 1:
		return func(sizes []int) int { return product(sizes[0], sizes[0]) / 2 }
	case function == "join" && arguments == 2:
		return func(sizes []int) int { return product(sizes[0], sizes[1]/bytesPerStep+1) }
	case function == "replace" && arguments >= 3:
		return func(sizes []int) int { return product(sizes[0]+1, sizes[2]/bytesPerStep+1) }
	}
	return nil
}
