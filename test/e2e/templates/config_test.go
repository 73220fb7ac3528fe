package templates

import (
	"maps"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kroguard/kroguard/test/e2e/harness"
)

// onlyInChart are objects that config/ does without.
func onlyInChart() []string {
	return []string{
		"NetworkPolicy kroguard",   // not every cluster enforces one
		"Service kroguard-catalog", // whoever publishes the catalog uses the chart
		"Service kroguard-metrics", // whoever scrapes the Pods uses the chart
	}
}

// onlyInConfig are objects that Helm leaves to its user.
func onlyInConfig() []string {
	return []string{"Namespace " + namespace} // --create-namespace
}

func TestConfigAndChartSayTheSame(t *testing.T) {
	chart, config := objects(t, mustRender(t)), objects(t, kustomize(t))
	for _, name := range onlyInChart() {
		without(t, chart, config, name)
	}
	for _, name := range onlyInConfig() {
		without(t, config, chart, name)
	}
	if diff := cmp.Diff(slices.Sorted(maps.Keys(config)), slices.Sorted(maps.Keys(chart))); diff != "" {
		t.Errorf("objects (-config +chart):\n%s", diff)
	}
	for _, name := range slices.Sorted(maps.Keys(config)) {
		if chart[name] == nil {
			continue
		}
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(bare(t, config[name]), bare(t, chart[name])); diff != "" {
				t.Errorf("-config +chart:\n%s", diff)
			}
		})
	}
}

// without takes an object from those that should have it, and fails if the others have it, too.
func without(t *testing.T, has, lacks map[string]*unstructured.Unstructured, name string) {
	t.Helper()
	if has[name] == nil || lacks[name] != nil {
		t.Errorf("%s is said to be on one side only: it is there %t, and on the other %t", name, has[name] != nil, lacks[name] != nil)
	}
	delete(has, name)
}

// kustomize is what `kubectl apply -k config/default` sends.
func kustomize(t *testing.T) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), kubectl, "kustomize", harness.File("config", "default"))
	var errOut strings.Builder
	cmd.Stderr = &errOut
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("kubectl kustomize: %v\n%s", err, errOut.String())
	}
	return string(out)
}

// bare is an object without what is each side's own: labels, Helm's annotation, and the image with its pull policy.
func bare(t *testing.T, object *unstructured.Unstructured) map[string]any {
	t.Helper()
	content := object.DeepCopy()
	content.SetLabels(nil)
	annotations := content.GetAnnotations()
	delete(annotations, "helm.sh/resource-policy")
	content.SetAnnotations(annotations)
	if object.GetKind() != "Deployment" {
		return content.Object
	}
	labels, _, err := unstructured.NestedStringMap(content.Object, "spec", "selector", "matchLabels")
	if err != nil {
		t.Fatal(err)
	}
	// The Pods' labels beyond those that select them are Helm's.
	if err := unstructured.SetNestedStringMap(content.Object, labels, "spec", "template", "metadata", "labels"); err != nil {
		t.Fatal(err)
	}
	containers, _, err := unstructured.NestedSlice(content.Object, "spec", "template", "spec", "containers")
	if err != nil || len(containers) != 1 {
		t.Fatalf("containers %v, error %v: want one", containers, err)
	}
	container, _ := containers[0].(map[string]any)
	delete(container, "image")
	delete(container, "imagePullPolicy")
	if err := unstructured.SetNestedSlice(content.Object, containers, "spec", "template", "spec", "containers"); err != nil {
		t.Fatal(err)
	}
	return content.Object
}
