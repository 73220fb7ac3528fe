package controller

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kroguard/kroguard/policies/v1alpha1"
	"github.com/kroguard/kroguard/test/e2e/harness"
)

// typedRGD is an RGD whose instances have the given fields.
func typedRGD(name, kind, fields string) string {
	return fmt.Sprintf(`
apiVersion: kro.run/v1alpha1
kind: ResourceGraphDefinition
metadata: {name: %s}
spec:
  schema:
    apiVersion: v1alpha1
    kind: %s
    spec: {%s}
  resources:
    - id: config
      template: {apiVersion: v1, kind: ConfigMap, metadata: {name: "${schema.metadata.name}"}, data: {image: "${schema.spec.image}"}}
`, name, kind, fields)
}

// misspelled are a guardrail in CEL and one in Rego that read spec.replcas of an offering.
func misspelled(offering string) string {
	return fmt.Sprintf(`
apiVersion: kroguard.io/v1alpha1
kind: Guardrail
metadata: {name: %[1]s-cel}
spec:
  match: {offerings: [%[1]s]}
  cel:
    validations:
      - expression: object.spec.replcas <= 5
---
apiVersion: kroguard.io/v1alpha1
kind: Guardrail
metadata: {name: %[1]s-rego}
spec:
  match: {offerings: [%[1]s]}
  rego:
    modules:
      - name: main.rego
        source: |
          package main

          deny contains "too many" if input.review.object.spec.replcas > 5
`, offering)
}

// wantTypeChecking waits until status.typeChecking of a guardrail is as wanted.
func wantTypeChecking(t *testing.T, name string, want []v1alpha1.ExpressionWarning) {
	t.Helper()
	harness.Eventually(t, eventually, func(ctx context.Context) error {
		guardrail := &v1alpha1.Guardrail{ObjectMeta: metav1.ObjectMeta{Name: name}}
		if err := h.Client.Get(ctx, client.ObjectKeyFromObject(guardrail), guardrail); err != nil {
			return err
		}
		if guardrail.Status.ObservedGeneration != guardrail.Generation {
			return errors.New("the status is not written yet")
		}
		if diff := cmp.Diff(want, guardrail.Status.TypeChecking); diff != "" {
			return fmt.Errorf("status.typeChecking of %s (-want +got):\n%s", name, diff)
		}
		return nil
	})
}

// warningsFor are what the type checker says of misspelled guardrails.
func warningsFor(kind, offering string) (inCEL, inRego v1alpha1.ExpressionWarning) {
	return v1alpha1.ExpressionWarning{
			FieldRef: "spec.cel.validations[0].expression",
			Warning: fmt.Sprintf("line 1, column 12: undefined field replcas in object.spec; did you mean replicas? (%s.spec of offering %s)",
				kind, offering),
		}, v1alpha1.ExpressionWarning{
			FieldRef: "spec.rego.modules[main.rego].source",
			Warning: fmt.Sprintf("line 3, column 54: undefined field replcas in input.review.object.spec; did you mean replicas? (%s of offering %s)",
				kind, offering),
		}
}

func TestAMisspeltFieldWarnsUntilTheOfferingHasIt(t *testing.T) {
	if err := h.Publish(t.Context(), typedRGD("typed", "Typed", "replicas: integer, image: string"), "typed"); err != nil {
		t.Fatal(err)
	}
	inCEL, inRego := warningsFor("Typed", "typed")
	warned := func(answer string) error {
		for _, warning := range []v1alpha1.ExpressionWarning{inCEL, inRego} {
			if want := "Warning: " + warning.FieldRef + ": " + warning.Warning; !strings.Contains(answer, want) {
				return fmt.Errorf("no %q in %s", want, answer)
			}
		}
		return nil
	}
	// All replicas know the RGD a moment after kro does.
	harness.Eventually(t, eventually, func(ctx context.Context) error {
		answer, err := h.Run(ctx, misspelled("typed"), "apply", "--dry-run=server", "-f", "-")
		return errors.Join(err, warned(answer.Text))
	})
	if err := warned(h.MustRun(t, misspelled("typed"), "apply", "-f", "-")); err != nil {
		t.Error(err)
	}
	wantTypeChecking(t, "typed-cel", []v1alpha1.ExpressionWarning{inCEL})
	wantTypeChecking(t, "typed-rego", []v1alpha1.ExpressionWarning{inRego})

	h.MustRun(t, typedRGD("typed", "Typed", "replicas: integer, replcas: integer, image: string"), "apply", "--server-side", "-f", "-")
	wantTypeChecking(t, "typed-cel", nil)
	wantTypeChecking(t, "typed-rego", nil)
}

func TestAGuardrailIsCheckedWhenItsOfferingComes(t *testing.T) {
	answer := h.MustRun(t, misspelled("late"), "apply", "-f", "-")
	if strings.Contains(answer, "Warning") {
		t.Errorf("there is no such offering yet: %s", answer)
	}
	wantTypeChecking(t, "late-cel", nil)
	if err := h.Publish(t.Context(), typedRGD("late", "Late", "replicas: integer, image: string"), "late"); err != nil {
		t.Fatal(err)
	}
	inCEL, inRego := warningsFor("Late", "late")
	wantTypeChecking(t, "late-cel", []v1alpha1.ExpressionWarning{inCEL})
	wantTypeChecking(t, "late-rego", []v1alpha1.ExpressionWarning{inRego})
}
