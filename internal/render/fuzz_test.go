package render_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"

	"github.com/kroguard/kroguard/internal/render"
)

// Whatever JSON an instance is, rendering it ends, and yields the same a second time.
func FuzzInstances(f *testing.F) {
	for _, seed := range []string{
		`{"metadata":{"name":"shop","namespace":"a"},"spec":{"image":"i","replicas":2,"hosts":["a","b"],"monitoring":true}}`,
		`{"metadata":{"generateName":"x-","labels":{"a":1}},"spec":{"image":null,"replicas":1.5,"hosts":[null,{}],"monitoring":"no"}}`,
		`{"metadata":null,"spec":[]}`, `{"spec":{"hosts":{"a":[]}}}`, `{"metadata":[]}`,
	} {
		f.Add(seed)
	}
	set := newSet(f, render.Options{Limits: render.Limits{MaxResources: 50, MaxBytes: 1 << 20, MaxSteps: 10_000}}, webApp)
	f.Fuzz(func(t *testing.T, text string) {
		var instance map[string]any
		if utilyaml.Unmarshal([]byte(text), &instance) != nil || instance == nil {
			return
		}
		instance["apiVersion"], instance["kind"] = "kro.run/v1alpha1", "WebApp"
		first, err := set.Render(t.Context(), instance, nil)
		again, errAgain := set.Render(t.Context(), instance, nil)
		if (err == nil) != (errAgain == nil) {
			t.Fatalf("first %v, then %v", err, errAgain)
		}
		if diff := cmp.Diff(first, again); diff != "" {
			t.Error(diff)
		}
	})
}
