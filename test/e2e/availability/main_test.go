// Package availability tests what happens when kroguard is not there, comes, or goes: on the real API server with kro running.
package availability

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kroguard/kroguard/test/controlplane"
	"github.com/kroguard/kroguard/test/e2e/harness"
)

var (
	h *harness.Harness
	// service is before all replicas, as in a cluster; tests add replicas to it.
	service *harness.Service
)

func TestMain(m *testing.M) {
	os.Exit(harness.Main(m, controlplane.Options{}, func(started *harness.Harness) error {
		var err error
		h = started
		service, err = harness.NewService()
		return err
	}))
}

// replica starts a ready kroguard behind the service. It ends with the test.
func replica(t *testing.T, name string) *harness.Kroguard {
	t.Helper()
	k, err := h.StartReadyKroguard(t.Context(), harness.KroguardOptions{Name: name, WebhookURL: service.URL()})
	if err != nil {
		t.Fatal(err)
	}
	service.Add(k)
	k.EndWith(t)
	return k
}

// rgd is an RGD of one ConfigMap, of the kind and group given.
func rgd(name, group, kind string) string {
	return fmt.Sprintf(`
apiVersion: kro.run/v1alpha1
kind: ResourceGraphDefinition
metadata: {name: %s}
spec:
  schema: {group: %s, apiVersion: v1alpha1, kind: %s, spec: {size: string}}
  resources:
    - id: config
      template: {apiVersion: v1, kind: ConfigMap, metadata: {name: "%s-${schema.metadata.name}"}, data: {size: "${schema.spec.size}"}}
`, name, group, kind, strings.ToLower(kind))
}

func instance(group, kind, name, size string) *unstructured.Unstructured {
	object := &unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{"size": size}}}
	object.SetGroupVersionKind(schema.GroupVersionKind{Group: group, Version: "v1alpha1", Kind: kind})
	object.SetNamespace("default")
	object.SetName(name)
	return object
}

// noHuge is a guardrail for all instances.
const noHuge = `
apiVersion: kroguard.io/v1alpha1
kind: Guardrail
metadata: {name: no-huge}
spec:
  cel: {validations: [{expression: "object.spec.size != 'huge'", message: huge is too big, fieldPath: .spec.size}]}
`

func publish(t *testing.T, manifests string, rgds ...string) {
	t.Helper()
	if err := h.Publish(context.Background(), manifests, rgds...); err != nil {
		t.Fatal(err)
	}
}
