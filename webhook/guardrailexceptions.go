package webhook

import (
	"context"
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"

	"github.com/kroguard/kroguard/internal/glob"
	"github.com/kroguard/kroguard/internal/review"
	"github.com/kroguard/kroguard/policies"
	"github.com/kroguard/kroguard/policies/v1alpha1"
)

// checkGuardrailException refuses an exception that could never be honored: malformed selectors, or over before it begins. One
// that names no guardrail there is only warns, for the guardrail may come later.
func checkGuardrailException(store *review.Store, now func() time.Time) check[*v1alpha1.GuardrailException] {
	return func(_ context.Context, old, exception *v1alpha1.GuardrailException) ([]finding, []string) {
		if old != nil && equality.Semantic.DeepEqual(old.Spec, exception.Spec) {
			return nil, nil
		}
		var refusals []finding
		refusals = append(refusals, compileFindings("exception", exception.Name, policies.CheckException(exception))...)
		if expiry := exception.Spec.ExpiresAt; !expiry.After(now()) {
			refusals = append(refusals, finding{
				field: "spec.expiresAt",
				message: fmt.Sprintf("spec.expiresAt: %s is past: give a time to come, or delete the exception",
					expiry.UTC().Format(time.RFC3339)),
			})
		}
		return refusals, unmatched(store.Load(), exception.Spec.Guardrails)
	}
}

// unmatched warns of the patterns that no Guardrail's name matches.
func unmatched(snapshot *review.Snapshot, patterns []string) []string {
	if snapshot == nil {
		return nil
	}
	guardrails := snapshot.Guardrails.Guardrails()
	var warnings []string
	for _, text := range patterns {
		pattern, err := glob.Compile(text)
		if err != nil {
			continue // refused above
		}
		if !slices.ContainsFunc(guardrails, func(g policies.CompiledInfo) bool { return pattern.Match(g.Name) }) {
			warnings = append(warnings, fmt.Sprintf("spec.guardrails: no Guardrail is called %q at present", text))
		}
	}
	return warnings
}
