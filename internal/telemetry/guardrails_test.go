package telemetry

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kroguard/kroguard/policies"
	"github.com/kroguard/kroguard/policies/v1alpha1"
)

func registeredGuardrails(tb testing.TB) (*Guardrails, *prometheus.Registry) {
	tb.Helper()
	registry := prometheus.NewPedanticRegistry()
	f := &factory{registerer: registry}
	g := newGuardrails(f)
	if f.err != nil {
		tb.Fatal(f.err)
	}
	return g, registry
}

func mustGather(t *testing.T, registry *prometheus.Registry, want string) {
	t.Helper()
	if err := testutil.GatherAndCompare(registry, strings.NewReader(want)); err != nil {
		t.Error(err)
	}
}

const (
	headEvaluations = `
# HELP kroguard_guardrail_duration_seconds Time to evaluate a guardrail on an instance, by guardrail.
# TYPE kroguard_guardrail_duration_seconds histogram
`
	headViolations = `
# HELP kroguard_violations_total Violations found, by guardrail and by what they did (Deny, Warn, Audit, Waived).
# TYPE kroguard_violations_total counter
`
	headErrors = `
# HELP kroguard_guardrail_errors_total Evaluations of guardrails that failed, by guardrail.
# TYPE kroguard_guardrail_errors_total counter
`
	headCompilation = `
# HELP kroguard_guardrail_compile_duration_seconds Time that the last compilation of a guardrail took, by guardrail.
# TYPE kroguard_guardrail_compile_duration_seconds gauge
`
)

func TestWhatAGuardrailTakesAndFindsIsCounted(t *testing.T) {
	g, registry := registeredGuardrails(t)
	observer := g.Compiled(&policies.CompiledInfo{Name: "replicas"}, 2*time.Millisecond)
	observer.Evaluated(policies.Evaluation{Took: 50 * time.Microsecond, Denied: 2, Waived: 1})
	observer.Evaluated(policies.Evaluation{Took: 500 * time.Microsecond, Denied: 1, Failed: true})
	again := g.Compiled(&policies.CompiledInfo{Name: "replicas"}, 3*time.Millisecond)
	again.Evaluated(policies.Evaluation{Took: time.Second, Warned: 1, Audited: 1})
	mustGather(t, registry, headEvaluations+`
kroguard_guardrail_duration_seconds_bucket{guardrail="replicas",le="1e-05"} 0
kroguard_guardrail_duration_seconds_bucket{guardrail="replicas",le="0.0001"} 1
kroguard_guardrail_duration_seconds_bucket{guardrail="replicas",le="0.001"} 2
kroguard_guardrail_duration_seconds_bucket{guardrail="replicas",le="0.01"} 2
kroguard_guardrail_duration_seconds_bucket{guardrail="replicas",le="0.1"} 2
kroguard_guardrail_duration_seconds_bucket{guardrail="replicas",le="1"} 3
kroguard_guardrail_duration_seconds_bucket{guardrail="replicas",le="+Inf"} 3
kroguard_guardrail_duration_seconds_sum{guardrail="replicas"} 1.00055
kroguard_guardrail_duration_seconds_count{guardrail="replicas"} 3
`+headViolations+`
kroguard_violations_total{action="Audit",guardrail="replicas"} 1
kroguard_violations_total{action="Deny",guardrail="replicas"} 3
kroguard_violations_total{action="Waived",guardrail="replicas"} 1
kroguard_violations_total{action="Warn",guardrail="replicas"} 1
`+headErrors+`
kroguard_guardrail_errors_total{guardrail="replicas"} 1
`+headCompilation+`
kroguard_guardrail_compile_duration_seconds{guardrail="replicas"} 0.003
`)
}

func TestADeletedGuardrailHasNoSeries(t *testing.T) {
	g, registry := registeredGuardrails(t)
	deleted := g.Compiled(&policies.CompiledInfo{Name: "deleted"}, time.Millisecond)
	g.Compiled(&policies.CompiledInfo{Name: "kept"}, time.Millisecond)
	deleted.Evaluated(policies.Evaluation{Denied: 1, Failed: true})
	g.Retain([]string{"a", "kept", "z"})
	// A review that began before goes on.
	deleted.Evaluated(policies.Evaluation{Denied: 1, Warned: 1, Audited: 1, Waived: 1, Failed: true})
	mustGather(t, registry, headEvaluations+`
kroguard_guardrail_duration_seconds_bucket{guardrail="kept",le="1e-05"} 0
kroguard_guardrail_duration_seconds_bucket{guardrail="kept",le="0.0001"} 0
kroguard_guardrail_duration_seconds_bucket{guardrail="kept",le="0.001"} 0
kroguard_guardrail_duration_seconds_bucket{guardrail="kept",le="0.01"} 0
kroguard_guardrail_duration_seconds_bucket{guardrail="kept",le="0.1"} 0
kroguard_guardrail_duration_seconds_bucket{guardrail="kept",le="1"} 0
kroguard_guardrail_duration_seconds_bucket{guardrail="kept",le="+Inf"} 0
kroguard_guardrail_duration_seconds_sum{guardrail="kept"} 0
kroguard_guardrail_duration_seconds_count{guardrail="kept"} 0
`+headErrors+`
kroguard_guardrail_errors_total{guardrail="kept"} 0
`+headCompilation+`
kroguard_guardrail_compile_duration_seconds{guardrail="kept"} 0.001
`)
	g.Retain(nil)
	mustGather(t, registry, "")
}

// One that comes back by the same name begins anew.
func TestAGuardrailThatComesBackIsCounted(t *testing.T) {
	g, _ := registeredGuardrails(t)
	g.Compiled(&policies.CompiledInfo{Name: "a"}, 0).Evaluated(policies.Evaluation{Denied: 5})
	g.Retain(nil)
	g.Compiled(&policies.CompiledInfo{Name: "a"}, 0).Evaluated(policies.Evaluation{Denied: 1})
	want := headViolations + "kroguard_violations_total{action=\"Deny\",guardrail=\"a\"} 1\n"
	if err := testutil.CollectAndCompare(g.violations, strings.NewReader(want)); err != nil {
		t.Error(err)
	}
}

func TestGuardrailsAreCountedConcurrently(t *testing.T) {
	g, _ := registeredGuardrails(t)
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for range 100 {
				g.Compiled(&policies.CompiledInfo{Name: "a"}, 0).Evaluated(policies.Evaluation{Denied: 1})
			}
		})
	}
	group.Wait()
	want := headViolations + "kroguard_violations_total{action=\"Deny\",guardrail=\"a\"} 400\n"
	if err := testutil.CollectAndCompare(g.violations, strings.NewReader(want)); err != nil {
		t.Error(err)
	}
}

func TestCountingAllocatesNothing(t *testing.T) {
	g, _ := registeredGuardrails(t)
	observer := g.Compiled(&policies.CompiledInfo{Name: "a"}, 0)
	evaluation := policies.Evaluation{Took: time.Millisecond, Denied: 1, Failed: true}
	observer.Evaluated(evaluation)
	if allocs := testing.AllocsPerRun(100, func() { observer.Evaluated(evaluation) }); allocs > 0 {
		t.Errorf("%v allocations", allocs)
	}
}

func BenchmarkEvaluated(b *testing.B) {
	g, _ := registeredGuardrails(b)
	observer := g.Compiled(&policies.CompiledInfo{Name: "a"}, 0)
	for name, evaluation := range map[string]policies.Evaluation{
		"holds": {Took: 20 * time.Microsecond}, "denied": {Took: 20 * time.Microsecond, Denied: 1},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				observer.Evaluated(evaluation)
			}
		})
	}
}

// BenchmarkReview is a review by fifty guardrails that find nothing and take no time, counted and not: the difference is the cost of
// fifty readings of the clock and fifty counts.
func BenchmarkReview(b *testing.B) {
	list := make([]*v1alpha1.Guardrail, 50)
	for n := range list {
		list[n] = &v1alpha1.Guardrail{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("g-%02d", n)}}
	}
	for _, counted := range []bool{false, true} {
		b.Run(fmt.Sprintf("counted %v", counted), func(b *testing.B) {
			compiler := policies.NewCompiler(nil, nothing{})
			if counted {
				g, _ := registeredGuardrails(b)
				compiler.Record(g)
			}
			set := compiler.Compile(b.Context(), list, nil)
			in := policies.NewInput(policies.InputOptions{})
			b.ReportAllocs()
			for b.Loop() {
				set.Evaluate(b.Context(), in, time.Time{})
			}
		})
	}
}

// nothing is a driver whose policies find nothing.
type nothing struct{}

func (nothing) Engine() string                   { return "Nothing" }
func (nothing) Handles(*v1alpha1.Guardrail) bool { return true }
func (n nothing) Compile(context.Context, *v1alpha1.Guardrail) (policies.Program, []v1alpha1.ExpressionWarning, error) {
	return n, nil, nil
}
func (nothing) Evaluate(context.Context, *policies.Input) ([]policies.Finding, error) {
	return nil, nil
}

func TestPoliciesOfOtherEnginesAreCountedBySource(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	f := &factory{registerer: registry}
	p := newPolicies(f)
	if f.err != nil {
		t.Fatal(f.err)
	}
	kept := p.Compiled(&policies.CompiledInfo{Source: "Gatekeeper", Name: "K8sNo/a"}, 0)
	kept.Evaluated(policies.Evaluation{Took: time.Microsecond, Denied: 2, Failed: true})
	p.Compiled(&policies.CompiledInfo{Source: "Gatekeeper", Name: "K8sNo/gone"}, 0).Evaluated(policies.Evaluation{Denied: 1})
	p.Compiled(&policies.CompiledInfo{Source: "Gatekeeper", Name: "K8sNo/broken", Err: errors.New("broken")}, 0)
	p.Retain([]string{"Gatekeeper:K8sNo/a", "Gatekeeper:K8sNo/broken"})
	want := `
# HELP kroguard_policy_compiled Whether a policy of another engine compiles (1) or not (0), by where it comes from and by name.
# TYPE kroguard_policy_compiled gauge
kroguard_policy_compiled{policy="K8sNo/a",source="Gatekeeper"} 1
kroguard_policy_compiled{policy="K8sNo/broken",source="Gatekeeper"} 0
# HELP kroguard_policy_violations_total Violations found by policies of other engines, by where they come from, name and what they did (Deny, Warn, Audit).
# TYPE kroguard_policy_violations_total counter
kroguard_policy_violations_total{action="Deny",policy="K8sNo/a",source="Gatekeeper"} 2
# HELP kroguard_policy_errors_total Evaluations of policies of other engines that failed, by where they come from and by name.
# TYPE kroguard_policy_errors_total counter
kroguard_policy_errors_total{policy="K8sNo/a",source="Gatekeeper"} 1
kroguard_policy_errors_total{policy="K8sNo/broken",source="Gatekeeper"} 0
`
	names := []string{"kroguard_policy_violations_total", "kroguard_policy_errors_total", "kroguard_policy_compiled"}
	if err := testutil.GatherAndCompare(registry, strings.NewReader(want), names...); err != nil {
		t.Error(err)
	}
}
