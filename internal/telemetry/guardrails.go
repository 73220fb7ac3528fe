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

// Guardrails counts what each guardrail takes and finds. The series of a guardrail begin when it is compiled, and end when it is
// deleted. It is safe for concurrent use.
type Guardrails struct {
	evaluations *prometheus.HistogramVec
	violations  *prometheus.CounterVec
	errors      *prometheus.CounterVec
	compilation *prometheus.GaugeVec

	mu    sync.Mutex
	known map[string]*guardrailSeries
}

var _ policies.Recorder = (*Guardrails)(nil)

// NewGuardrails builds the metrics and registers them.
func NewGuardrails(registerer prometheus.Registerer) (*Guardrails, error) {
	label := []string{"guardrail"}
	g := &Guardrails{
		evaluations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "kroguard_guardrail_duration_seconds",
			Help:    "Time to evaluate a guardrail on an instance, by guardrail.",
			Buckets: evaluationBuckets(),
		}, label),
		violations: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "kroguard_violations_total",
			Help: "Violations found, by guardrail and by what they did (Deny, Warn, Audit, Waived).",
		}, []string{"guardrail", "action"}),
		errors: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "kroguard_guardrail_errors_total",
			Help: "Evaluations of guardrails that failed, by guardrail.",
		}, label),
		compilation: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "kroguard_guardrail_compile_duration_seconds",
			Help: "Time that the last compilation of a guardrail took, by guardrail.",
		}, label),
		known: map[string]*guardrailSeries{},
	}
	for _, collector := range g.collectors() {
		if err := registerer.Register(collector); err != nil {
			return nil, err
		}
	}
	return g, nil
}

func (g *Guardrails) collectors() []prometheus.Collector {
	return []prometheus.Collector{g.evaluations, g.violations, g.errors, g.compilation}
}

// Compiled implements policies.Recorder.
func (g *Guardrails) Compiled(info *policies.CompiledInfo, took time.Duration) policies.Observer {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.compilation.WithLabelValues(info.Name).Set(took.Seconds())
	series, ok := g.known[info.Name]
	if !ok {
		series = &guardrailSeries{
			owner: g, name: info.Name,
			evaluations: g.evaluations.WithLabelValues(info.Name), errors: g.errors.WithLabelValues(info.Name),
		}
		g.known[info.Name] = series
	}
	return series
}

// Retain implements policies.Recorder.
func (g *Guardrails) Retain(guardrails []string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for name := range g.known {
		if _, there := slices.BinarySearch(guardrails, name); there {
			continue
		}
		delete(g.known, name)
		label := prometheus.Labels{"guardrail": name}
		g.evaluations.DeletePartialMatch(label)
		g.violations.DeletePartialMatch(label)
		g.errors.DeletePartialMatch(label)
		g.compilation.DeletePartialMatch(label)
	}
}

// guardrailSeries are the series of one guardrail, looked up once, so that a request looks up none.
type guardrailSeries struct {
	owner       *Guardrails
	name        string
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
	if s.owner.known[s.name] == s {
		counter = s.owner.violations.WithLabelValues(s.name, action)
	} else {
		counter = prometheus.NewCounter(prometheus.CounterOpts{})
	}
	return &counter
}
