package render_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/kubernetes-sigs/kro/pkg/controller/instance/applyset"
	"github.com/kubernetes-sigs/kro/pkg/graph"
	"github.com/kubernetes-sigs/kro/pkg/metadata"
	kroruntime "github.com/kubernetes-sigs/kro/pkg/runtime"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/kroguard/kroguard/internal/render"
	"github.com/kroguard/kroguard/internal/render/kinds"
	"github.com/kroguard/kroguard/policies"
)

// What kro's examples hold; a change of kro's version changes them.
const (
	exampleCount    = 59
	exampleCompiled = 47
	// exampleResolved are resources that kro's runtime renders in full, and exampleUnsettled those of them in which something is
	// unresolved here: kro takes the absent branch of an expression over a status that is yet to come.
	exampleResolved  = 235
	exampleUnsettled = 0
)

func TestRenderingAgreesWithKroOverItsExamples(t *testing.T) {
	all := examples(t)
	types := kinds.New(definitions(t)...)
	compiled, resolved, unsettled := 0, 0, 0
	for _, e := range all {
		built, err := render.KroGraph(e.definition, types)
		if err != nil {
			if _, ours := render.Compile(t.Context(), e.definition, types); ours == nil {
				t.Errorf("%s: compiles, and does not for kro: %v", e.path, err)
			}
			t.Logf("%s: %s: kro's builder refuses it: %v", e.path, e.definition.Name, err)
			continue
		}
		compiled++
		set, err := render.NewSet(t.Context(), []render.Definition{e.definition}, types, render.Options{}, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, full := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/%s/full=%t", e.path, e.definition.Name, full), func(t *testing.T) {
				instance := sample(built.CRD, full)
				r, u := agree(t, set, built, instance)
				resolved, unsettled = resolved+r, unsettled+u
			})
		}
	}
	got := []int{len(all), compiled, resolved, unsettled}
	if diff := cmp.Diff([]int{exampleCount, exampleCompiled, exampleResolved, exampleUnsettled}, got); diff != "" {
		t.Errorf("RGDs, those that compile, resources that kro renders, those unresolved here (-want +got):\n%s", diff)
	}
}

// agree compares a rendering with what kro's runtime makes of the instance, node by node. What kro can't render yet, it takes
// from here, so that what depends on it is compared as well.
func agree(t *testing.T, set *render.Set, built *graph.Graph, instance map[string]any) (resolved, unsettled int) {
	t.Helper()
	before := runtime.DeepCopyJSON(instance)
	rendering, err := set.Render(t.Context(), instance, nil)
	if diff := cmp.Diff(before, instance); diff != "" {
		t.Fatal("rendering changes the instance", diff)
	}
	owner := &unstructured.Unstructured{Object: instance}
	rt, kroErr := kroruntime.FromGraph(built, render.KroConfig(), kroruntime.WithInstance(owner))
	if kroErr != nil {
		t.Fatal(kroErr)
	}
	if err != nil {
		for _, node := range rt.Nodes() {
			if _, kroErr := node.GetDesired(); kroErr != nil && !kroruntime.IsDataPending(kroErr) {
				t.Logf("both fail: %v, kro: %v", err, kroErr)
				return 0, 0
			}
		}
		t.Fatal(err)
	}
	byNode := map[string][]policies.RenderedResource{}
	for _, r := range rendering.Resources {
		id, _, _ := strings.Cut(r.Node, "[")
		byNode[id] = append(byNode[id], r)
	}
	for _, node := range rt.Nodes() {
		r, u := agreeOnNode(t, rt, node, owner, byNode[node.Spec.Meta.ID])
		resolved, unsettled = resolved+r, unsettled+u
	}
	return resolved, unsettled
}

func agreeOnNode(
	t *testing.T, rt *kroruntime.Runtime, node *kroruntime.Node, owner *unstructured.Unstructured, ours []policies.RenderedResource,
) (resolved, unsettled int) {
	t.Helper()
	id := node.Spec.Meta.ID
	ignored, err := node.IsIgnored()
	switch {
	case err != nil && kroruntime.IsDataPending(err):
		if len(ours) != 1 || ours[0].State != policies.ResourceUnknown && ours[0].State != policies.ResourceSkipped {
			t.Errorf("%s: kro can't tell whether it's there, here it is %+v", id, ours)
		}
		return 0, 0
	case err != nil:
		t.Errorf("%s: kro fails: %v", id, err)
		return 0, 0
	case ignored:
		if len(ours) != 1 || ours[0].State != policies.ResourceSkipped {
			t.Errorf("%s: kro skips it, here it is %+v", id, ours)
		}
		return 0, 0
	}
	desired, err := node.GetDesired()
	switch {
	case err != nil && !kroruntime.IsDataPending(err):
		t.Errorf("%s: kro fails: %v", id, err)
		return 0, 0
	case err != nil:
		var known []*unstructured.Unstructured
		for _, r := range ours {
			if r.Object != nil {
				known = append(known, &unstructured.Unstructured{Object: r.Object})
			}
		}
		if len(known) > 0 {
			node.SetObserved(known)
		}
		return 0, 0
	}
	node.SetObserved(desired)
	if node.Spec.Meta.Type == graph.NodeTypeExternal || node.Spec.Meta.Type == graph.NodeTypeExternalCollection {
		if len(ours) != 1 || ours[0].State != policies.ResourceExternal {
			t.Errorf("%s: kro reads it, here it is %+v", id, ours)
		}
		return 0, 0
	}
	return agreeOnObjects(t, rt, node, owner, desired, ours)
}

func agreeOnObjects(
	t *testing.T, rt *kroruntime.Runtime, node *kroruntime.Node, owner *unstructured.Unstructured,
	desired []*unstructured.Unstructured, ours []policies.RenderedResource,
) (resolved, unsettled int) {
	t.Helper()
	id := node.Spec.Meta.ID
	if len(desired) == 0 && len(ours) == 1 && ours[0].State == policies.ResourceSkipped {
		return 0, 0
	}
	if len(desired) != len(ours) {
		if len(ours) == 1 && ours[0].State == policies.ResourceUnknown {
			return len(desired), len(desired)
		}
		t.Errorf("%s: kro creates %d, here are %d", id, len(desired), len(ours))
		return 0, 0
	}
	for i := range desired {
		resolved++
		want := decorated(rt, node, owner, desired[i], i, len(desired))
		if len(ours[i].Unresolved) > 0 {
			unsettled++
			for _, field := range ours[i].Unresolved {
				remove(want, field.Path)
			}
		}
		if diff := cmp.Diff(want, ours[i].Object); diff != "" {
			t.Errorf("%s (-kro +here):\n%s", ours[i].Node, diff)
		}
	}
	return resolved, unsettled
}

// decorated is what kro's controller makes of a resource, with kro's own functions.
func decorated(
	rt *kroruntime.Runtime, node *kroruntime.Node, owner, desired *unstructured.Unstructured, index, size int,
) map[string]any {
	own := desired.DeepCopy()
	labelers := []metadata.GenericLabeler{
		metadata.NewInstanceLabeler(owner, rt.Instance().Spec.Meta.Namespaced), metadata.NewNodeLabeler(), metadata.NewKROMetaLabeler(),
		{metadata.NodeIDLabel: node.Spec.Meta.ID, applyset.ApplysetPartOfLabel: applyset.ID(owner)},
	}
	if node.Spec.Meta.Type == graph.NodeTypeCollection {
		labelers = append(labelers, metadata.NewCollectionItemLabeler(node.Spec.Meta.ID, index, size))
	}
	for _, labeler := range labelers {
		labeler.ApplyLabels(own)
	}
	labels := own.GetLabels()
	// Nobody knows these before the instance is there, or outside of kro's controller.
	delete(labels, metadata.InstanceIDLabel)
	delete(labels, metadata.KROVersionLabel)
	own.SetLabels(labels)
	order, _ := rt.ApplyOrder(node.Spec.Meta.ID)
	annotations := own.GetAnnotations()
	if annotations == nil {
		annotations = map[string]string{}
	}
	annotations[metadata.ApplyOrderAnnotation] = strconv.Itoa(order)
	own.SetAnnotations(annotations)
	return own.Object
}

// remove takes an unresolved field out of an object, as a rendering leaves it out.
func remove(object map[string]any, path policies.FieldPath) {
	var at any = object
	for i, element := range path {
		last := i == len(path)-1
		switch element := element.(type) {
		case string:
			fields, _ := at.(map[string]any)
			if last {
				delete(fields, element)
				return
			}
			at = fields[element]
		case int:
			items, _ := at.([]any)
			if last {
				items[element] = nil
				return
			}
			at = items[element]
		}
	}
}
