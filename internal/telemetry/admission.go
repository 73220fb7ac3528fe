// Package telemetry holds kroguard's Prometheus metrics. Collectors are built by the caller and registered with a registry
// that it passes; nothing registers itself. No label has values that users choose without bound: guardrails are bounded by the
// Guardrail objects there are, everything else is a constant of this package.
package telemetry

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Phase is the webhook that answered.
type Phase string

// The phases.
const (
	PhaseMutate   Phase = "mutate"
	PhaseValidate Phase = "validate"
)

// Result is how a request was answered.
type Result string

// The results.
const (
	ResultAllowed Result = "allowed"
	ResultPatched Result = "patched"
	ResultDenied  Result = "denied"
	ResultError   Result = "error"
)

// latencyBuckets are in seconds: judging takes well under a millisecond, and the API server gives up after 5 s.
func latencyBuckets() []float64 {
	return []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5}
}

// Admission counts what the webhooks answer. A nil Admission counts nothing. It is safe for concurrent use.
type Admission struct {
	requests *prometheus.HistogramVec
	refusals *prometheus.CounterVec
}

// NewAdmission builds the metrics and registers them.
func NewAdmission(registerer prometheus.Registerer) (*Admission, error) {
	a := &Admission{
		requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "kroguard_admission_duration_seconds",
			Help:    "Time to answer an admission request on an instance, by phase (mutate, validate) and result.",
			Buckets: latencyBuckets(),
		}, []string{"phase", "result"}),
		refusals: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "kroguard_rule_violations_total",
			Help: "Violations of kroguard's own rules found at admission, by rule.",
		}, []string{"rule"}),
	}
	for _, collector := range []prometheus.Collector{a.requests, a.refusals} {
		if err := registerer.Register(collector); err != nil {
			return nil, err
		}
	}
	return a, nil
}

// Observe counts one answered request.
func (a *Admission) Observe(phase Phase, result Result, took time.Duration) {
	if a == nil {
		return
	}
	a.requests.WithLabelValues(string(phase), string(result)).Observe(took.Seconds())
}

// CountRule counts one violation of a rule of kroguard's own.
func (a *Admission) CountRule(rule string) {
	if a != nil {
		a.refusals.WithLabelValues(rule).Inc()
	}
}
