package crds

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kroguard/kroguard/policies/v1alpha1"
)

// The examples have every field, so a field that a schema lost would be dropped, and one that a Go type lost refused.
func TestAcceptsAndKeepsAFullExample(t *testing.T) {
	cases := map[string]any{
		"project.yaml":            &v1alpha1.Project{},
		"guardrail-cel.yaml":      &v1alpha1.Guardrail{},
		"guardrail-rego.yaml":     &v1alpha1.Guardrail{},
		"guardrailexception.yaml": &v1alpha1.GuardrailException{},
	}
	for file, typed := range cases {
		t.Run(file, func(t *testing.T) {
			want := readObjects(t, "testdata/"+file)[0]
			got := want.DeepCopy()
			if err := admin.Create(t.Context(), got, client.DryRunAll); err != nil {
				t.Fatal(err)
			}
			kept := got.Object["spec"].(map[string]any)
			if file == "guardrail-rego.yaml" {
				// This one is not full: defaulted fields come on top.
				for field, value := range map[string]any{
					"evaluate": "Instance", "failurePolicy": "Fail", "onUnknown": "Warn", "severity": "Medium",
				} {
					if diff := cmp.Diff(value, kept[field]); diff != "" {
						t.Errorf("default of %s (-want +got):\n%s", field, diff)
					}
					delete(kept, field)
				}
			}
			if diff := cmp.Diff(asJSON(t, want.Object["spec"]), asJSON(t, kept)); diff != "" {
				t.Errorf("spec as the API server keeps it (-want +got):\n%s", diff)
			}
			checkType(t, want, typed)
		})
	}
}

// checkType reads the object as a Go type and writes it again: nothing may be unknown, lost or renamed.
func checkType(t *testing.T, object *unstructured.Unstructured, typed any) {
	t.Helper()
	if err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(object.Object, typed, true); err != nil {
		t.Fatal(err)
	}
	again := asJSON(t, typed).(map[string]any)["spec"].(map[string]any)
	want := asJSON(t, object.Object["spec"]).(map[string]any)
	// A struct that is not a pointer is written even where it is empty.
	for field := range again {
		if _, ok := want[field]; !ok {
			delete(again, field)
		}
	}
	if diff := cmp.Diff(want, again); diff != "" {
		t.Errorf("spec read as a Go type and written again (-want +got):\n%s", diff)
	}
}

// asJSON writes a value as JSON and reads it again, after which equal numbers have the same type.
func asJSON(t *testing.T, value any) any {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	var read any
	if err := json.Unmarshal(text, &read); err != nil {
		t.Fatal(err)
	}
	return read
}

func TestDefaultsOfAGuardrail(t *testing.T) {
	object := parseObject(t, "guardrail", []byte(`
apiVersion: kroguard.io/v1alpha1
kind: Guardrail
metadata: {name: minimal}
spec:
  rego:
    modules: [{name: main.rego, source: "package main"}]
`))
	if err := admin.Create(t.Context(), object, client.DryRunAll); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"severity":          "Medium",
		"validationActions": []any{"Deny"},
		"failurePolicy":     "Fail",
		"onUnknown":         "Warn",
		"evaluate":          "Instance",
		"rego": map[string]any{
			"version": "v1",
			"modules": []any{map[string]any{"name": "main.rego", "source": "package main"}},
		},
	}
	if diff := cmp.Diff(want, object.Object["spec"]); diff != "" {
		t.Errorf("spec (-want +got):\n%s", diff)
	}
}
