package render_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/kroguard/kroguard/internal/render"
)

// The rendering is taken from the cache exactly where nothing differs that it is made of.
func TestWhatARenderingIsMadeOfDecidesWhetherItIsMadeAgain(t *testing.T) {
	set := newSet(t, render.Options{}, graphOf("{size: string, tags: 'map[string]string'}",
		configMap("a", "${schema.metadata.name}", `{size: "${schema.spec.size}", team: "${schema.metadata.labels.team}"}`)))
	base := `{apiVersion: kro.run/v1alpha1, kind: Thing,
		metadata: {name: t, namespace: n, labels: {team: a}, annotations: {x: y}, uid: u1, resourceVersion: "1"},
		spec: {size: s, tags: {a: b}}}`
	first := rendered(t, set, object(t, base))
	tests := map[string]struct {
		change func(instance, metadata, spec map[string]any)
		same   bool
	}{
		"nothing":                             {func(_, _, _ map[string]any) {}, true},
		"a uid that nobody reads":             {func(_, m, _ map[string]any) { m["uid"] = "u2" }, true},
		"managed fields":                      {func(_, m, _ map[string]any) { m["managedFields"] = []any{map[string]any{"manager": "kro"}} }, true},
		"annotations that nobody reads":       {func(_, m, _ map[string]any) { m["annotations"] = map[string]any{"x": "z"} }, true},
		"the status":                          {func(i, _, _ map[string]any) { i["status"] = map[string]any{"state": "ACTIVE"} }, true},
		"the name":                            {func(_, m, _ map[string]any) { m["name"] = "u" }, false},
		"the namespace":                       {func(_, m, _ map[string]any) { m["namespace"] = "u" }, false},
		"labels that are read":                {func(_, m, _ map[string]any) { m["labels"] = map[string]any{"team": "b"} }, false},
		"the spec":                            {func(_, _, s map[string]any) { s["size"] = "l" }, false},
		"a field that moves into another one": {func(_, _, s map[string]any) { s["tags"] = map[string]any{"ab": ""} }, false},
		"the type of a value":                 {func(_, _, s map[string]any) { s["tags"] = map[string]any{"a": int64(1)} }, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			instance := object(t, base)
			test.change(instance, instance["metadata"].(map[string]any), instance["spec"].(map[string]any))
			if same := rendered(t, set, instance) == first; same != test.same {
				t.Errorf("taken from the cache: %t", same)
			}
		})
	}
}

func rendered(t *testing.T, set *render.Set, instance map[string]any) any {
	t.Helper()
	got, err := set.Render(t.Context(), instance, nil)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestAUIDThatIsReadCounts(t *testing.T) {
	set := newSet(t, render.Options{}, graphOf("{}", configMap("a", "a", `{uid: "${schema.metadata.uid}"}`)))
	uid := func(uid string) any {
		instance := thing(t, "{}")
		instance["metadata"].(map[string]any)["uid"] = uid
		got, err := set.Render(t.Context(), instance, nil)
		if err != nil {
			t.Fatal(err)
		}
		return got.Resources[0].Object["data"]
	}
	if diff := cmp.Diff([]any{map[string]any{"uid": "u1"}, map[string]any{"uid": "u2"}}, []any{uid("u1"), uid("u2")}); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestWhatIsRenderedDoesNotChangeWithTheInstance(t *testing.T) {
	set := newSet(t, render.Options{}, graphOf("{tags: 'map[string]string', list: '[]string'}",
		`
  - id: a
    template: {apiVersion: v1, kind: ConfigMap, metadata: {name: a, annotations: "${schema.spec.tags}"}, data: "${schema.spec.tags}"}`))
	instance := thing(t, "{tags: {a: b}}")
	got, err := set.Render(t.Context(), instance, nil)
	if err != nil {
		t.Fatal(err)
	}
	before := runtime.DeepCopyJSON(got.Resources[0].Object)
	instance["spec"].(map[string]any)["tags"].(map[string]any)["a"] = "c"
	if diff := cmp.Diff(before, got.Resources[0].Object); diff != "" {
		t.Errorf("-before +after:\n%s", diff)
	}
}

func TestTheCacheKeepsWhatWasUsedLastWithinItsBounds(t *testing.T) {
	large := strings.Repeat("x", 4<<10)
	tests := map[string]struct {
		options render.Options
		kept    int
	}{
		"entries": {render.Options{CacheEntries: 5}, 5},
		// Each takes 4 KiB and somewhat more than 1 KiB besides.
		"bytes":                     {render.Options{CacheBytes: 40 << 10}, 7},
		"what takes too much of it": {render.Options{CacheBytes: 12 << 10}, 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			set := newSet(t, render.Options{CacheEntries: test.options.CacheEntries, CacheBytes: test.options.CacheBytes},
				graphOf("{size: string}", configMap("a", "a", `{x: "${schema.spec.size}"}`)))
			instance := func(i int) map[string]any { return thing(t, fmt.Sprintf("{size: %q}", fmt.Sprint(i, large))) }
			const all = 10
			var first []any
			for i := range all {
				first = append(first, rendered(t, set, instance(i)))
			}
			kept := 0
			// The last first: what is rendered again pushes others out.
			for i := all - 1; i >= 0 && rendered(t, set, instance(i)) == first[i]; i-- {
				kept++
			}
			if kept != test.kept {
				t.Errorf("%d of %d are kept, not %d", kept, all, test.kept)
			}
		})
	}
}
