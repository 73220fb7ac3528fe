package telemetry

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/kroguard/kroguard/policies"
	"github.com/kroguard/kroguard/policies/v1alpha1"
)

// actionWaived is the action label of a violation that an exception waives.
const actionWaived = "Waived"

// evaluationBuckets are in seconds. They are few, for there is a histogram for each guardrail: a guardrail takes tens of microseconds,
// and has 2 s.
func evaluationBuckets() []float64 { return []float64{.00001, .0001, .001, .01, .1, 1} }

// Guardrails counts what each guardrail, or each policy of another engine, takes and finds. The series of a guardrail begin when it is
// compiled, and end when it is deleted. It is safe for concurrent use.
type Guardrails struct {
	// labels are the names of the labels that tell one from another.
	labels      []string
	evaluations *prometheus.HistogramVec
	violations  *prometheus.CounterVec
	errors      *prometheus.CounterVec
	// compilation is nil for policies, which others compile.
	compilation *prometheus.GaugeVec
	// compiled is nil for guardrails, whose status tells.
	compiled *prometheus.GaugeVec

	mu    sync.Mutex
	known map[string]*guardrailSeries
}

var _ policies.Recorder = (*Guardrails)(nil)

func newGuardrails(f *factory) *Guardrails {
	const label = "guardrail"
	return &Guardrails{
		labels: []string{label},
		evaluations: f.histogram("kroguard_guardrail_duration_seconds", "Time to evaluate a guardrail on an instance, by guardrail.",
			evaluationBuckets(), label),
		violations: f.counter("kroguard_violations_total",
			"Violations found, by guardrail and by what they did (Deny, Warn, Audit, Waived).", label, "action"),
		errors: f.counter("kroguard_guardrail_errors_total", "Evaluations of guardrails that failed, by guardrail.", label),
		compilation: f.gauge("kroguard_guardrail_compile_duration_seconds",
			"Time that the last compilation of a guardrail took, by guardrail.", label),
		known: map[string]*guardrailSeries{},
	}
}

// newPolicies are the metrics of policies that are no guardrails.
func newPolicies(f *factory) *Guardrails {
	const source, policy = "source", "policy"
	return &Guardrails{
		labels: []string{source, policy},
		evaluations: f.histogram("kroguard_policy_duration_seconds",
			"Time to judge an instance and its resources by a policy of another engine, by where it comes from and by name.",
			evaluationBuckets(), source, policy),
		violations: f.counter("kroguard_policy_violations_total",
			"Violations found by policies of other engines, by where they come from, name and what they did (Deny, Warn, Audit).",
			source, policy, "action"),
		errors: f.counter("kroguard_policy_errors_total",
			"Evaluations of policies of other engines that failed, by where they come from and by name.", source, policy),
		compiled: f.gauge("kroguard_policy_compiled",
			"Whether a policy of another engine compiles (1) or not (0), by where it comes from and by name.", source, policy),
		known: map[string]*guardrailSeries{},
	}
}

// Compiled implements policies.Recorder.
func (g *Guardrails) Compiled(info *policies.CompiledInfo, took time.Duration) policies.Observer {
	g.mu.Lock()
	defer g.mu.Unlock()
	key, values := info.Name, []string{info.Name}
	if info.Source != "" {
		key, values = info.Source+":"+info.Name, []string{info.Source, info.Name}
	}
	if g.compilation != nil {
		g.compilation.WithLabelValues(values...).Set(took.Seconds())
	}
	if g.compiled != nil {
		compiled := 1.
		if info.Err != nil {
			compiled = 0
		}
		g.compiled.WithLabelValues(values...).Set(compiled)
	}
	series, ok := g.known[key]
	if !ok {
		series = &guardrailSeries{
			owner: g, key: key, values: values,
			evaluations: g.evaluations.WithLabelValues(values...), errors: g.errors.WithLabelValues(values...),
		}
		g.known[key] = series
	}
	return series
}

// Retain implements policies.Recorder.
func (g *Guardrails) Retain(guardrails []string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for key, series := range g.known {
		if _, there := slices.BinarySearch(guardrails, key); there {
			continue
		}
		delete(g.known, key)
		labels := prometheus.Labels{}
		for i, name := range g.labels {
			labels[name] = series.values[i]
		}
		g.evaluations.DeletePartialMatch(labels)
		g.violations.DeletePartialMatch(labels)
		g.errors.DeletePartialMatch(labels)
		for _, gauge := range []*prometheus.GaugeVec{g.compilation, g.compiled} {
			if gauge != nil {
				gauge.DeletePartialMatch(labels)
			}
		}
	}
}

// guardrailSeries are the series of one guardrail, looked up once, so that a request looks up none.
type guardrailSeries struct {
	owner *Guardrails
	key   string
	// values are those of the labels.
	values      []string
	evaluations prometheus.Observer
	errors      prometheus.Counter

	denied, warned, audited, waived lateCounter
}

var _ policies.Observer = (*guardrailSeries)(nil)

// Evaluated implements policies.Observer.
func (s *guardrailSeries) Evaluated(e policies.Evaluation) {
	s.evaluations.Observe(e.Took.Seconds())
	if e.Failed {
		s.errors.Inc()
	}
	s.denied.add(s, string(v1alpha1.ActionDeny), e.Denied)
	s.warned.add(s, string(v1alpha1.ActionWarn), e.Warned)
	s.audited.add(s, string(v1alpha1.ActionAudit), e.Audited)
	s.waived.add(s, actionWaived, e.Waived)
}

// lateCounter is a series that begins with its first violation: hardly any guardrail has all actions.
type lateCounter struct {
	counter atomic.Pointer[prometheus.Counter]
}

func (c *lateCounter) add(s *guardrailSeries, action string, n int) {
	if n == 0 {
		return
	}
	counter := c.counter.Load()
	if counter == nil {
		counter = s.begin(action)
		c.counter.Store(counter)
	}
	(*counter).Add(float64(n))
}

// begin makes the series of an action. That of a guardrail that is gone, as a review under way may still have it, is nobody's.
func (s *guardrailSeries) begin(action string) *prometheus.Counter {
	s.owner.mu.Lock()
	defer s.owner.mu.Unlock()
	var counter prometheus.Counter
	if s.owner.known[s.key] == s {
		counter = s.owner.violations.WithLabelValues(append(slices.Clone(s.values), action)...)
	} else {
		counter = prometheus.NewCounter(prometheus.CounterOpts{})
	}
	return &counter
}
