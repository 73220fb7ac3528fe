package webhook

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/api/equality"

	"github.com/kroguard/kroguard/internal/review"
	"github.com/kroguard/kroguard/policies"
	"github.com/kroguard/kroguard/policies/v1alpha1"
)

// checkGuardrail refuses a Guardrail that does not compile, with line and column of every error. What does not fit the types of the
// instances that it is for only warns: the offerings may change, or be yet to come.
func checkGuardrail(compiler *policies.Compiler, store *review.Store) check[*v1alpha1.Guardrail] {
	return func(ctx context.Context, old, guardrail *v1alpha1.Guardrail) ([]finding, []string) {
		if old != nil && equality.Semantic.DeepEqual(old.Spec, guardrail.Spec) {
			return nil, nil
		}
		warnings, err := compiler.CheckGuardrail(ctx, guardrail)
		if snapshot := store.Load(); snapshot != nil && err == nil {
			// An error is that of the request's context: then nobody waits for the answer.
			types, _ := compiler.CheckTypes(ctx, guardrail, snapshot.ObjectTypes())
			warnings = slices.Concat(types, warnings)
		}
		texts := make([]string, len(warnings))
		for i, warning := range warnings {
			texts[i] = warning.FieldRef + ": " + warning.Warning
		}
		return compileFindings("guardrail", guardrail.Name, err), texts
	}
}

// compileFindings are the places of a compile error; nil for none.
func compileFindings(kind, name string, err error) []finding {
	if err == nil {
		return nil
	}
	var places policies.CompileErrors
	if !errors.As(err, &places) {
		return []finding{{field: "spec", message: fmt.Sprintf("%s %s does not compile: %v", kind, name, err)}}
	}
	findings := make([]finding, len(places))
	for i, place := range places {
		findings[i] = finding{field: place.Field, message: fmt.Sprintf("%s %s does not compile: %s", kind, name, place.Error())}
	}
	return findings
}
