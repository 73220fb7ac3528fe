package cel_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kroguard/kroguard/policies"
	"github.com/kroguard/kroguard/policies/cel"
	"github.com/kroguard/kroguard/policies/v1alpha1"
)

// expensive costs more than 100,000 and less than the 1,000,000 that one expression may cost, by the product of the lengths of
// two long strings, but takes no time.
const expensive = "object.spec.text.contains(object.spec.text)"

// bomb costs more than one expression may.
const bomb = "[1,2,3,4,5,6,7,8,9,10].all(a, [1,2,3,4,5,6,7,8,9,10].all(b, [1,2,3,4,5,6,7,8,9,10].all(c, " +
	"[1,2,3,4,5,6,7,8,9,10].all(d, [1,2,3,4,5,6,7,8,9,10].all(e, [1,2,3,4,5,6,7,8,9,10].all(f, " +
	"a + b + c + d + e + f > 0))))))"

func variables(namesAndExpressions ...string) []v1alpha1.CELVariable {
	var list []v1alpha1.CELVariable
	for i := 0; i < len(namesAndExpressions); i += 2 {
		list = append(list, v1alpha1.CELVariable{Name: namesAndExpressions[i], Expression: namesAndExpressions[i+1]})
	}
	return list
}

func repeat(expression string, times int) []v1alpha1.CELValidation {
	list := make([]v1alpha1.CELValidation, times)
	for i := range list {
		list[i] = v1alpha1.CELValidation{Expression: expression, Message: fmt.Sprintf("check %d", i)}
	}
	return list
}

func TestPoliciesYieldEveryFindingAndEveryError(t *testing.T) {
	const limit = "operation cancelled: actual cost limit exceeded" //nolint:misspell // cel-go spells it so
	const v0, v1 = "spec.cel.validations[0].expression: ", "spec.cel.validations[1].expression: "
	tests := map[string]struct {
		policy   *v1alpha1.CELPolicy
		findings []policies.Finding
		err      string
	}{
		"all violations at once, in the order of the text": {
			policy: &v1alpha1.CELPolicy{Validations: []v1alpha1.CELValidation{
				{Expression: "object.spec.replicas <= 3", Message: "too many", Reason: "TooMany", FieldPath: ".spec.replicas"},
				{Expression: "object.spec.public == true", Message: "must be public"},
				{Expression: "has(object.metadata.annotations)"},
			}},
			findings: []policies.Finding{
				{Message: "too many", Reason: "TooMany", Field: ".spec.replicas"},
				{Message: "failed expression: has(object.metadata.annotations)"},
			},
		},
		"a validation that fails does not hide the others": {
			policy: &v1alpha1.CELPolicy{Validations: []v1alpha1.CELValidation{
				{Expression: "object.spec.absent" + " == 1"},
				{Expression: "object.spec.gone == 1"},
				{Expression: "object.spec.replicas <= 3", Message: "too many"},
			}},
			findings: []policies.Finding{{Message: "too many"}},
			err:      v0 + "no such key: absent; " + v1 + "no such key: gone",
		},
		"variables are seen by later ones and by validations": {
			policy: &v1alpha1.CELPolicy{
				Variables:   variables("a", "object.spec.replicas", "b", "variables.a + 1"),
				Validations: checks("variables.b == 6 && variables.a == 5").Validations,
			},
		},
		"a variable that fails matters only where it is read": {
			policy: &v1alpha1.CELPolicy{
				Variables:   variables("bad", "object.spec.absent"),
				Validations: checks("object.spec.public == true", "object.spec.public || variables.bad == 1").Validations,
			},
		},
		"a variable that fails fails what reads it": {
			policy: &v1alpha1.CELPolicy{
				Variables:   variables("bad", "object.spec.absent", "worse", "variables.bad + 1"),
				Validations: checks("variables.worse == 1").Validations,
			},
			err: v0 + `variable "worse": variable "bad": no such key: absent`,
		},
		"a variable that reads itself is an error": {
			policy: &v1alpha1.CELPolicy{
				Variables:   variables("self", "dyn(variables).self == 1"),
				Validations: checks("variables.self").Validations,
			},
			err: v0 + `variable "self": variable "self" refers to itself`,
		},
		"variables that read each other are an error": {
			policy: &v1alpha1.CELPolicy{
				Variables:   variables("a", "dyn(variables).b + 1", "b", "variables.a + 1"),
				Validations: checks("variables.a == 1").Validations,
			},
			err: v0 + `variable "a": variable "b": variable "a" refers to itself`,
		},
		"a cost bomb is stopped, and the rest is judged": {
			policy: &v1alpha1.CELPolicy{Validations: []v1alpha1.CELValidation{
				{Expression: bomb}, {Expression: "object.spec.replicas <= 3", Message: "too many"},
			}},
			findings: []policies.Finding{{Message: "too many"}},
			err:      v0 + limit,
		},
		"a cost bomb in a variable is stopped": {
			policy: &v1alpha1.CELPolicy{Variables: variables("v", bomb), Validations: checks("variables.v").Validations},
			err:    v0 + `variable "v": ` + limit,
		},
		"a cost bomb in a messageExpression gives way to the message": {
			policy: &v1alpha1.CELPolicy{Validations: []v1alpha1.CELValidation{
				{Expression: "false", Message: "no", MessageExpression: "(" + bomb + ") ? 'a' : 'b'"},
			}},
			findings: []policies.Finding{{Message: "no"}},
		},
	}
	driver := newDriver(t)
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			program := mustCompile(t, driver, guardrail(test.policy))
			findings, err := program.Evaluate(context.Background(), policies.NewInput(review()))
			if diff := cmp.Diff(test.findings, findings); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
			if got := errorText(err); got != test.err {
				t.Errorf("error:\n got %s\nwant %s", got, test.err)
			}
		})
	}
}

// Each part alone stays within the limit of one expression; together they exceed the budget of a policy.
func TestTheBudgetCountsAllExpressionsOfAGuardrailTogether(t *testing.T) {
	const times = 100
	inVariables := make([]string, 0, 2*times)
	all := make([]string, times)
	for i := range times {
		inVariables = append(inVariables, fmt.Sprintf("v%d", i), expensive)
		all[i] = fmt.Sprintf("variables.v%d", i)
	}
	inMessages := repeat("false", times)
	for i := range inMessages {
		inMessages[i].MessageExpression = "(" + expensive + ") ? 'computed' : ''"
	}
	tests := map[string]*v1alpha1.CELPolicy{
		"validations":        {Validations: repeat(expensive, times)},
		"variables":          {Variables: variables(inVariables...), Validations: checks(strings.Join(all, " && ")).Validations},
		"messageExpressions": {Validations: inMessages},
	}
	driver := newDriver(t)
	for name, policy := range tests {
		t.Run(name, func(t *testing.T) {
			program := mustCompile(t, driver, guardrail(policy))
			_, err := program.Evaluate(context.Background(), policies.NewInput(review()))
			if !errors.Is(err, cel.ErrOutOfBudget) {
				t.Fatalf("got %v, want the budget to be used up", err)
			}
		})
	}
	t.Run("a variable that many expressions read is charged once", func(t *testing.T) {
		policy := &v1alpha1.CELPolicy{Variables: variables("v", expensive), Validations: repeat("variables.v", times)}
		findings, err := mustCompile(t, driver, guardrail(policy)).Evaluate(context.Background(), policies.NewInput(review()))
		if err != nil || len(findings) != 0 {
			t.Fatalf("got %v and %v", findings, err)
		}
	})
}

// Kubernetes forgets what was found, so that a failurePolicy of Ignore admits.
func TestNothingIsFoundOnceTheBudgetIsUsedUp(t *testing.T) {
	dear := repeat("true", 100)
	for i := range dear {
		dear[i].MessageExpression = "(" + expensive + ") ? 'computed' : ''"
	}
	tests := map[string][]v1alpha1.CELValidation{
		"by validations": append([]v1alpha1.CELValidation{{Expression: "false", Message: "found"}}, repeat(expensive, 100)...),
		"by messageExpressions, though nothing but the first is violated": append(
			[]v1alpha1.CELValidation{{Expression: "false", Message: "found"}}, dear...),
		"by messageExpressions, though nothing is violated": dear,
	}
	for name, validations := range tests {
		t.Run(name, func(t *testing.T) {
			findings, err := mustCompile(t, newDriver(t), guardrail(&v1alpha1.CELPolicy{Validations: validations})).
				Evaluate(context.Background(), policies.NewInput(review()))
			if len(findings) > 0 {
				t.Errorf("got %v, want nothing", findings)
			}
			if failed, ok := errors.AsType[cel.EvaluationErrors](err); !ok || len(failed) != 1 || !errors.Is(err, cel.ErrOutOfBudget) {
				t.Errorf("got %v, want the one error that the budget is used up", err)
			}
		})
	}
}

func TestACancelledContextStopsAnEvaluation(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := mustCompile(t, newDriver(t), guardrail(checks(expensive, "true"))).
		Evaluate(ctx, policies.NewInput(review()))
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v, want a cancellation", err)
	}
}

func TestMessages(t *testing.T) {
	tests := map[string]struct {
		validation v1alpha1.CELValidation
		want       string
	}{
		"the message, trimmed": {
			validation: v1alpha1.CELValidation{Message: "  no "}, want: "no",
		},
		"the expression where there is no message": {
			validation: v1alpha1.CELValidation{}, want: "failed expression: false",
		},
		"the messageExpression wins over the message": {
			validation: v1alpha1.CELValidation{
				Message: "no", MessageExpression: "'at most ' + string(params.max) + ' in ' + namespaceObject.metadata.name",
			},
			want: "at most 3 in payments-prod",
		},
		"a messageExpression reads variables": {
			validation: v1alpha1.CELValidation{Message: "no", MessageExpression: "'not ' + string(variables.n)"}, want: "not 5",
		},
		"a messageExpression that fails": {
			validation: v1alpha1.CELValidation{Message: "no", MessageExpression: "string(object.spec.absent)"}, want: "no",
		},
		"a messageExpression that fails, without a message": {
			validation: v1alpha1.CELValidation{MessageExpression: "string(object.spec.absent)"}, want: "failed expression: false",
		},
		"a blank messageExpression": {
			validation: v1alpha1.CELValidation{Message: "no", MessageExpression: "'  \\t '"}, want: "no",
		},
		"a messageExpression of several lines": {
			validation: v1alpha1.CELValidation{Message: "no", MessageExpression: "'a\\nb'"}, want: "no",
		},
		"a messageExpression that only ends in a newline": {
			validation: v1alpha1.CELValidation{Message: "no", MessageExpression: "'a\\n'"}, want: "a",
		},
		"a messageExpression of 5 KiB": {
			validation: v1alpha1.CELValidation{Message: "no", MessageExpression: "['" + strings.Repeat("a", 5120) + "'].join()"},
			want:       strings.Repeat("a", 5120),
		},
		"a messageExpression over 5 KiB": {
			validation: v1alpha1.CELValidation{Message: "no", MessageExpression: "['" + strings.Repeat("a", 5121) + "'].join()"},
			want:       "no",
		},
	}
	driver := newDriver(t)
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			test.validation.Expression = " false "
			g := guardrail(&v1alpha1.CELPolicy{
				Variables:   variables("n", "object.spec.replicas"),
				Validations: []v1alpha1.CELValidation{test.validation},
			})
			g.Spec.Params = params(`{"max":3}`)
			findings, err := mustCompile(t, driver, g).Evaluate(context.Background(), policies.NewInput(review()))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]policies.Finding{{Message: test.want}}, findings); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

// Run with the race detector: guardrails share one form of the input.
func TestOneInputServesManyGoroutines(t *testing.T) {
	program := mustCompile(t, newDriver(t), guardrail(&v1alpha1.CELPolicy{
		Variables: variables("ports", "object.spec.ports.map(p, p + 1)"),
		Validations: checks(
			"variables.ports.size() == 2",
			"'developers' in request.userInfo.groups",
			"namespaceObject.metadata.labels['env'] == 'prod'",
			"project.parameters.maxReplicas == 3",
		).Validations,
	}))
	in := policies.NewInput(review())
	var wait sync.WaitGroup
	for range 16 {
		wait.Go(func() {
			for range 50 {
				findings, err := program.Evaluate(context.Background(), in)
				if err != nil || len(findings) != 0 {
					t.Errorf("got %v and %v", findings, err)
				}
			}
		})
	}
	wait.Wait()
}
