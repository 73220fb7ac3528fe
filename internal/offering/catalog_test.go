package offering

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	runtimeschema "k8s.io/apimachinery/pkg/runtime/schema"
)

func sortStrings() cmp.Option { return cmpopts.SortSlices(func(a, b string) bool { return a < b }) }

func TestCatalog(t *testing.T) {
	gvk := func(kind string) runtimeschema.GroupVersionKind {
		return runtimeschema.GroupVersionKind{Group: "kro.run", Version: "v1", Kind: kind}
	}
	offerings := []*Offering{
		{Name: "web-2", GVK: gvk("Web")}, {Name: "db", GVK: gvk("DB")}, {Name: "web-1", GVK: gvk("Web")}, {Name: "broken"}, {Name: "web-3", GVK: gvk("Web")},
	}
	names := func(list []*Offering) []string {
		var result []string
		for _, o := range list {
			result = append(result, o.Name)
		}
		return result
	}
	for range 2 {
		c := NewCatalog(offerings)
		if diff := cmp.Diff([]string{"broken", "db", "web-1", "web-2", "web-3"}, names(c.All())); diff != "" {
			t.Error(diff)
		}
		if o, ok := c.ByGroupKind(gvk("Web").GroupKind()); !ok || o.Name != "web-1" {
			t.Errorf("Web is %v, want the first by name", o)
		}
		if o, ok := c.ByGroupKind(gvk("DB").GroupKind()); !ok || o.Name != "db" {
			t.Errorf("DB is %v", o)
		}
		if o, ok := c.ByName("web-3"); !ok || o.Name != "web-3" {
			t.Errorf("web-3 is %v", o)
		}
		if o, ok := c.ByGroupKind(runtimeschema.GroupKind{}); ok {
			t.Errorf("the empty kind is %v", o)
		}
		want := []Conflict{{GroupKind: gvk("Web").GroupKind(), Winner: "web-1", Losers: []string{"web-2", "web-3"}}}
		if diff := cmp.Diff(want, c.Conflicts()); diff != "" {
			t.Error(diff)
		}
		slices.Reverse(offerings)
	}
}

func TestANilCatalogIsEmpty(t *testing.T) {
	var c *Catalog
	_, byKind := c.ByGroupKind(runtimeschema.GroupKind{})
	_, byName := c.ByName("")
	if byKind || byName || c.All() != nil || c.Conflicts() != nil {
		t.Error("it has offerings")
	}
}
