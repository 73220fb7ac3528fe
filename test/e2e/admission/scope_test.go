package admission

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kroguard/kroguard/test/controlplane"
	"github.com/kroguard/kroguard/test/e2e/harness"
)

func TestANamespaceThatTwoProjectsClaimWithEqualRightIsRefused(t *testing.T) {
	const manifests = `
apiVersion: v1
kind: Namespace
metadata: {name: disputed}
---
apiVersion: kroguard.io/v1alpha1
kind: Project
metadata: {name: left}
spec: {owner: left, namespaces: {names: [disputed]}}
---
apiVersion: kroguard.io/v1alpha1
kind: Project
metadata: {name: right}
spec: {owner: right, namespaces: {names: [disputed]}}
`
	h.MustRun(t, manifests, "apply", "-f", "-")
	for _, name := range []string{"left", "right"} {
		h.MustRun(t, "", "wait", "--for=condition=Ready=False", "--timeout="+eventually.String(), "project/"+name)
	}
	object := widget("disputed", wrote())
	object.SetNamespace("disputed")
	status := refused(t, h.Client.Create(t.Context(), object))
	for _, want := range []string{"disputed", "left, right", "kroguard.io/project"} {
		if !strings.Contains(status.Message, want) {
			t.Errorf("the message lacks %q: %s", want, status.Message)
		}
	}
	h.MustRun(t, "", "label", "namespace", "disputed", "kroguard.io/project=right")
	harness.Eventually(t, eventually, func(ctx context.Context) error { return h.Client.Create(ctx, object.DeepCopy()) })
	h.MustRun(t, "", "delete", "project", "left", "right")
}

// TestAClusterScopedInstanceHasTheProjectOfItsRGD covers defaults, labels and guardrails of an instance without a namespace.
func TestAClusterScopedInstanceHasTheProjectOfItsRGD(t *testing.T) {
	const manifests = `
apiVersion: kro.run/v1alpha1
kind: ResourceGraphDefinition
metadata:
  name: tenant
  labels: {kroguard.io/project: payments}
  annotations:
    kroguard.io/defaults.payments: "domain: ${project.parameters.domain}"
spec:
  schema: {apiVersion: v1alpha1, kind: Tenant, scope: Cluster, spec: {domain: string}}
  resources:
    - id: config
      template:
        apiVersion: v1
        kind: ConfigMap
        metadata: {name: "${schema.metadata.name}", namespace: default}
        data: {domain: "${schema.spec.domain}"}
`
	if err := h.Publish(t.Context(), manifests, "tenant"); err != nil {
		t.Fatal(err)
	}
	guard(t, celGuardrail("cluster", "Deny", "namespaceObject == null && project.name == 'payments' && object.spec.domain != 'bad'"))
	tenant := func(spec values) *unstructured.Unstructured {
		object := widget("cluster-1", spec)
		object.SetKind("Tenant")
		object.SetNamespace("")
		return object
	}
	refused(t, h.Client.Create(t.Context(), tenant(values{"domain": "bad"})))
	object := tenant(values{})
	if err := h.Client.Create(t.Context(), object); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(values{"domain": "payments.example.com"}, object.Object["spec"]); diff != "" {
		t.Errorf("spec (-want +got):\n%s", diff)
	}
	if got := object.GetLabels()["cost-center"]; got != "CC-1" {
		t.Errorf("cost-center: got %q, want the project's CC-1", got)
	}
}

// TestNestedInstancesThatKroCreatesAreDefaultedLabeledAndJudged: kro's service account is not exempt, but for the allow-list.
func TestNestedInstancesThatKroCreatesAreDefaultedLabeledAndJudged(t *testing.T) {
	const manifests = `
apiVersion: kro.run/v1alpha1
kind: ResourceGraphDefinition
metadata:
  name: inner
  annotations:
    kroguard.io/category: forbidden
    kroguard.io/defaults: "level: gold"
spec:
  schema: {apiVersion: v1alpha1, kind: Inner, spec: {level: string, size: string}}
  resources:
    - id: config
      template: {apiVersion: v1, kind: ConfigMap, metadata: {name: "inner-${schema.metadata.name}"}, data: {level: "${schema.spec.level}"}}
---
apiVersion: kro.run/v1alpha1
kind: ResourceGraphDefinition
metadata: {name: outer}
spec:
  schema: {apiVersion: v1alpha1, kind: Outer, spec: {size: string}}
  resources:
    - id: inner
      template: {apiVersion: kro.run/v1alpha1, kind: Inner, metadata: {name: "${schema.metadata.name}"}, spec: {size: "${schema.spec.size}"}}
`
	if err := h.Publish(t.Context(), manifests, "inner", "outer"); err != nil {
		t.Fatal(err)
	}
	guard(t, strings.Replace(celGuardrail("nested", "Deny", "object.spec.size != 'huge'"), `{names: ["nested-*"]}`, "{offerings: [inner]}", 1))
	outer := func(name, size string) *unstructured.Unstructured {
		object := widget(name, values{"size": size})
		object.SetKind("Outer")
		return object
	}
	inner := func(name string) *unstructured.Unstructured {
		object := widget(name, nil)
		object.SetKind("Inner")
		return object
	}
	if err := h.Client.Create(t.Context(), outer("nested-good", "small")); err != nil {
		t.Fatal(err)
	}
	made := inner("nested-good")
	harness.Eventually(t, eventually, func(ctx context.Context) error {
		return h.Client.Get(ctx, client.ObjectKeyFromObject(made), made)
	})
	if diff := cmp.Diff(values{"size": "small", "level": "gold"}, made.Object["spec"]); diff != "" {
		t.Errorf("spec of the nested instance (-want +got):\n%s", diff)
	}
	for key, want := range map[string]string{"team": "team-payments", "kroguard.io/offering": "inner", "cost-center": "CC-1"} {
		if got := made.GetLabels()[key]; got != want {
			t.Errorf("label %s of the nested instance: got %q, want %q", key, got, want)
		}
	}
	if got := made.GetAnnotations()["kroguard.io/created-by"]; got != controlplane.KroUser {
		t.Errorf("created-by: got %q, want kro", got)
	}
	if err := h.Client.Create(t.Context(), outer("nested-bad", "huge")); err != nil {
		t.Fatal(err)
	}
	harness.Eventually(t, eventually, func(ctx context.Context) error {
		object := outer("nested-bad", "huge")
		if err := h.Client.Get(ctx, client.ObjectKeyFromObject(object), object); err != nil {
			return err
		}
		if status, _ := json.Marshal(object.Object["status"]); !strings.Contains(string(status), "guardrail nested") {
			return fmt.Errorf("kro does not report the refusal: %s", status)
		}
		return nil
	})
	refused(t, h.Client.Create(t.Context(), func() *unstructured.Unstructured {
		object := inner("direct")
		object.Object["spec"] = values{"size": "small"}
		return object
	}()))
}

// TestWhatKroDoesItselfCostsNoCall: the API server's audit log has no answer of kroguard's on kro's own updates of an instance.
func TestWhatKroDoesItselfCostsNoCall(t *testing.T) {
	name, err := byCreate(t, "spared", wrote())
	if err != nil {
		t.Fatal(err)
	}
	takenUp(t, name)
	remove(t, name)
	spared := 0
	for line := range strings.Lines(auditLog(t)) {
		var event struct {
			Verb        string
			Annotations map[string]string
			User        struct{ Username string }
			ObjectRef   struct{ Name, Resource, Subresource string }
		}
		if err := json.Unmarshal([]byte(line), &event); err != nil || event.ObjectRef.Name != name || event.ObjectRef.Resource != "widgets" ||
			event.User.Username != controlplane.KroUser || event.ObjectRef.Subresource != "" || event.Verb == "get" {
			continue
		}
		spared++
		for key := range event.Annotations {
			if strings.Contains(key, "kroguard") || strings.HasPrefix(key, "mutation.webhook.admission") {
				t.Errorf("%s by kro called kroguard: %s", event.Verb, line)
			}
		}
	}
	if spared == 0 {
		t.Error("the audit log has no update of kro's: the test shows nothing")
	}
}
