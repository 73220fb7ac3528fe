package controller

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	runtimeschema "k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kroguard/kroguard/internal/offering"
)

// resource is "plural.group".
func resource(name string) runtimeschema.GroupResource { return runtimeschema.ParseGroupResource(name) }

func resources(names ...string) []runtimeschema.GroupResource {
	var out []runtimeschema.GroupResource
	for _, name := range names {
		out = append(out, resource(name))
	}
	return out
}

func announced(name string) *offering.Offering {
	r := resource(name)
	return &offering.Offering{GVK: runtimeschema.GroupVersionKind{Group: r.Group}, Plural: r.Resource}
}

func crd(name string, labels map[string]string) metav1.PartialObjectMetadata {
	return metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels}}
}

func TestNeededResources(t *testing.T) {
	owned := map[string]string{"kro.run/owned": "true"}
	tests := []struct {
		name      string
		offerings []*offering.Offering
		crds      []metav1.PartialObjectMetadata
		want      []runtimeschema.GroupResource
	}{
		{name: "an empty cluster needs none"},
		{
			name:      "an RGD announces its kind before the CRD is there",
			offerings: []*offering.Offering{announced("webapps.example.com")},
			want:      resources("webapps.example.com"),
		},
		{
			name: "a CRD outlives its RGD, and with it the need",
			crds: []metav1.PartialObjectMetadata{crd("webapps.example.com", owned)},
			want: resources("webapps.example.com"),
		},
		{
			name: "a CRD under the label that kro moves to",
			crds: []metav1.PartialObjectMetadata{crd("webapps.example.com", map[string]string{"internal.kro.run/owned": "true"})},
			want: resources("webapps.example.com"),
		},
		{
			name:      "an RGD that claims somebody else's CRD gets nothing",
			offerings: []*offering.Offering{announced("applications.argoproj.io"), announced("webapps.example.com")},
			crds:      []metav1.PartialObjectMetadata{crd("applications.argoproj.io", nil)},
			want:      resources("webapps.example.com"),
		},
		{
			name:      "group kro.run has a static rule, and Kubernetes' groups are never intercepted",
			offerings: []*offering.Offering{announced("webapps.kro.run"), announced("deployments.apps"), announced("guardrails.kroguard.io")},
			crds:      []metav1.PartialObjectMetadata{crd("apps.kro.run", owned), crd("ingresses.networking.k8s.io", owned)},
		},
		{
			name:      "an RGD without a kind needs no rule",
			offerings: []*offering.Offering{{Name: "broken"}},
		},
		{
			name:      "RGD and CRD are one kind, and the order is that of group and plural",
			offerings: []*offering.Offering{announced("z.a.example.com"), announced("a.b.example.com"), announced("a.a.example.com")},
			crds:      []metav1.PartialObjectMetadata{crd("a.b.example.com", owned)},
			want:      resources("a.a.example.com", "z.a.example.com", "a.b.example.com"),
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := neededResources(test.offerings, test.crds)
			if len(got) == 0 {
				got = nil
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("resources (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRetentionKeepsAnUnneededRuleForAWhile(t *testing.T) {
	start := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	type step struct {
		after              time.Duration
		registered, needed []runtimeschema.GroupResource
		want               []runtimeschema.GroupResource
		wantAgain          time.Duration
	}
	tests := []struct {
		name  string
		steps []step
	}{
		{
			name: "what is needed is no matter of retention",
			steps: []step{
				{registered: resources("a.example.com"), needed: resources("a.example.com", "b.example.com")},
			},
		},
		{
			name: "a rule goes when its time is over",
			steps: []step{
				{registered: resources("a.example.com"), want: resources("a.example.com"), wantAgain: staleRuleGrace},
				{after: staleRuleGrace - 1, registered: resources("a.example.com"), want: resources("a.example.com"), wantAgain: 1},
				{after: staleRuleGrace, registered: resources("a.example.com")},
			},
		},
		{
			name: "a rule that was needed in between begins anew",
			steps: []step{
				{registered: resources("a.example.com"), want: resources("a.example.com"), wantAgain: staleRuleGrace},
				{after: staleRuleGrace / 2, registered: resources("a.example.com"), needed: resources("a.example.com")},
				{after: staleRuleGrace, registered: resources("a.example.com"), want: resources("a.example.com"), wantAgain: staleRuleGrace},
			},
		},
		{
			name: "the next look is for the rule that goes first",
			steps: []step{
				{registered: resources("a.example.com"), want: resources("a.example.com"), wantAgain: staleRuleGrace},
				{
					after: 10 * time.Second, registered: resources("a.example.com", "b.example.com"),
					want: resources("a.example.com", "b.example.com"), wantAgain: staleRuleGrace - 10*time.Second,
				},
			},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var r retention
			for i, step := range test.steps {
				kept, again := r.keep(step.registered, step.needed, start.Add(step.after))
				if diff := cmp.Diff(step.want, kept); diff != "" {
					t.Errorf("step %d: kept (-want +got):\n%s", i, diff)
				}
				if again != step.wantAgain {
					t.Errorf("step %d: look again after %s, want %s", i, again, step.wantAgain)
				}
			}
		})
	}
}

func TestObservationsForgetARuleThatWasGone(t *testing.T) {
	start := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	var o observations
	for i, seen := range [][]runtimeschema.GroupResource{
		resources("a.example.com", "b.example.com"),
		resources("b.example.com"),
		resources("a.example.com", "b.example.com"),
	} {
		o.observe(seen, start.Add(time.Duration(i)*time.Second))
	}
	want := map[runtimeschema.GroupResource]time.Time{
		resource("a.example.com"): start.Add(2 * time.Second),
		resource("b.example.com"): start,
	}
	if diff := cmp.Diff(want, o.since); diff != "" {
		t.Errorf("since (-want +got):\n%s", diff)
	}
}
