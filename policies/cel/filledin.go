package cel

import (
	"fmt"
	"slices"
	"strings"

	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/operators"
	plugincel "k8s.io/apiserver/pkg/admission/plugin/cel"
)

// missingKey is how CEL says that a field is missing, before its name.
const missingKey = "no such key: "

// MayBeFilledIn reports whether an expression failed for want of a field that an API server, or a mutating webhook, might fill in
// before the policy is asked: one of the object, but for its labels and annotations, which nobody fills in by default. In doubt it
// might.
func (p *AdmissionPolicy) MayBeFilledIn(failed EvaluationError) bool {
	_, key, ok := strings.Cut(failed.Err.Error(), missingKey)
	if !ok {
		return false
	}
	seen, filled := false, false
	for _, e := range p.expressionsFor(failed.Field) {
		for _, read := range readsOf(e.checked.NativeRep(), key) {
			seen = true
			filled = filled || read
		}
	}
	return filled || !seen
}

// expressionsFor are the expression of a field and those that it may read.
func (p *AdmissionPolicy) expressionsFor(field string) []*expression {
	var all []*expression
	for i := range p.validations.variables {
		all = append(all, &p.validations.variables[i].expression)
	}
	add := func(list []expression) {
		for i := range list {
			if list[i].field == field {
				all = append(all, &list[i])
			}
		}
	}
	for i := range p.validations.validations {
		if e := &p.validations.validations[i].expression; e.field == field {
			all = append(all, e)
		}
	}
	if p.conditions != nil {
		add(p.conditions.conditions)
	}
	if p.annotations != nil {
		add(p.annotations.values)
	}
	return all
}

// readsOf says of each place that reads a key, or one that is computed, whether it may read it of the object.
func readsOf(checked *ast.AST, key string) []bool {
	var found []bool
	ast.PostOrderVisit(checked.Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		path, ok := readPath(e)
		if last := len(path) - 1; ok && (path[last] == key || path[last] == anyKey) {
			found = append(found, isFillable(path))
		}
	}))
	return found
}

const (
	// anyKey is a key that is computed, anyRoot a value of which nobody knows where it is from.
	anyKey  = "*"
	anyRoot = ""
)

// readPath is the way that a field or index goes, from the variable on; false for what is neither.
func readPath(e ast.Expr) ([]string, bool) {
	operand, key, ok := stepOf(e)
	if !ok {
		return nil, false
	}
	if path, ok := readPath(operand); ok {
		return append(path, key), true
	}
	if operand.Kind() == ast.IdentKind {
		return []string{operand.AsIdent(), key}, true
	}
	return []string{anyRoot, key}, true
}

// stepOf takes a field or an index apart.
func stepOf(e ast.Expr) (operand ast.Expr, key string, ok bool) {
	switch e.Kind() {
	case ast.SelectKind:
		return e.AsSelect().Operand(), e.AsSelect().FieldName(), true
	case ast.CallKind:
		call := e.AsCall()
		switch call.FunctionName() {
		case operators.Index, operators.OptIndex, operators.OptSelect:
		default:
			return nil, "", false
		}
		if index := call.Args()[1]; index.Kind() == ast.LiteralKind {
			return call.Args()[0], fmt.Sprint(index.AsLiteral().Value()), true
		}
		return call.Args()[0], anyKey, true
	default:
		return nil, "", false
	}
}

// isFillable reports whether the field at the end of a path may be filled in. A variable of a comprehension may have the name of one of
// the input, which makes a field certain that isn't: nobody calls it so.
func isFillable(path []string) bool {
	if slices.Contains([]string{
		plugincel.ParamsVarName, plugincel.RequestVarName, plugincel.NamespaceVarName, plugincel.OldObjectVarName,
	}, path[0]) {
		return false
	}
	return path[0] != plugincel.ObjectVarName || len(path) < 3 || path[1] != "metadata" ||
		path[2] != "labels" && path[2] != "annotations"
}
