// Package telemetry holds kroguard's Prometheus metrics. Collectors are built by the caller and registered with a registry
// that it passes; nothing registers itself. No label has values that users choose without bound: guardrails are bounded by the
// Guardrail objects there are, everything else is a constant of this package.
package telemetry

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/kroguard/kroguard/policies"
	"github.com/kroguard/kroguard/policies/v1alpha1"
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
	violations *prometheus.CounterVec
	errors     *prometheus.CounterVec
}

// NewAdmission builds the metrics and registers them.
func NewAdmission(registerer prometheus.Registerer) (*Admission, error) {
	a := &Admission{
		requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "kroguard_admission_duration_seconds",
			Help:    "Time to answer an admission request on an instance, by phase (mutate, validate) and result.",
			Buckets: latencyBuckets(),
		}, []string{"phase", "result"}),
		violations: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "kroguard_violations_total",
			Help: "Violations found at admission, by guardrail and by what they did (Deny, Warn, Audit, Waived).",
		}, []string{"guardrail", "action"}),
		errors: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "kroguard_guardrail_errors_total",
			Help: "Guardrails that could not be evaluated at admission, by guardrail.",
		}, []string{"guardrail"}),
	}
	for _, collector := range []prometheus.Collector{a.requests, a.violations, a.errors} {
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

// actionWaived is the action label of a violation that an exception waives.
const actionWaived = "Waived"

// Count counts the findings of one verdict.
func (a *Admission) Count(verdict *policies.Verdict) {
	if a == nil {
		return
	}
	a.count(verdict.Denied, string(v1alpha1.ActionDeny))
	a.count(verdict.Warned, string(v1alpha1.ActionWarn))
	a.count(verdict.Audited, string(v1alpha1.ActionAudit))
	a.count(verdict.Waived, actionWaived)
	for _, ignored := range verdict.Ignored {
		a.errors.WithLabelValues(ignored.Guardrail).Inc()
	}
}

func (a *Admission) count(violations []policies.Violation, action string) {
	for i := range violations {
		a.violations.WithLabelValues(violations[i].Guardrail, action).Inc()
		if violations[i].Failed {
			a.errors.WithLabelValues(violations[i].Guardrail).Inc()
		}
	}
}
