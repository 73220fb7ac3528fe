package cel

import (
	"fmt"
	"strings"

	"github.com/kroguard/kroguard/policies/v1alpha1"
)

// unset is violated by every object: what a policy says beside it can be told from its saying nothing.
const unset = "object.spec.size == 'none'"

// composed are policies whose parts depend on each other: variables, messages, conditions, the budget.
func composed() []policy {
	return append(append(withVariables(), withMessages()...), withConditions()...)
}

func variablesOf(namesAndExpressions ...string) []v1alpha1.CELVariable {
	var list []v1alpha1.CELVariable
	for i := 0; i < len(namesAndExpressions); i += 2 {
		list = append(list, v1alpha1.CELVariable{Name: namesAndExpressions[i], Expression: namesAndExpressions[i+1]})
	}
	return list
}

// costly are variables v0, v1, ... that cost much.
func costly(times int) []v1alpha1.CELVariable {
	var list []v1alpha1.CELVariable
	for i := range times {
		list = append(list, v1alpha1.CELVariable{Name: fmt.Sprintf("v%d", i), Expression: expensive})
	}
	return list
}

func withVariables() []policy {
	return []policy{
		{name: "variables", CELPolicy: v1alpha1.CELPolicy{
			Variables: variablesOf("max", "params.max", "replicas", "object.spec.?replicas.orValue(1)", "bad", "object.spec.absent",
				"worse", "variables.bad + 1", "list", "[1, 2]", "map", "{'a': object.spec.?size.orValue('')}",
				"place", "object.metadata.namespace"),
			Validations: validationsOf("variables.replicas <= variables.max", "variables.replicas > variables.max",
				"variables.bad == 1", "variables.worse == 1", "true || variables.bad == 1", "has(variables.bad)",
				"has(variables.max)", "variables.list[0] == 1", "variables.map.a == 'small'", "variables.?max.hasValue()",
				"variables.place == 'payments'", "dyn(variables).absent == 1", "size(dyn(variables)) == 7"),
		}},
		{name: "variables-cost", CELPolicy: v1alpha1.CELPolicy{
			Variables: variablesOf("bomb", bomb(), "costly", expensive),
			Validations: append(repeated("variables.costly", 100),
				validationsOf("variables.bomb", "true || variables.bomb")...),
		}},
		{name: "variables-shadowed", CELPolicy: v1alpha1.CELPolicy{
			Variables: variablesOf("x", "'a'"),
			Validations: validationsOf("[{'x': object.spec.?text.orValue('')}].all(variables, "+
				ten+".all(i, variables.x.contains(variables.x)))", unset),
		}},
		// A messageExpression has no authorizer, and so the variables that it reads have none.
		{name: "variables-with-authorizer", CELPolicy: v1alpha1.CELPolicy{
			Variables: variablesOf("may", "authorizer.requestResource.check('create').allowed()"),
			Validations: []v1alpha1.CELValidation{
				{Expression: "!variables.may", MessageExpression: "variables.may ? 'may' : 'may not'", Message: "nobody knows"},
				{Expression: "!variables.may", MessageExpression: "true || variables.may ? 'may' : 'may not'", Message: "nobody knows"},
			},
		}},
		{name: "budget", CELPolicy: v1alpha1.CELPolicy{Validations: append(validationsOf(unset), repeated(expensive, 100)...)}},
		{name: "budget-variables", CELPolicy: v1alpha1.CELPolicy{
			Variables: costly(60), Validations: validationsOf(allOf("v", 0, 30), allOf("v", 30, 60), unset),
		}},
		{name: "budget-exhausted-by-variables", CELPolicy: v1alpha1.CELPolicy{
			Variables: costly(100), Validations: validationsOf(unset, allOf("v", 0, 50), allOf("v", 50, 100)),
		}},
	}
}

func withMessages() []policy {
	var all []v1alpha1.CELValidation
	for i, e := range []string{
		"'size is ' + object.spec.size", "'n is ' + string(variables.n)", "string(object.spec.absent)", "'  '", "'a\\nb'", "'a\\n'",
		"' trimmed '", "['" + strings.Repeat("a", 600) + "'].join()", "namespaceObject.metadata.name + ' ' + params.metadata.name",
		"(" + bomb() + ") ? 'a' : 'b'", "request.userInfo.username", "string(object.spec.ratio)", "'%s'.format([object.spec.size])",
	} {
		all = append(all, v1alpha1.CELValidation{Expression: unset, MessageExpression: e, Message: fmt.Sprintf(" m%d ", i)})
	}
	costlyMessages := repeated("true", 100)
	for i := range costlyMessages {
		costlyMessages[i].MessageExpression = fmt.Sprintf("(%s) ? 'computed %d' : ''", expensive, i)
	}
	return []policy{
		{name: "messages", CELPolicy: v1alpha1.CELPolicy{
			Variables: variablesOf("n", "object.spec.?replicas.orValue(0)"), Validations: all,
		}},
		{name: "messages-long", CELPolicy: v1alpha1.CELPolicy{Validations: []v1alpha1.CELValidation{
			{Expression: unset, MessageExpression: "['" + strings.Repeat("a", 5121) + "'].join()", Message: "too long"},
		}}},
		{name: "messages-budget", CELPolicy: v1alpha1.CELPolicy{Validations: append(validationsOf(unset), costlyMessages...)}},
		// The variables are within the budget once, but messageExpressions have variables of their own.
		{name: "messages-compute-variables-again", CELPolicy: v1alpha1.CELPolicy{
			Variables: costly(60),
			Validations: []v1alpha1.CELValidation{{
				Expression: "!(" + allOf("v", 0, 60) + ")", Message: "some",
				MessageExpression: "(" + allOf("v", 0, 60) + ") ? 'all' : 'none'",
			}, {Expression: "true"}},
		}},
	}
}

func withConditions() []policy {
	many := make([]string, 40)
	for i := range many {
		many[i] = expensive
	}
	var list []policy
	for name, expressions := range map[string][]string{
		"true":       {"true", "object.spec.size == 'small'"},
		"false":      {"true", "object.spec.size == 'absent'"},
		"error":      {"object.spec.public == true", "object.spec.absent == 1"},
		"false-wins": {"object.spec.absent == 1", "object.spec.size == ''"},
		"params": {
			"params.max == 5", "'developers' in request.userInfo.groups", "authorizer.requestResource.check('create').allowed()",
		},
		"bomb":                {bomb()},
		"budget":              many,
		"budget-though-false": append([]string{"object.spec.size == ''"}, many...),
	} {
		p := policy{name: "conditions-" + name, CELPolicy: v1alpha1.CELPolicy{Validations: validationsOf(unset)}}
		for i, e := range expressions {
			p.conditions = append(p.conditions, v1alpha1.MatchCondition{Name: fmt.Sprintf("c%d", i), Expression: e})
		}
		list = append(list, p)
	}
	return list
}

// allOf reads some of the variables that are called by a prefix and a number.
func allOf(prefix string, from, to int) string {
	var names []string
	for i := from; i < to; i++ {
		names = append(names, fmt.Sprintf("variables.%s%d", prefix, i))
	}
	return strings.Join(names, " && ")
}
