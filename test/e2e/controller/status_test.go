package controller

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	eventsv1 "k8s.io/api/events/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kroguard/kroguard/policies/v1alpha1"
	"github.com/kroguard/kroguard/test/e2e/harness"
)

// wantReady waits until an object has the condition Ready, which conditions reads, in the wanted state.
func wantReady(t *testing.T, object client.Object, conditions func() []metav1.Condition, want metav1.Condition) {
	t.Helper()
	want.Type = "Ready"
	harness.Eventually(t, eventually, func(ctx context.Context) error {
		if err := h.Client.Get(ctx, client.ObjectKeyFromObject(object), object); err != nil {
			return err
		}
		got := meta.FindStatusCondition(conditions(), "Ready")
		diff := cmp.Diff(&want, got, cmpopts.IgnoreFields(metav1.Condition{}, "LastTransitionTime", "ObservedGeneration"))
		if diff != "" {
			return fmt.Errorf("condition (-want +got):\n%s", diff)
		}
		if got.ObservedGeneration != object.GetGeneration() {
			return fmt.Errorf("condition of generation %d, want %d", got.ObservedGeneration, object.GetGeneration())
		}
		return nil
	})
}

func TestAGuardrailThatGotInBrokenShowsWhereItIs(t *testing.T) {
	broken := &v1alpha1.Guardrail{ObjectMeta: metav1.ObjectMeta{Name: "broken"}}
	harness.Eventually(t, eventually, func(ctx context.Context) error {
		if err := h.Client.Get(ctx, client.ObjectKeyFromObject(broken), broken); err != nil {
			return err
		}
		ready := meta.FindStatusCondition(broken.Status.Conditions, "Ready")
		if ready == nil || ready.Status != metav1.ConditionFalse || ready.Reason != "CompileError" {
			return fmt.Errorf("condition %+v", ready)
		}
		if !strings.Contains(ready.Message, "spec.cel.validations[0].expression: line 2, column 3: ") {
			return fmt.Errorf("the message names no line and column: %s", ready.Message)
		}
		return nil
	})
	if broken.Status.Engine != "CEL" || broken.Status.ObservedGeneration != broken.Generation {
		t.Errorf("status %+v", broken.Status)
	}
}

func TestAGuardrailFollowsItsSpec(t *testing.T) {
	guardrail := &v1alpha1.Guardrail{
		ObjectMeta: metav1.ObjectMeta{Name: "follows"},
		Spec: v1alpha1.GuardrailSpec{
			Match: v1alpha1.GuardrailMatch{InstanceMatch: v1alpha1.InstanceMatch{Offerings: []string{"nobodys"}}},
			CEL:   &v1alpha1.CELPolicy{Validations: []v1alpha1.CELValidation{{Expression: "true", Message: "never"}}},
		},
	}
	if err := h.Client.Create(t.Context(), guardrail); err != nil {
		t.Fatal(err)
	}
	conditions := func() []metav1.Condition { return guardrail.Status.Conditions }
	want := metav1.Condition{Status: metav1.ConditionTrue, Reason: "Compiled", Message: "the guardrail is in force"}
	wantReady(t, guardrail, conditions, want)

	// What the audit writes survives.
	violations := int32(7)
	guardrail.Status.Violations = &violations
	if err := h.Client.Status().Update(t.Context(), guardrail); err != nil {
		t.Fatal(err)
	}
	guardrail.Spec.CEL = nil
	guardrail.Spec.Rego = &v1alpha1.RegoPolicy{Modules: []v1alpha1.RegoModule{{Name: "main.rego", Source: "package x\ndeny contains \"no\" if false\n"}}}
	if err := h.Client.Update(t.Context(), guardrail); err != nil {
		t.Fatal(err)
	}
	wantReady(t, guardrail, conditions, want)
	if guardrail.Status.Engine != "Rego" || guardrail.Status.Violations == nil || *guardrail.Status.Violations != violations {
		t.Errorf("status %+v, want engine Rego and the audit's %d violations", guardrail.Status, violations)
	}
}

func TestProjectsShowTheirNamespacesAndConflicts(t *testing.T) {
	h.MustRun(t, `
apiVersion: v1
kind: Namespace
metadata: {name: status-shop}
---
apiVersion: kroguard.io/v1alpha1
kind: Project
metadata: {name: status-one}
spec: {owner: one, namespaces: {names: [status-shop]}}
`, "apply", "--server-side", "-f", "-")
	one := &v1alpha1.Project{ObjectMeta: metav1.ObjectMeta{Name: "status-one"}}
	conditions := func() []metav1.Condition { return one.Status.Conditions }
	resolved := metav1.Condition{Status: metav1.ConditionTrue, Reason: "Resolved", Message: "namespaces: 1"}
	wantReady(t, one, conditions, resolved)
	if diff := cmp.Diff([]string{"status-shop"}, one.Status.Namespaces); diff != "" {
		t.Errorf("namespaces (-want +got):\n%s", diff)
	}

	h.MustRun(t, "apiVersion: kroguard.io/v1alpha1\nkind: Project\nmetadata: {name: status-two}\nspec: {owner: two, namespaces: {names: [status-shop]}}\n",
		"apply", "--server-side", "-f", "-")
	conflict := metav1.Condition{
		Status: metav1.ConditionFalse, Reason: "NamespaceConflict",
		Message: "namespace status-shop is claimed by projects status-one, status-two. Instances there are refused until one project " +
			"alone claims it; the namespace label kroguard.io/project decides.",
	}
	wantReady(t, one, conditions, conflict)
	two := &v1alpha1.Project{ObjectMeta: metav1.ObjectMeta{Name: "status-two"}}
	wantReady(t, two, func() []metav1.Condition { return two.Status.Conditions }, conflict)

	h.MustRun(t, "", "label", "namespace", "status-shop", "kroguard.io/project=status-one")
	wantReady(t, one, conditions, resolved)
}

func TestAnExceptionExpiresByItself(t *testing.T) {
	exception := &v1alpha1.GuardrailException{
		ObjectMeta: metav1.ObjectMeta{Name: "short"},
		Spec: v1alpha1.GuardrailExceptionSpec{
			Guardrails: []string{"follows"}, Reason: "for a few seconds only", ApprovedBy: "the test",
			Match:     v1alpha1.ExceptionMatch{InstanceMatch: v1alpha1.InstanceMatch{Namespaces: []string{"default"}}},
			ExpiresAt: metav1.NewTime(time.Now().Add(8 * time.Second).Truncate(time.Second)),
		},
	}
	if err := h.Client.Create(t.Context(), exception); err != nil {
		t.Fatal(err)
	}
	expiry := exception.Spec.ExpiresAt.UTC().Format(time.RFC3339)
	conditions := func() []metav1.Condition { return exception.Status.Conditions }
	wantReady(t, exception, conditions, metav1.Condition{
		Status: metav1.ConditionTrue, Reason: "InForce", Message: "the exception is in force until " + expiry,
	})
	wantReady(t, exception, conditions, metav1.Condition{
		Status: metav1.ConditionFalse, Reason: "Expired", Message: "the exception waives nothing since " + expiry,
	})
}

func TestAMalformedRGDThatGotInIsReportedByAnEvent(t *testing.T) {
	harness.Eventually(t, eventually, func(ctx context.Context) error {
		var events eventsv1.EventList
		if err := h.Client.List(ctx, &events, client.InNamespace("default")); err != nil {
			return err
		}
		for i := range events.Items {
			event := &events.Items[i]
			if event.Regarding.Name == "malformed" && event.ReportingController == "kroguard" &&
				strings.Contains(event.Note, "annotation kroguard.io/defaults, line 1") {
				return nil
			}
		}
		return fmt.Errorf("none of %d events is about the RGD", len(events.Items))
	})
}

func TestKnodexProjectsArePickedUpWhenTheirCRDComesAndForgottenWhenItGoes(t *testing.T) {
	h.MustRun(t, `
apiVersion: v1
kind: Namespace
metadata: {name: knodex-shop}
---
apiVersion: kroguard.io/v1alpha1
kind: Project
metadata: {name: rival}
spec: {owner: rival, namespaces: {names: [knodex-shop]}}
`, "apply", "--server-side", "-f", "-")
	rival := &v1alpha1.Project{ObjectMeta: metav1.ObjectMeta{Name: "rival"}}
	conditions := func() []metav1.Condition { return rival.Status.Conditions }
	alone := metav1.Condition{Status: metav1.ConditionTrue, Reason: "Resolved", Message: "namespaces: 1"}
	contested := metav1.Condition{
		Status: metav1.ConditionFalse, Reason: "NamespaceConflict",
		Message: "namespace knodex-shop is claimed by projects knodex-team, rival. Instances there are refused until one project alone " +
			"claims it; the namespace label kroguard.io/project decides.",
	}
	wantReady(t, rival, conditions, alone)

	crd := ownedCRD("knodex.io", "projects")
	crd.Labels, crd.Annotations = nil, nil
	crd.Spec.Versions[0].Name = "v1alpha1"
	crd.Spec.Scope = apiextensionsv1.ClusterScoped
	for range 2 { // it may come back
		if err := h.Client.Create(t.Context(), crd.DeepCopy()); err != nil {
			t.Fatal(err)
		}
		harness.Eventually(t, eventually, func(ctx context.Context) error {
			answer, err := h.Run(ctx, "apiVersion: knodex.io/v1alpha1\nkind: Project\nmetadata: {name: knodex-team}\nspec: {destinations: [{namespace: knodex-shop}]}\n",
				"apply", "--server-side", "-f", "-")
			if err == nil && !answer.OK {
				err = fmt.Errorf("applying a Knodex Project: %s", answer.Text)
			}
			return err
		})
		wantReady(t, rival, conditions, contested)
		h.MustRun(t, "", "delete", "crd", crd.Name, "--timeout=30s")
		wantReady(t, rival, conditions, alone)
	}
}
