package cel

import (
	"slices"
	"strings"

	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/operators"
	"github.com/google/cel-go/common/types"
	plugincel "k8s.io/apiserver/pkg/admission/plugin/cel"

	"github.com/kroguard/kroguard/policies"
)

// touch is a path that an expression spells out: object.spec.containers, as far as its steps are constants. Whatever the expression
// reads of the input lies on such a path, or below it.
type touch struct {
	root touchRoot
	path policies.FieldPath
}

type touchRoot int

const (
	touchesObject touchRoot = iota
	touchesResources
	touchesVariables
)

// meets reports whether the field lies on the path or below it, or the path below the field.
func (t *touch) meets(field policies.FieldPath) bool {
	n := min(len(t.path), len(field))
	return slices.Equal(t.path[:n], field[:n])
}

// touchesOf are the paths of an expression. The variables of comprehensions begin anew at what they run over, which is a path itself.
func touchesOf(checked *ast.AST) []touch {
	var touches []touch
	var visit func(e ast.Expr)
	visit = func(e ast.Expr) {
		if t, ok := spelled(e); ok {
			touches = append(touches, t)
		}
		for _, part := range partsOf(e) {
			visit(part)
		}
	}
	visit(checked.Expr())
	return touches
}

// spelled is the path that an expression is. A local variable that happens to have the name of a root is taken for it: that makes
// too many touches, and not too few.
func spelled(e ast.Expr) (touch, bool) {
	switch e.Kind() {
	case ast.IdentKind:
		switch e.AsIdent() {
		case plugincel.ObjectVarName:
			return touch{root: touchesObject}, true
		case resourcesVarName:
			return touch{root: touchesResources}, true
		case plugincel.VariableVarName:
			return touch{root: touchesVariables}, true
		}
	case ast.SelectKind:
		return step(e.AsSelect().Operand(), e.AsSelect().FieldName())
	case ast.CallKind:
		call := e.AsCall()
		switch call.FunctionName() {
		case operators.Index, operators.OptIndex, operators.OptSelect:
			if len(call.Args()) == 2 && call.Args()[1].Kind() == ast.LiteralKind {
				switch key := call.Args()[1].AsLiteral().(type) {
				case types.String:
					return step(call.Args()[0], string(key))
				case types.Int:
					return step(call.Args()[0], int(key))
				}
			}
		}
	}
	return touch{}, false
}

func step(of ast.Expr, key any) (touch, bool) {
	t, ok := spelled(of)
	if !ok {
		return touch{}, false
	}
	return touch{root: t.root, path: append(slices.Clone(t.path), key)}, true
}

// partsOf are the expressions within one that has parts of its own: what a path is made of is no path besides.
func partsOf(e ast.Expr) []ast.Expr {
	switch e.Kind() {
	case ast.SelectKind:
		if _, ok := spelled(e); ok {
			return nil
		}
		return []ast.Expr{e.AsSelect().Operand()}
	case ast.CallKind:
		if _, ok := spelled(e); ok {
			return nil
		}
		call := e.AsCall()
		if call.IsMemberFunction() {
			return append([]ast.Expr{call.Target()}, call.Args()...)
		}
		return call.Args()
	case ast.ListKind:
		return e.AsList().Elements()
	case ast.MapKind:
		var parts []ast.Expr
		for _, entry := range e.AsMap().Entries() {
			parts = append(parts, entry.AsMapEntry().Key(), entry.AsMapEntry().Value())
		}
		return parts
	case ast.StructKind:
		var parts []ast.Expr
		for _, field := range e.AsStruct().Fields() {
			parts = append(parts, field.AsStructField().Value())
		}
		return parts
	case ast.ComprehensionKind:
		loop := e.AsComprehension()
		return []ast.Expr{loop.IterRange(), loop.AccuInit(), loop.LoopCondition(), loop.LoopStep(), loop.Result()}
	default:
		return nil
	}
}

// touchedVariables adds what the variables of the guardrail may have looked at that a touch names; all of them, where it names none.
func (r *evaluation) touchedVariables(unknown *types.Unknown, t *touch, seen []string) *types.Unknown {
	for i := range r.set.variables {
		variable := &r.set.variables[i]
		if slices.Contains(seen, variable.name) || len(t.path) > 0 && t.path[0] != variable.name && !isEscaped(t.path[0]) {
			continue
		}
		if variable.broken != nil {
			continue
		}
		partial, err := variable.partial()
		if err != nil {
			continue // it can't have been evaluated, either
		}
		found := r.touched(partial.touches, append(seen, variable.name))
		unknown = types.MergeUnknowns(found, unknown)
	}
	return unknown
}

// isEscaped reports whether a name is written with Kubernetes' escapes, and so may stand for any.
func isEscaped(name any) bool {
	text, _ := name.(string)
	return strings.Contains(text, "__")
}
