package render_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	internalv1alpha1 "github.com/kubernetes-sigs/kro/api/internal.kro.run/v1alpha1"
	krov1alpha1 "github.com/kubernetes-sigs/kro/api/v1alpha1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kroguard/kroguard/internal/render"
)

func specOf(kind string) krov1alpha1.ResourceGraphDefinitionSpec {
	return krov1alpha1.ResourceGraphDefinitionSpec{Schema: &krov1alpha1.Schema{Kind: kind}}
}

func TestDefinitionsAreThoseThatKroReconcilesWith(t *testing.T) {
	rgd := func(name, kind string) *krov1alpha1.ResourceGraphDefinition {
		return &krov1alpha1.ResourceGraphDefinition{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: specOf(kind)}
	}
	revision := func(name string, number int64, status metav1.ConditionStatus, kind string) *internalv1alpha1.GraphRevision {
		r := &internalv1alpha1.GraphRevision{}
		r.Spec.Revision, r.Spec.Snapshot.Name, r.Spec.Snapshot.Spec = number, name, specOf(kind)
		if status != "" {
			r.Status.Conditions = krov1alpha1.Conditions{{Type: "Ready", Status: "False"}, {Type: "GraphVerified", Status: status}}
		}
		return r
	}
	got := render.Definitions(
		[]*krov1alpha1.ResourceGraphDefinition{rgd("edited", "Edited"), rgd("new", "New"), rgd("loser", "Loser")},
		[]*internalv1alpha1.GraphRevision{
			revision("edited", 9, metav1.ConditionTrue, "Nine"), revision("edited", 10, metav1.ConditionTrue, "Ten"),
			revision("edited", 8, metav1.ConditionTrue, "Eight"), revision("edited", 11, metav1.ConditionFalse, "Eleven"),
			revision("edited", 12, "", "Twelve"), revision("new", 1, metav1.ConditionUnknown, "Unverified"),
			revision("gone", 1, metav1.ConditionTrue, "Gone"),
		},
		func(name string) bool { return name != "loser" },
	)
	want := []render.Definition{{Name: "edited", Spec: specOf("Ten")}, {Name: "new", Spec: specOf("New")}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("definitions (-want +got):\n%s", diff)
	}
}
