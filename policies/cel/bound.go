package cel

import (
	"math"
	"slices"
	"strings"

	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/operators"
	"github.com/google/cel-go/common/types"
	plugincel "k8s.io/apiserver/pkg/admission/plugin/cel"
)

// nodeCost bounds what reading one name, field or index costs besides its parts: CEL charges 1 for each.
const nodeCost = 2

// maxNesting is how many comprehensions may be within the steps of others. The step of each is looked at twice, so that the work
// doubles with each; and what loops within so many loops has no bound below the limits for any but the smallest inputs.
const maxNesting = 4

// bounder bounds the cost of expressions for inputs of one size.
type bounder struct {
	size sizes
	// variables are the extents of the guardrail's variables.
	variables map[string]*extent
	// reads are the parts of the input that were seen to be read.
	reads parts

	checked *ast.AST
	// input is the extent of anything but the objects, object that of those.
	input, object *extent
	locals        []local
	// nesting counts the comprehensions whose step is being looked at.
	nesting int
	cost    float64
}

// local is a variable of a comprehension.
type local struct {
	name  string
	value *extent
}

// bound yields the most that the expression costs, whatever the input, as Kubernetes counts it, and the extent of its result.
// The type checker's estimate would not do: it does not charge for fields of values of any type.
func (b *bounder) bound(checked *ast.AST) (float64, *extent) {
	b.checked, b.locals, b.nesting, b.cost = checked, nil, 0, 0
	b.input, b.object = inputOf(b.size.lean), objectOf(b.size.lean, b.size.full)
	result := b.visit(checked.Expr())
	return b.cost, result
}

// giveUp makes the cost infinite, for what no bound is known. Such an expression is run with its cost counted: knowing too few
// functions costs time, and never exactness.
func (b *bounder) giveUp() *extent {
	b.cost = math.Inf(1)
	return scalar()
}

func (b *bounder) visit(e ast.Expr) *extent {
	if math.IsInf(b.cost, 1) {
		return scalar()
	}
	b.cost += nodeCost
	switch e.Kind() {
	case ast.LiteralKind:
		return literal(e)
	case ast.IdentKind:
		return b.name(e, e.AsIdent())
	case ast.SelectKind:
		return b.field(e)
	case ast.CallKind:
		return b.call(e)
	case ast.ListKind:
		return b.list(e.AsList())
	case ast.MapKind:
		return b.newMap(e.AsMap())
	case ast.ComprehensionKind:
		return b.comprehension(e.AsComprehension())
	default:
		return b.giveUp()
	}
}

func literal(e ast.Expr) *extent {
	switch v := e.AsLiteral().(type) {
	case types.String:
		return textOf(float64(len(v)))
	case types.Bytes:
		return textOf(float64(len(v)))
	default:
		return scalar()
	}
}

// name is the extent of what a name stands for.
func (b *bounder) name(e ast.Expr, name string) *extent {
	for i := len(b.locals) - 1; i >= 0; i-- {
		if b.locals[i].name == name {
			return b.locals[i].value
		}
	}
	switch name {
	case plugincel.ObjectVarName, plugincel.OldObjectVarName, instanceVarName:
		return b.object
	case plugincel.ParamsVarName, projectVarName, offeringVarName:
		return b.input
	case plugincel.RequestVarName:
		b.reads.request = true
		return b.input
	case resourcesVarName:
		b.reads.resources = true
		return b.input
	case plugincel.NamespaceVarName:
		b.reads.namespace = true
		return b.input
	}
	if b.checked.GetType(e.ID()).Kind() == types.TypeKind {
		return scalar()
	}
	// Among others the authorizer, whose checks cost so much that they have to be counted, and "variables" as a whole.
	return b.giveUp()
}

// field is the extent of object.field, or of a qualified name that is written alike.
func (b *bounder) field(e ast.Expr) *extent {
	if reference, ok := b.checked.ReferenceMap()[e.ID()]; ok {
		return b.name(e, reference.Name)
	}
	operand := e.AsSelect().Operand()
	if operand.Kind() == ast.IdentKind && operand.AsIdent() == plugincel.VariableVarName && !b.isLocal(plugincel.VariableVarName) {
		b.cost += nodeCost
		if value, ok := b.variables[e.AsSelect().FieldName()]; ok {
			return value
		}
		return b.giveUp()
	}
	value := b.visit(operand)
	if e.AsSelect().IsTestOnly() {
		return scalar()
	}
	return value.field(e.AsSelect().FieldName())
}

// isLocal reports whether a comprehension has a variable of the name, which hides that of the input.
func (b *bounder) isLocal(name string) bool {
	return slices.ContainsFunc(b.locals, func(l local) bool { return l.name == name })
}

func (b *bounder) list(list ast.ListExpr) *extent {
	b.cost += 10
	var element *extent
	for _, e := range list.Elements() {
		element = either(element, b.visit(e))
	}
	return listOf(float64(list.Size()), element)
}

func (b *bounder) newMap(m ast.MapExpr) *extent {
	b.cost += 30
	var element *extent
	for _, e := range m.Entries() {
		entry := e.AsMapEntry()
		element = either(element, either(b.visit(entry.Key()), b.visit(entry.Value())))
	}
	result := listOf(float64(m.Size()), element)
	result.weight *= 2
	return result
}

// comprehension is a loop: all(), map() and their like. What it accumulates is found by looking at one step first: a step
// adds the same each time, since no macro reads what was accumulated but to add to it.
func (b *bounder) comprehension(loop ast.ComprehensionExpr) *extent {
	iterated := b.visit(loop.IterRange())
	if !strings.HasPrefix(loop.AccuVar(), "@") && iterated.entries > 0 {
		// An expression could name what is accumulated, and so let it grow faster. Only optMap() has such a name, and no loop.
		return b.giveUp()
	}
	start := b.visit(loop.AccuInit())
	scope := len(b.locals)
	enter := func(accumulated *extent) {
		b.locals = append(b.locals[:scope], local{loop.AccuVar(), accumulated}, local{loop.IterVar(), iterated.element()})
		if loop.HasIterVar2() {
			b.locals = append(b.locals, local{loop.IterVar2(), iterated.element()})
		}
	}
	if b.nesting == maxNesting {
		return b.giveUp()
	}
	b.nesting++
	before := b.cost
	enter(start)
	total := grown(start, b.visit(loop.LoopStep()), iterated.entries)
	b.cost = 0
	enter(total)
	b.visit(loop.LoopCondition())
	b.visit(loop.LoopStep())
	b.nesting--
	b.cost = before + times(iterated.entries, b.cost)
	b.locals = append(b.locals[:scope], local{loop.AccuVar(), total})
	result := b.visit(loop.Result())
	b.locals = b.locals[:scope]
	return result
}

// call is the extent of the result of a function or operator, whose own cost it adds.
func (b *bounder) call(e ast.Expr) *extent {
	call := e.AsCall()
	args := make([]*extent, 0, len(call.Args())+1)
	if call.IsMemberFunction() {
		args = append(args, b.visit(call.Target()))
	}
	for _, arg := range call.Args() {
		args = append(args, b.visit(arg))
	}
	switch call.FunctionName() {
	case operators.OptSelect:
		if name, ok := call.Args()[1].AsLiteral().(types.String); ok {
			return args[0].field(string(name))
		}
		return args[0].element()
	case operators.OptIndex, operators.Index:
		return args[0].element()
	}
	cost, result := function(call.FunctionName(), args)
	if result == nil {
		return b.giveUp()
	}
	b.cost += cost
	return result
}
