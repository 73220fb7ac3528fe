package controller

import (
	"fmt"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
	krov1alpha1 "github.com/kubernetes-sigs/kro/api/v1alpha1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

func rgd(name, uid string, generation int64, annotations map[string]string) *krov1alpha1.ResourceGraphDefinition {
	return &krov1alpha1.ResourceGraphDefinition{
		ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID(uid), Generation: generation, Annotations: annotations},
		Spec:       krov1alpha1.ResourceGraphDefinitionSpec{Schema: &krov1alpha1.Schema{Kind: "WebApp", APIVersion: "v1alpha1"}},
	}
}

func TestOfferingCacheParsesWhatChanged(t *testing.T) {
	broken := map[string]string{"kroguard.io/defaults": "{"}
	tests := []struct {
		name       string
		next       *krov1alpha1.ResourceGraphDefinition
		wantParsed bool
	}{
		{name: "the same RGD with another status is not parsed again", next: func() *krov1alpha1.ResourceGraphDefinition {
			next := rgd("a", "1", 1, broken)
			next.ResourceVersion, next.Status.State = "99", "Active"
			return next
		}()},
		{name: "another generation is", next: rgd("a", "1", 2, broken), wantParsed: true},
		{name: "another annotation is", next: rgd("a", "1", 1, map[string]string{"kroguard.io/defaults": "["}), wantParsed: true},
		{name: "another label is", next: func() *krov1alpha1.ResourceGraphDefinition {
			next := rgd("a", "1", 1, broken)
			next.Labels = map[string]string{"x": "y"}
			return next
		}(), wantParsed: true},
		{name: "one that was deleted and made anew under the same name is", next: rgd("a", "2", 1, broken), wantParsed: true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var cache offeringCache
			first, found := cache.update([]*krov1alpha1.ResourceGraphDefinition{rgd("a", "1", 1, broken), rgd("b", "3", 1, nil)})
			if diff := cmp.Diff([]string{"a"}, names(found)); diff != "" {
				t.Fatalf("problems (-want +got):\n%s", diff)
			}
			second, found := cache.update([]*krov1alpha1.ResourceGraphDefinition{test.next, rgd("b", "3", 1, nil)})
			if parsed := first[0] != second[0]; parsed != test.wantParsed {
				t.Errorf("parsed again: %v, want %v", parsed, test.wantParsed)
			}
			if reported := len(found) > 0; reported != test.wantParsed {
				t.Errorf("reported again: %v, want %v", reported, test.wantParsed)
			}
			if first[1] != second[1] {
				t.Error("the other RGD was parsed again")
			}
		})
	}
}

func TestOfferingCacheForgetsWhatIsGone(t *testing.T) {
	var cache offeringCache
	cache.update([]*krov1alpha1.ResourceGraphDefinition{rgd("a", "1", 1, nil)})
	offerings, _ := cache.update(nil)
	if len(offerings) != 0 || len(cache.entries) != 0 {
		t.Errorf("%d offerings and %d entries of no RGD", len(offerings), len(cache.entries))
	}
}

func names(found []malformed) []string {
	var out []string
	for _, m := range found {
		out = append(out, m.rgd.Name)
	}
	return out
}

func BenchmarkOfferingCacheOneOfFiveHundredChanged(b *testing.B) {
	rgds := make([]*krov1alpha1.ResourceGraphDefinition, 500)
	for i := range rgds {
		rgds[i] = rgd(fmt.Sprintf("rgd-%d", i), strconv.Itoa(i), 1, map[string]string{"kroguard.io/catalog": "true"})
	}
	var cache offeringCache
	cache.update(rgds)
	b.ReportAllocs()
	for b.Loop() {
		rgds[0].Generation++
		cache.update(rgds)
	}
}
