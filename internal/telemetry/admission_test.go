package telemetry

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

func TestViolationsOfRulesAreCounted(t *testing.T) {
	metrics, err := New(prometheus.NewRegistry(), nil)
	if err != nil {
		t.Fatal(err)
	}
	admission := metrics.Admission
	admission.CountRule("kroguard:project")
	admission.CountRule("kroguard:project")
	want := `
# HELP kroguard_rule_violations_total Violations of kroguard's own rules found at admission, by rule.
# TYPE kroguard_rule_violations_total counter
kroguard_rule_violations_total{rule="kroguard:project"} 2
`
	if err := testutil.CollectAndCompare(admission.refusals, strings.NewReader(want)); err != nil {
		t.Error(err)
	}
}

func TestRequestsAreObservedByPhaseAndResult(t *testing.T) {
	metrics, err := New(prometheus.NewRegistry(), nil)
	if err != nil {
		t.Fatal(err)
	}
	admission := metrics.Admission
	admission.Observe(PhaseMutate, ResultPatched, 300*time.Microsecond)
	admission.Observe(PhaseValidate, ResultDenied, time.Millisecond)
	admission.Observe(PhaseValidate, ResultDenied, time.Millisecond)
	if got := testutil.CollectAndCount(admission.requests); got != 2 {
		t.Errorf("series: got %d, want 2", got)
	}
}

func TestNilAdmissionCountsNothing(*testing.T) {
	var admission *Admission
	admission.Observe(PhaseMutate, ResultAllowed, time.Second)
	admission.CountRule("kroguard:project")
}

func TestRegisteringTwiceIsAnError(t *testing.T) {
	registry := prometheus.NewRegistry()
	if _, err := New(registry, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := New(registry, nil); err == nil {
		t.Error("the second registration succeeded")
	}
}
