package review

import (
	"context"
	"sync/atomic"

	corev1 "k8s.io/api/core/v1"

	"github.com/kroguard/kroguard/internal/labeling"
	"github.com/kroguard/kroguard/internal/offering"
	"github.com/kroguard/kroguard/internal/project"
	"github.com/kroguard/kroguard/internal/render"
	"github.com/kroguard/kroguard/internal/telemetry"
	"github.com/kroguard/kroguard/policies"
)

// Snapshot is an immutable, compiled view of the configuration. Everything that a review needs is in it: no review makes an
// API call. It is safe for concurrent use.
type Snapshot struct {
	// Offerings are all RGDs. Never nil in a published snapshot.
	Offerings *offering.Catalog
	// Projects resolves namespaces. Never nil in a published snapshot.
	Projects *project.Index
	// Guardrails are the compiled guardrails with their exceptions. Never nil in a published snapshot.
	Guardrails *policies.Set
	// Graphs render instances; nil where nobody can.
	Graphs *render.Set
	// Namespaces are the namespaces by name, read-only.
	Namespaces map[string]*corev1.Namespace
	// Settings are the operator's choices.
	Settings Settings
	// Renders counts what rendering takes; nil counts nothing.
	Renders *telemetry.Renders
}

// Settings are the operator's choices that reviews depend on.
type Settings struct {
	// RequireProject refuses instances in namespaces that belong to no project.
	RequireProject bool
	// KroUsers are the user names under which kro runs. The nested instances that they create are judged by guardrails
	// but not by allow-lists, since the parent was allowed.
	KroUsers []string
	// LabelKeys are the keys of the ownership and cost labels.
	LabelKeys labeling.Keys
}

// Store holds the snapshot that reviews read. Build it with NewStore. Readers never lock.
type Store struct {
	current atomic.Pointer[published]
}

// published is a snapshot together with the signal that a newer one has taken its place.
type published struct {
	snapshot *Snapshot
	replaced chan struct{}
}

// NewStore returns a store that holds no snapshot yet.
func NewStore() *Store {
	s := new(Store)
	s.current.Store(&published{replaced: make(chan struct{})})
	return s
}

// Load returns the current snapshot, or nil before the first was published.
func (s *Store) Load() *Snapshot { return s.current.Load().snapshot }

// Publish makes the snapshot the current one. Reviews under way finish with the one they began with.
func (s *Store) Publish(snapshot *Snapshot) {
	previous := s.current.Swap(&published{snapshot: snapshot, replaced: make(chan struct{})})
	close(previous.replaced)
}

// Await returns the current snapshot as soon as it satisfies the condition, and otherwise, when the context ends, the one
// that is current then. It closes the small gap in which the API server already knows an object that the caches here have
// yet to receive. The result is nil only where nothing was published.
func (s *Store) Await(ctx context.Context, condition func(*Snapshot) bool) *Snapshot {
	for {
		current := s.current.Load()
		if current.snapshot != nil && condition(current.snapshot) {
			return current.snapshot
		}
		select {
		case <-current.replaced:
		case <-ctx.Done():
			return s.Load()
		}
	}
}
