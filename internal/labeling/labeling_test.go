package labeling_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kroguard/kroguard/internal/defaulting"
	"github.com/kroguard/kroguard/internal/injection/injectiontest"
	"github.com/kroguard/kroguard/internal/labeling"
	"github.com/kroguard/kroguard/internal/project"
	"github.com/kroguard/kroguard/policies/v1alpha1"
)

func TestCheckEnforced(t *testing.T) {
	object := injectiontest.Object(t, `{"metadata":{"labels":{"team":"mine","kroguard.io/offering":"webapp","dc":"eu1"}}}`)
	got := labeling.CheckEnforced(object, injectiontest.Project(t, v1alpha1.LabelMap{"team": "pay", "dc": "eu1", "a.b/c": "x"}, nil), injectiontest.Offering(t, injectiontest.WebApp, nil))
	want := []labeling.Conflict{
		{Key: "a.b/c", Want: "x"},
		{Key: "kroguard.io/project", Want: "payments"},
		{Key: "team", Want: "pay", Got: "mine"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("conflicts (-want +got):\n%s", diff)
	}
	if field := got[0].Field(); field != `metadata.labels["a.b/c"]` {
		t.Errorf("Field() = %s", field)
	}
	if got := labeling.CheckEnforced(nil, nil, nil); got != nil {
		t.Errorf("nothing conflicts with %v", got)
	}
}

func BenchmarkCompute(b *testing.B) {
	p, o := injectiontest.Project(b, v1alpha1.LabelMap{"dc": "eu1"}, v1alpha1.LabelMap{"tier": "gold"}), injectiontest.Offering(b, injectiontest.WebApp, map[string]string{"labels": "size: ${object.spec.size}"})
	object := injectiontest.Object(b, `{"metadata":{"name":"shop","labels":{"x":"y"}},"spec":{"image":"nginx","size":"small"}}`)
	change := defaulting.Examine(object, nil, "", o)
	b.ReportAllocs()
	for b.Loop() {
		result := labeling.Compute(labeling.Input{
			Change: change, Object: object, Project: p, Offering: o, User: "jane", Keys: labeling.DefaultKeys(),
			Namespace: project.Namespace{Name: "payments-dev", Labels: map[string]string{"env": "dev"}},
		})
		if len(result.Sets) != 13 {
			b.Fatalf("%d sets, want 13", len(result.Sets))
		}
	}
}
