package telemetry

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// RenderState is what came of rendering an instance.
type RenderState string

// The states.
const (
	// RenderComplete is a rendering of which everything is known.
	RenderComplete RenderState = "complete"
	// RenderPartial is one in which something waits for what does not exist yet.
	RenderPartial RenderState = "partial"
	// RenderLimit is none, for it would be too large or take too long.
	RenderLimit RenderState = "limit"
	// RenderFailed is none, for another reason.
	RenderFailed RenderState = "failed"
)

// Renders counts renderings of instances. A nil Renders counts nothing. It is safe for concurrent use.
type Renders struct {
	// The series are looked up once, so that a request looks up none.
	complete, partial, limit, failed prometheus.Observer
}

func newRenders(f *factory) *Renders {
	vec := f.histogram("kroguard_render_duration_seconds",
		"Time to render what an instance expands into, by what came of it (complete, partial, limit, failed).",
		[]float64{.00001, .0001, .001, .01, .1, 1}, "state")
	return &Renders{
		complete: vec.WithLabelValues(string(RenderComplete)), partial: vec.WithLabelValues(string(RenderPartial)),
		limit: vec.WithLabelValues(string(RenderLimit)), failed: vec.WithLabelValues(string(RenderFailed)),
	}
}

// Observe counts one rendering.
func (r *Renders) Observe(state RenderState, took time.Duration) {
	if r == nil {
		return
	}
	observer := r.failed
	switch state {
	case RenderComplete:
		observer = r.complete
	case RenderPartial:
		observer = r.partial
	case RenderLimit:
		observer = r.limit
	case RenderFailed:
	}
	observer.Observe(took.Seconds())
}
