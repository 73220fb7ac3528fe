package telemetry

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/kroguard/kroguard/policies"
)

func TestVerdictIsCountedByGuardrailAndAction(t *testing.T) {
	registry := prometheus.NewRegistry()
	admission, err := NewAdmission(registry)
	if err != nil {
		t.Fatal(err)
	}
	admission.Count(&policies.Verdict{
		Denied:  []policies.Violation{{Guardrail: "replicas"}, {Guardrail: "replicas"}, {Guardrail: "broken", Failed: true}},
		Warned:  []policies.Violation{{Guardrail: "image"}},
		Audited: []policies.Violation{{Guardrail: "owner"}},
		Waived:  []policies.Violation{{Guardrail: "replicas"}},
		Ignored: []policies.GuardrailError{{Guardrail: "slow", Err: errors.New("deadline")}},
	})
	want := `
# HELP kroguard_guardrail_errors_total Guardrails that could not be evaluated at admission, by guardrail.
# TYPE kroguard_guardrail_errors_total counter
kroguard_guardrail_errors_total{guardrail="broken"} 1
kroguard_guardrail_errors_total{guardrail="slow"} 1
# HELP kroguard_violations_total Violations found at admission, by guardrail and by what they did (Deny, Warn, Audit, Waived).
# TYPE kroguard_violations_total counter
kroguard_violations_total{action="Audit",guardrail="owner"} 1
kroguard_violations_total{action="Deny",guardrail="broken"} 1
kroguard_violations_total{action="Deny",guardrail="replicas"} 2
kroguard_violations_total{action="Waived",guardrail="replicas"} 1
kroguard_violations_total{action="Warn",guardrail="image"} 1
`
	if err := testutil.CollectAndCompare(admissionCollectors{admission}, strings.NewReader(want),
		"kroguard_violations_total", "kroguard_guardrail_errors_total"); err != nil {
		t.Error(err)
	}
}

func TestRequestsAreObservedByPhaseAndResult(t *testing.T) {
	admission, err := NewAdmission(prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
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
	admission.Count(&policies.Verdict{Denied: []policies.Violation{{Guardrail: "a"}}})
}

func TestRegisteringTwiceIsAnError(t *testing.T) {
	registry := prometheus.NewRegistry()
	if _, err := NewAdmission(registry); err != nil {
		t.Fatal(err)
	}
	if _, err := NewAdmission(registry); err == nil {
		t.Error("the second registration succeeded")
	}
}

// admissionCollectors collects all metrics of an Admission.
type admissionCollectors struct{ *Admission }

func (c admissionCollectors) Describe(ch chan<- *prometheus.Desc) {
	c.requests.Describe(ch)
	c.violations.Describe(ch)
	c.errors.Describe(ch)
}

func (c admissionCollectors) Collect(ch chan<- prometheus.Metric) {
	c.requests.Collect(ch)
	c.violations.Collect(ch)
	c.errors.Collect(ch)
}
