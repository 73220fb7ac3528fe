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
	requests   *prometheus.HistogramVec
	refusals   *prometheus.CounterVec
	breakGlass prometheus.Counter
}

func newAdmission(f *factory) *Admission {
	return &Admission{
		requests: f.histogram("kroguard_admission_duration_seconds",
			"Time to answer an admission request on an instance, by phase (mutate, validate) and result (allowed, patched, denied, error).",
			latencyBuckets(), "phase", "result"),
		refusals: f.counter("kroguard_rule_violations_total", "Violations of kroguard's own rules found at admission, by rule.", "rule"),
		breakGlass: f.counter("kroguard_break_glass_requests_total",
			"Requests that would have been refused and were let in for the group of --break-glass-group.").WithLabelValues(),
	}
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

// CountBreakGlass counts one request that was let in whatever the verdict was.
func (a *Admission) CountBreakGlass() {
	if a != nil {
		a.breakGlass.Inc()
	}
}
