package cel

import (
	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/operators"
	"github.com/google/cel-go/common/types"
	plugincel "k8s.io/apiserver/pkg/admission/plugin/cel"

	"github.com/kroguard/kroguard/policies/v1alpha1"
)

// usage is what a guardrail's expressions say about the instances that they expect. A guardrail for several offerings may read
// what not all of them have, if it asks first.
type usage struct {
	// distinguishes is true where an expression may tell offerings apart: then any other may be meant for some of them alone.
	distinguishes bool
	// asksForTypes is true where an expression asks for the type of a value.
	asksForTypes bool
	// presence has the names of fields whose presence is tested somewhere, by has(), in, or an optional selection.
	presence map[string]bool
}

// usageOf reads all expressions of a guardrail.
func usageOf(env *cel.Env, guardrail *v1alpha1.Guardrail) usage {
	u := usage{presence: map[string]bool{}}
	visit := func(text string, condition bool) {
		parsed, issues := env.Parse(text)
		if issues.Err() != nil {
			return
		}
		ast.PreOrderVisit(parsed.NativeRep().Expr(), ast.NewExprVisitor(func(e ast.Expr) { u.visit(e, condition) }))
	}
	for _, condition := range guardrail.Spec.MatchConditions {
		visit(condition.Expression, true)
	}
	if policy := guardrail.Spec.CEL; policy != nil {
		for _, v := range policy.Variables {
			visit(v.Expression, false)
		}
		for _, v := range policy.Validations {
			visit(v.Expression, false)
			if v.MessageExpression != "" {
				visit(v.MessageExpression, false)
			}
		}
	}
	return u
}

// visit reads one part of an expression. A matchCondition that looks at the instance at all keeps others away from the policy.
func (u *usage) visit(e ast.Expr, condition bool) {
	switch e.Kind() {
	case ast.IdentKind:
		switch e.AsIdent() {
		case offeringVarName:
			u.distinguishes = true
		case plugincel.ObjectVarName, plugincel.OldObjectVarName, instanceVarName:
			u.distinguishes = u.distinguishes || condition
		}
	case ast.SelectKind:
		selection := e.AsSelect()
		if selection.IsTestOnly() {
			u.presence[selection.FieldName()] = true
		}
		switch selection.FieldName() {
		case "apiVersion", "kind", "resource", "requestKind", "requestResource":
			u.distinguishes = true
		}
	case ast.CallKind:
		u.visitCall(e)
	}
}

func (u *usage) visitCall(e ast.Expr) {
	args := e.AsCall().Args()
	switch {
	case isCallOf(e, "type"):
		u.asksForTypes = true
	case isCallOf(e, operators.OptSelect) && len(args) == 2, isCallOf(e, operators.OptIndex) && len(args) == 2:
		u.addPresence(args[1])
	case isCallOf(e, operators.In) && len(args) == 2:
		u.addPresence(args[0])
	}
}

func (u *usage) addPresence(name ast.Expr) {
	if name.Kind() != ast.LiteralKind {
		return
	}
	if text, ok := name.AsLiteral().(types.String); ok {
		u.presence[string(text)] = true
	}
}
