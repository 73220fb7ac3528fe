package admission

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kroguard/kroguard/test/e2e/harness"
)

// admin is the user of the administrator's certificate on the test control plane.
func admin(t *testing.T) string {
	t.Helper()
	return strings.TrimSpace(h.MustRun(t, "", "auth", "whoami", "-o", "jsonpath={.status.userInfo.username}"))
}

func TestLabelsForCostAndOwnershipAreWritten(t *testing.T) {
	object := widget(uniqueName("labels"), wrote())
	if err := h.Client.Create(t.Context(), object); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"team":                      "team-payments",
		"owner":                     "Payments-Team-payments-example.com",
		"cost-center":               "CC-1",
		"department":                "finance",
		"env":                       "dev",
		"app":                       object.GetName(),
		"app.kubernetes.io/part-of": "payments",
		"kroguard.io/project":       "payments",
		"kroguard.io/offering":      "widget",
		"example.com/size":          "medium",
	}
	if diff := cmp.Diff(want, object.GetLabels()); diff != "" {
		t.Errorf("labels (-want +got):\n%s", diff)
	}
	if got := object.GetAnnotations()["kroguard.io/created-by"]; got != admin(t) {
		t.Errorf("created-by: got %q, want %q", got, admin(t))
	}
	var injectedBy map[string]string
	if err := json.Unmarshal([]byte(object.GetAnnotations()["kroguard.io/injected"]), &injectedBy); err != nil {
		t.Fatal(err)
	}
	for path, source := range map[string]string{"spec.size": "defaults.payments", "spec.mode": "defaults", "spec.nested.a": "defaults.payments"} {
		if injectedBy[path] != source {
			t.Errorf("injected: %s is by %q, want %q", path, injectedBy[path], source)
		}
	}
	if _, ok := injectedBy["spec.nested.b"]; ok {
		t.Error("injected lists spec.nested.b, which the user wrote")
	}
}

func TestAUsersLabelWinsWhereTheProjectDoesNotEnforceIt(t *testing.T) {
	object := widget(uniqueName("own-label"), wrote())
	object.SetLabels(map[string]string{"team": "mine", "department": "research", "env": "prod"})
	if err := h.Client.Create(t.Context(), object); err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]string{"team": "mine", "department": "research", "env": "prod", "cost-center": "CC-1"} {
		if got := object.GetLabels()[key]; got != want {
			t.Errorf("label %s: got %q, want %q", key, got, want)
		}
	}
}

func TestAnotherValueOfAnEnforcedLabelIsRefused(t *testing.T) {
	for name, labels := range map[string]map[string]string{
		"enforced by the project": {"cost-center": "CC-9"},
		"the project itself":      {"kroguard.io/project": "other"},
		"the offering itself":     {"kroguard.io/offering": "other"},
	} {
		t.Run(name, func(t *testing.T) {
			object := widget(uniqueName("refused"), wrote())
			object.SetLabels(labels)
			status := refused(t, h.Client.Create(t.Context(), object))
			for key := range labels {
				if !strings.Contains(status.Message, key) {
					t.Errorf("the message does not name label %s: %s", key, status.Message)
				}
			}
		})
	}
	t.Run("on UPDATE", func(t *testing.T) {
		name, err := byCreate(t, "refused", wrote())
		if err != nil {
			t.Fatal(err)
		}
		patch := client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"labels":{"cost-center":"CC-9"}}}`))
		refused(t, h.Client.Patch(t.Context(), widget(name, nil), patch))
	})
}

func TestCreatedByIsTheCreatorForEver(t *testing.T) {
	object := widget(uniqueName("creator"), wrote())
	object.SetAnnotations(map[string]string{"kroguard.io/created-by": "somebody else"})
	if err := h.Client.Create(t.Context(), object); err != nil {
		t.Fatal(err)
	}
	if got := object.GetAnnotations()["kroguard.io/created-by"]; got != admin(t) {
		t.Errorf("created-by: got %q, want %q", got, admin(t))
	}
	if err := updateByPut(t, object.GetName(), wrote()); err != nil {
		t.Fatal(err)
	}
	if got := get(t, object.GetName()).GetAnnotations()["kroguard.io/created-by"]; got != admin(t) {
		t.Errorf("created-by after a PUT without it: got %q, want %q", got, admin(t))
	}
}

// TestAProjectsNewValuesReachWhatRunsOnlyWhereTheyAreEnforced changes the project and the defaults under running instances.
func TestAProjectsNewValuesReachWhatRunsOnlyWhereTheyAreEnforced(t *testing.T) {
	manifests := func(cost, department, size string) string {
		return strings.NewReplacer("$COST", cost, "$DEPARTMENT", department, "$SIZE", size).Replace(moving)
	}
	if err := h.Publish(t.Context(), manifests("CC-1", "finance", "small"), "moving"); err != nil {
		t.Fatal(err)
	}
	object := widget(uniqueName("moving"), values{"note": "one"})
	object.SetKind("Moving")
	object.SetNamespace("moving")
	if err := h.Client.Create(t.Context(), object); err != nil {
		t.Fatal(err)
	}
	if err := h.Publish(t.Context(), manifests("CC-2", "research", "large"), "moving"); err != nil {
		t.Fatal(err)
	}
	patch := client.RawPatch(types.MergePatchType, []byte(`{"spec":{"note":"two"}}`))
	harness.Eventually(t, eventually, func(ctx context.Context) error {
		if err := h.Client.Patch(ctx, object, patch); err != nil {
			return err
		}
		if got := object.GetLabels()["cost-center"]; got != "CC-2" {
			return fmt.Errorf("cost-center: got %q, want the project's new CC-2", got)
		}
		return nil
	})
	if got := object.GetLabels()["department"]; got != "finance" {
		t.Errorf("department: got %q, want the old finance: it is a default only", got)
	}
	if diff := cmp.Diff(values{"note": "two", "size": "small"}, object.Object["spec"]); diff != "" {
		t.Errorf("spec: a changed default changed a running instance (-want +got):\n%s", diff)
	}
}

const moving = `
apiVersion: v1
kind: Namespace
metadata: {name: moving}
---
apiVersion: kroguard.io/v1alpha1
kind: Project
metadata: {name: moving}
spec:
  owner: movers
  namespaces: {names: [moving]}
  labels:
    enforced: {cost-center: $COST}
    defaults: {department: $DEPARTMENT}
---
apiVersion: kro.run/v1alpha1
kind: ResourceGraphDefinition
metadata:
  name: moving
  annotations:
    kroguard.io/defaults: "size: $SIZE"
spec:
  schema:
    apiVersion: v1alpha1
    kind: Moving
    spec: {size: string, note: string}
  resources:
    - id: config
      template:
        apiVersion: v1
        kind: ConfigMap
        metadata: {name: "moving-${schema.metadata.name}"}
        data: {size: "${schema.spec.size}"}
`
