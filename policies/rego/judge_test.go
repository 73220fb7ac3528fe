package rego

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kroguard/kroguard/policies"
	"github.com/kroguard/kroguard/policies/v1alpha1"
)

// TestFindingsUntilTheEndAreKept ends the context from within the second rule.
func TestFindingsUntilTheEndAreKept(t *testing.T) {
	t.Parallel()
	for name, more := range map[string]string{
		"machine":     "",
		"interpreter": `deny contains "never" if { input.review.uid == "never" with input as {} }`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			driver := New(Options{Print: func(context.Context, string, string) { cancel() }})
			g := &v1alpha1.Guardrail{Spec: v1alpha1.GuardrailSpec{Rego: &v1alpha1.RegoPolicy{Modules: []v1alpha1.RegoModule{{
				Name: "main.rego",
				Source: `package guardrail
deny contains "quick"
n := numbers.range(1, 1000)
violation contains "slow" if {
	print("begun")
	count([1 | some a in n; some b in n; some c in n; a + b + c == 0]) > 0
}
warn contains "late"
` + more,
			}}}}}
			program, _, err := driver.Compile(context.Background(), g)
			if err != nil {
				t.Fatal(err)
			}
			if _, interpreted := program.(*interpreter); interpreted != (name == "interpreter") {
				t.Fatalf("compiled to %T", program)
			}
			got, err := program.Evaluate(ctx, policies.NewInput(policies.InputOptions{}))
			if !errors.Is(err, context.Canceled) {
				t.Errorf("got %v, want that the evaluation was canceled", err)
			}
			if diff := cmp.Diff([]policies.Finding{{Message: "quick"}}, got); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}
