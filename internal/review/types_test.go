package review_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	krov1alpha1 "github.com/kubernetes-sigs/kro/api/v1alpha1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/kroguard/kroguard/internal/offering"
	"github.com/kroguard/kroguard/internal/review"
)

// parsed is the offering of an RGD whose spec is the given simple schema.
func parsed(name, kind, spec string) *offering.Offering {
	rgd := &krov1alpha1.ResourceGraphDefinition{}
	rgd.Name = name
	rgd.Spec.Schema = &krov1alpha1.Schema{Kind: kind, APIVersion: "v1alpha1", Spec: runtime.RawExtension{Raw: []byte(spec)}}
	o, _, _ := offering.Parse(rgd)
	return o
}

func TestObjectTypesAreThoseThatHaveInstances(t *testing.T) {
	snapshot := &review.Snapshot{Offerings: offering.NewCatalog([]*offering.Offering{
		parsed("webapp", "WebApp", "a: string"), parsed("database", "Database", "a: string"),
		parsed("webapp-copy", "WebApp", "a: string"), parsed("unreadable", "Unreadable", "a: nothing-like-a-type"),
	})}
	var names []string
	for _, object := range snapshot.ObjectTypes() {
		names = append(names, object.Offering+" "+object.GVK.String())
		if _, ok := object.Schema.Properties["spec"].Properties["a"]; !ok {
			t.Errorf("%s: the schema has no field spec.a", object.Offering)
		}
	}
	want := []string{"database kro.run/v1alpha1, Kind=Database", "webapp kro.run/v1alpha1, Kind=WebApp"}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("types (-want +got):\n%s", diff)
	}
	again := snapshot.ObjectTypes()
	if again[0] != snapshot.ObjectTypes()[0] {
		t.Error("the same offering has two types")
	}
}
