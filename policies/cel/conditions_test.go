package cel_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kroguard/kroguard/policies"
	"github.com/kroguard/kroguard/policies/v1alpha1"
)

func conditioned(expressions ...string) *v1alpha1.Guardrail {
	g := guardrail(checks("true"))
	for i, expression := range expressions {
		g.Spec.MatchConditions = append(g.Spec.MatchConditions,
			v1alpha1.MatchCondition{Name: fmt.Sprintf("c%d", i), Expression: expression})
	}
	return g
}

func TestMatchConditions(t *testing.T) {
	const first, second = "spec.matchConditions[0].expression: ", "spec.matchConditions[1].expression: "
	many := make([]string, 64)
	for i := range many {
		many[i] = expensive
	}
	tests := map[string]struct {
		expressions []string
		want        bool
		err         string
	}{
		"all true":                         {expressions: []string{"true", "object.spec.replicas == 5"}, want: true},
		"one false":                        {expressions: []string{"true", "object.spec.replicas == 4"}},
		"a false one wins over an error":   {expressions: []string{"object.spec.absent == 1", "false"}},
		"an error where none is false":     {expressions: []string{"true", "object.absent == 1"}, err: second + "no such key: absent"},
		"the first error":                  {expressions: []string{"object.x == 1", "object.y == 1"}, err: first + "no such key: x"},
		"params, project, namespaceObject": {expressions: []string{"params.n == 1 && project.name == 'payments' && namespaceObject.metadata.name == 'payments-prod'"}, want: true},
		"the authorizer":                   {expressions: []string{"!authorizer.requestResource.check('create').allowed()"}, want: true},
		"the budget is a quarter of the policy's": {
			expressions: many, err: "spec.matchConditions[21].expression: the guardrail's cost budget is used up, no further expression is run",
		},
	}
	driver := newDriver(t)
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			g := conditioned(test.expressions...)
			g.Spec.Params = params(`{"n":1}`)
			compiled, err := driver.CompileConditions(context.Background(), g)
			if err != nil {
				t.Fatal(err)
			}
			got, err := compiled.Match(context.Background(), policies.NewInput(review()))
			if got != test.want || errorText(err) != test.err {
				t.Fatalf("got %v, %v; want %v, %s", got, err, test.want, test.err)
			}
		})
	}
}

func TestMatchConditionsThatDoNotCompile(t *testing.T) {
	_, err := newDriver(t).CompileConditions(context.Background(), conditioned("1", "variables.a == 1"))
	want := policies.CompileErrors{
		{Field: "spec.matchConditions[0].expression", Message: "must evaluate to bool but got int"},
		{
			Field: "spec.matchConditions[1].expression", Line: 1, Column: 1,
			Message: "undeclared reference to 'variables' (in container '')",
		},
	}
	if diff := cmp.Diff(error(want), err); diff != "" {
		t.Errorf("errors (-want +got):\n%s", diff)
	}
}

func TestNoMatchConditionsAreNil(t *testing.T) {
	compiled, err := newDriver(t).CompileConditions(context.Background(), conditioned())
	if compiled != nil || err != nil {
		t.Fatalf("got %v, %v", compiled, err)
	}
}
