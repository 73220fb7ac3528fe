package docs

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	krov1alpha1 "github.com/kubernetes-sigs/kro/api/v1alpha1"
	"sigs.k8s.io/yaml"

	"github.com/kroguard/kroguard/internal/render"
	"github.com/kroguard/kroguard/internal/render/kinds"
	"github.com/kroguard/kroguard/policies"
)

const renderedPage = "docs/rendered-resources.md"

func TestRenderedResourcesAreThoseOfTheExample(t *testing.T) {
	blocks := page(t, renderedPage).Blocks
	var rgd krov1alpha1.ResourceGraphDefinition
	if err := yaml.UnmarshalStrict([]byte(blocks[0].Text), &rgd); err != nil {
		t.Fatal(err)
	}
	instances, err := documents(blocks[1].Text)
	if err != nil {
		t.Fatal(err)
	}
	set, err := render.NewSet(t.Context(), []render.Definition{{Name: rgd.Name, Spec: rgd.Spec}}, kinds.New(), render.Options{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	var instance map[string]any
	if err := yaml.Unmarshal(instances[0], &instance); err != nil {
		t.Fatal(err)
	}
	got, err := set.Render(t.Context(), instance, nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(blocks[2].Text, listed(got)); diff != "" {
		t.Errorf("-page +code:\n%s", diff)
	}
	first, err := yaml.Marshal(got.Resources[0].Object)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(blocks[3].Text, string(first)); diff != "" {
		t.Errorf("-page +code:\n%s", diff)
	}
}

// listed renders a line for each resource and for each of its fields that wait.
func listed(rendering *policies.Rendering) string {
	var text strings.Builder
	for _, r := range rendering.Resources {
		title := r.GVK.Kind
		if metadata, ok := r.Object["metadata"].(map[string]any); ok {
			title += fmt.Sprintf(" %v", metadata["name"])
		}
		if r.State != policies.ResourceResolved {
			title += ": " + r.Reason
		}
		fmt.Fprintf(&text, "%-12s %-9s %s\n", r.Node, r.State, title)
		for _, field := range r.Unresolved {
			fmt.Fprintf(&text, "  %s = ${%s}\n", field.Path, strings.Join(field.Expressions, "} ${"))
		}
	}
	return text.String()
}

func TestLimitsOfRenderingAreTheCodes(t *testing.T) {
	collection := limitsOf(t, "internal/render").get("maxCollectionSize")
	want := Table{
		{"resources of one instance, nested instances included", count(render.DefaultMaxResources)},
		{"resources of one `forEach` (kro's own limit)", count(collection)},
		{"JSON of all resources of one instance", size(render.DefaultMaxBytes)},
		{"steps of all expressions of one instance", count(render.DefaultMaxSteps)},
		{"depth of nesting", count(render.DefaultMaxDepth)},
	}
	if diff := cmp.Diff(want, page(t, renderedPage).Tables["limits of rendering"]); diff != "" {
		t.Errorf("-code +page:\n%s", diff)
	}
}
