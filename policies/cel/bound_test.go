package cel_test

import (
	"context"
	"strings"
	"testing"

	"github.com/kroguard/kroguard/policies"
	"github.com/kroguard/kroguard/policies/v1alpha1"
)

// The loop's variable is large, the guardrail's of the same name is small: what the loop costs is bounded by the former.
func TestALoopVariableMayBeCalledVariables(t *testing.T) {
	in := review()
	large := map[string]any{"x": strings.Repeat("x", 8000)}
	in.Object["spec"].(map[string]any)["list"] = []any{large, large, large}
	for _, name := range []string{"v", "variables"} {
		expression := "object.spec.list.all(v, v.x.contains(v.x))"
		program := mustCompile(t, newDriver(t), guardrail(&v1alpha1.CELPolicy{
			Variables: variables("x", "'a'"), Validations: checks(strings.NewReplacer("(v,", "("+name+",", "v.x", name+".x").Replace(expression)).Validations,
		}))
		_, err := program.Evaluate(context.Background(), policies.NewInput(in))
		const want = "spec.cel.validations[0].expression: operation cancelled: actual cost limit exceeded" //nolint:misspell // so cel-go
		if got := errorText(err); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

// A bound that looked at the step of each loop twice, without an end, would take longer than anybody waits for.
func TestLoopsWithinLoopsCompile(t *testing.T) {
	const depth = 80
	for _, macro := range []string{".all(a, ", ".map(a, ", ".exists_one(a, "} {
		expression := strings.Repeat("[1]"+macro, depth) + "true" + strings.Repeat(")", depth)
		if _, _, err := newDriver(t).Compile(context.Background(), guardrail(checks("dyn("+expression+") == 1"))); err != nil {
			t.Errorf("%s: %v", macro, err)
		}
	}
}
