package telemetry

import (
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Contents are how many objects of each kind a snapshot is made of.
type Contents struct {
	ResourceGraphDefinitions, Projects, KnodexProjects, Guardrails, GuardrailExceptions, Policies, Namespaces int
	// NotCompiled are the guardrails that do not compile.
	NotCompiled int
}

// Snapshots tells of the snapshot by which requests are judged. A nil Snapshots tells nothing. It is safe for concurrent use.
type Snapshots struct {
	builds      prometheus.Observer
	objects     *prometheus.GaugeVec
	notCompiled *prometheus.GaugeVec
	published   atomic.Pointer[time.Time]
}

func newSnapshots(f *factory) *Snapshots {
	s := new(Snapshots)
	f.timestamp("kroguard_snapshot_timestamp_seconds",
		"When the snapshot of the configuration was published by which requests are judged, in seconds since 1970.", s.publishedAt)
	s.objects = f.gauge("kroguard_snapshot_objects", "Objects that the snapshot is made of, by kind.", "kind")
	s.builds = f.histogram("kroguard_snapshot_build_duration_seconds", "Time to build a snapshot from the watch caches.",
		[]float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}).WithLabelValues()
	s.notCompiled = f.gauge("kroguard_guardrails_not_compiled", "Guardrails of the snapshot that do not compile.")
	return s
}

// Published tells of a snapshot that was published at a time, and of how long it took to build.
func (s *Snapshots) Published(at time.Time, took time.Duration, of Contents) {
	if s == nil {
		return
	}
	s.builds.Observe(took.Seconds())
	for kind, count := range map[string]int{
		"ResourceGraphDefinition": of.ResourceGraphDefinitions, "Project": of.Projects, "KnodexProject": of.KnodexProjects,
		"Guardrail": of.Guardrails, "GuardrailException": of.GuardrailExceptions, "Policy": of.Policies, "Namespace": of.Namespaces,
	} {
		s.objects.WithLabelValues(kind).Set(float64(count))
	}
	s.notCompiled.WithLabelValues().Set(float64(of.NotCompiled))
	s.published.Store(&at)
}

func (s *Snapshots) publishedAt() time.Time {
	if at := s.published.Load(); at != nil {
		return *at
	}
	return time.Time{}
}
