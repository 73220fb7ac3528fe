package policies

import (
	"hash/maphash"
	"strings"
	"sync/atomic"

	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
)

const (
	// memoWays is how many places share one hash: a place that is hot is not put out by another one that happens to fall on
	// the same hash.
	memoWays = 4
	// memoBuckets bounds what an index keeps: memoWays places for each. A cluster has a few hundred namespaces with a few
	// offerings in each; a place that finds no room costs a scan, and nothing else.
	memoBuckets = 1024
)

// place is all of a request that decides which guardrails may match, but for the instance itself: its name and its labels. A
// namespace is compared by identity, so one whose labels changed is another place.
type place struct {
	operation                    admissionv1.Operation
	offering, project, namespace string
	object                       *corev1.Namespace
}

// candidates are the guardrails that may match at a place, in the order of the Set.
type candidates struct {
	place   place
	entries []*setEntry
	// screen is nil where looking at each of the entries is as good.
	screen *screen
}

// placeIndex finds the guardrails that may match a request: by one look-up where a request came from the same place before, and by a
// scan of all the first time. There is no static index below it: a scan of 1,000 guardrails takes some ten microseconds, once for
// a place and a Set, and name rules may be globs, which have no index.
//
// Readers and writers neither lock nor wait. What one writes over another's work is found by a scan again.
type placeIndex struct {
	seed    maphash.Seed
	buckets [memoBuckets][memoWays]atomic.Pointer[candidates]
}

func newPlaceIndex() *placeIndex { return &placeIndex{seed: maphash.MakeSeed()} }

// find yields the candidates of a place, by scan where they are not known.
func (x *placeIndex) find(at *place, scan func() []*setEntry) *candidates {
	hash := x.hash(at)
	bucket := &x.buckets[hash%memoBuckets]
	free := &bucket[hash/memoBuckets%memoWays]
	for way := range bucket {
		known := bucket[way].Load()
		if known == nil || known.place.replacedBy(at) {
			free = &bucket[way]
			break
		}
		if known.place == *at {
			return known
		}
	}
	entries := scan()
	found := &candidates{place: *at, entries: entries, screen: newScreen(entries)}
	// The name may be part of the request's body, which must not be kept for it.
	found.place.namespace = strings.Clone(at.namespace)
	free.Store(found)
	return found
}

// hash leaves out the namespace's identity, so that a namespace that changed takes the room that it had before.
func (x *placeIndex) hash(at *place) uint64 {
	hash := maphash.String(x.seed, at.namespace)
	hash = hash*31 + maphash.String(x.seed, at.offering)
	hash = hash*31 + maphash.String(x.seed, at.project)
	if at.operation == admissionv1.Update {
		hash = ^hash
	}
	return hash
}

// replacedBy reports whether other is the same place after its namespace changed.
func (p *place) replacedBy(other *place) bool {
	return p.object != other.object && p.namespace == other.namespace && p.offering == other.offering &&
		p.project == other.project && p.operation == other.operation
}
