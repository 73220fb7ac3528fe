package controller

import (
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	runtimeschema "k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kroguard/kroguard/internal/offering"
	"github.com/kroguard/kroguard/internal/registration"
)

// staleRuleGrace is how long a rule outlives its need. A rule may be ahead of its reason: one replica writes it while the CRD
// is being admitted, when no cache knows that CRD yet, and not even each replica the RGD. A rule for a kind that isn't served
// costs nothing, so the time is a wide margin over any admission request.
const staleRuleGrace = time.Minute

// neededResources are the kinds whose instances must be judged.
func neededResources(
	offerings []*offering.Offering, crds []metav1.PartialObjectMetadata,
) []runtimeschema.GroupResource {
	announced := make([]runtimeschema.GroupResource, len(offerings))
	for i, o := range offerings {
		announced[i] = runtimeschema.GroupResource{Group: o.GVK.Group, Resource: o.Plural}
	}
	return registration.Needed(announced, crds)
}

// retention remembers since when registered rules are not needed. The zero value is ready to use; it is for one goroutine.
type retention struct {
	since map[runtimeschema.GroupResource]time.Time
}

// keep returns the registered resources that are not needed but stay for now, and when to look again; zero where there is
// nothing to look for.
func (r *retention) keep(registered, needed []runtimeschema.GroupResource, now time.Time) (
	kept []runtimeschema.GroupResource, again time.Duration,
) {
	since := map[runtimeschema.GroupResource]time.Time{}
	for _, resource := range registered {
		if slices.Contains(needed, resource) {
			continue
		}
		first, ok := r.since[resource]
		if !ok {
			first = now
		}
		since[resource] = first
		left := first.Add(staleRuleGrace).Sub(now)
		if left <= 0 {
			continue
		}
		kept = append(kept, resource)
		if again == 0 || left < again {
			again = left
		}
	}
	r.since = since
	return kept, again
}

// observations remember since when rules have been seen in both webhook configurations. The zero value is ready to use; it is
// for one goroutine.
type observations struct {
	since map[runtimeschema.GroupResource]time.Time
}

// observe takes over which rules there are now. A rule that is gone loses its time.
func (o *observations) observe(registered []runtimeschema.GroupResource, now time.Time) {
	since := make(map[runtimeschema.GroupResource]time.Time, len(registered))
	for _, resource := range registered {
		first, ok := o.since[resource]
		if !ok {
			first = now
		}
		since[resource] = first
	}
	o.since = since
}
