package rego

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"

	"github.com/kroguard/kroguard/policies"
	"github.com/kroguard/kroguard/policies/v1alpha1"
)

// TestFindingsUntilTheEndAreKept ends the context from within the second rule.
func TestFindingsUntilTheEndAreKept(t *testing.T) {
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
warn contains "late"`,
	}}}}}
	compiled, err := driver.compile(context.Background(), g)
	if err != nil {
		t.Fatal(err)
	}
	got, err := compiled.program.judge(ctx, ast.ObjectTerm())
	if !topdown.IsCancel(err) {
		t.Errorf("got %v, want that the evaluation was canceled", err)
	}
	if diff := cmp.Diff([]policies.Finding{{Message: "quick"}}, got); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
}
