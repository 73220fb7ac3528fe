package crds

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/discovery"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/kroguard/kroguard/policies/v1alpha1"
	"github.com/kroguard/kroguard/test/controlplane"
)

// definitions is the folder of the CRDs.
const definitions = "../../../config/crd"

// The control plane of all tests in the package, and an administrator's client of it, set by TestMain before any test runs.
var (
	plane *controlplane.ControlPlane
	admin client.Client
)

func TestMain(m *testing.M) {
	os.Exit(controlplane.Main(m, controlplane.Options{WithoutKro: true}, func(p *controlplane.ControlPlane) error {
		plane = p
		ctx := context.Background()
		if _, err := p.Kubectl(ctx, "apply", "-k", definitions); err != nil {
			return err
		}
		var err error
		if admin, err = client.New(p.RESTConfig(), client.Options{}); err != nil {
			return err
		}
		return waitServed(ctx)
	}))
}

// waitServed waits until each kind can be listed, which comes a moment after its CRD is Established, and until discovery names
// all of them, which comes later.
func waitServed(ctx context.Context) error {
	const timeout, interval = 30 * time.Second, 50 * time.Millisecond
	discover, err := discovery.NewDiscoveryClientForConfig(plane.RESTConfig())
	if err != nil {
		return err
	}
	err = wait.PollUntilContextTimeout(ctx, interval, timeout, true, func(context.Context) (bool, error) {
		_, lists, err := discover.ServerGroupsAndResources()
		return err == nil && inCategory(lists) == kinds, nil
	})
	if err != nil {
		return fmt.Errorf("discovery does not name %d kinds in the category kroguard: %w", kinds, err)
	}
	// "apply" cached what there was before the CRDs, and "get" looks for a category in the cache alone; this renews it.
	if _, err := plane.Kubectl(ctx, "api-resources", "--api-group="+v1alpha1.GroupVersion.Group); err != nil {
		return err
	}
	for _, kind := range []string{"Project", "Guardrail", "GuardrailException"} {
		list := &unstructured.UnstructuredList{}
		list.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(kind + "List"))
		var last error
		err := wait.PollUntilContextTimeout(ctx, interval, timeout, true, func(ctx context.Context) (bool, error) {
			last = admin.List(ctx, list)
			return last == nil, nil
		})
		if err != nil {
			return fmt.Errorf("list %s: %w: %w", kind, err, last)
		}
	}
	return nil
}

// kinds is how many kinds kroguard has.
const kinds = 3

// inCategory counts the kinds in the category kroguard.
func inCategory(lists []*metav1.APIResourceList) int {
	count := 0
	for _, list := range lists {
		for _, resource := range list.APIResources {
			if slices.Contains(resource.Categories, "kroguard") {
				count++
			}
		}
	}
	return count
}

// readObjects reads the YAML documents of a file.
func readObjects(tb testing.TB, path string) []*unstructured.Unstructured {
	tb.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	var objects []*unstructured.Unstructured
	for i, document := range bytes.Split(text, []byte("\n---\n")) {
		objects = append(objects, parseObject(tb, fmt.Sprintf("%s, document %d", filepath.Base(path), i+1), document))
	}
	return objects
}

// parseObject reads one object.
func parseObject(tb testing.TB, what string, text []byte) *unstructured.Unstructured {
	tb.Helper()
	object := &unstructured.Unstructured{}
	if err := yaml.UnmarshalStrict(text, &object.Object); err != nil {
		tb.Fatalf("%s: %v", what, err)
	}
	return object
}
