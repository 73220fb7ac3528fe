package measure_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	admissionv1 "k8s.io/api/admission/v1"

	"github.com/kroguard/kroguard/internal/measure"
	"github.com/kroguard/kroguard/policies"
	"github.com/kroguard/kroguard/policies/v1alpha1"
)

// scripted is a driver whose policies are functions, by the name of the guardrail.
type scripted map[string]func() ([]policies.Finding, error)

func (scripted) Engine() string                   { return "Scripted" }
func (scripted) Handles(*v1alpha1.Guardrail) bool { return true }
func (s scripted) Compile(_ context.Context, g *v1alpha1.Guardrail) (policies.Program, []v1alpha1.ExpressionWarning, error) {
	return program(s[g.Name]), nil, nil
}

type program func() ([]policies.Finding, error)

func (p program) Evaluate(context.Context, *policies.Input) ([]policies.Finding, error) { return p() }

func guardrail(name string, offerings ...string) *v1alpha1.Guardrail {
	g := &v1alpha1.Guardrail{}
	g.Name, g.Spec.Match.Offerings = name, offerings
	return g
}

// kept keeps what is allocated from being optimized away.
var kept []byte

func TestEachGuardrailIsMeasuredByItself(t *testing.T) {
	if testing.CoverMode() != "" {
		t.Skip("coverage counts")
	}
	const blocks, size = 200, 1024
	driver := scripted{
		"allocates": func() ([]policies.Finding, error) {
			for range blocks {
				kept = make([]byte, size)
			}
			return nil, nil
		},
		"fails":   func() ([]policies.Finding, error) { return nil, errors.New("no") },
		"nowhere": func() ([]policies.Finding, error) { panic("evaluated") },
		"refuses": func() ([]policies.Finding, error) { return []policies.Finding{{Message: "a"}, {Message: "b"}}, nil },
		"slow":    func() ([]policies.Finding, error) { time.Sleep(2 * time.Millisecond); return nil, nil },
	}
	input := func(offering string) func() *policies.Input {
		return func() *policies.Input {
			return policies.NewInput(policies.InputOptions{OfferingName: offering, Request: &admissionv1.AdmissionRequest{Operation: "CREATE"}})
		}
	}
	var progress []string
	report, err := measure.Run(t.Context(), measure.Options{
		Guardrails: []*v1alpha1.Guardrail{
			guardrail("allocates", "web"), guardrail("fails", "web", "db"), guardrail("nowhere", "x"), guardrail("refuses", "db"), guardrail("slow"),
		},
		NewInput: []func() *policies.Input{input("web"), input("db")},
		Drivers:  []policies.Driver{driver}, Count: 20,
		Progress: func(_ int, name string) { progress = append(progress, name) },
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"allocates", "fails", "nowhere", "refuses", "slow"}, progress); diff != "" {
		t.Errorf("progress (-want +got):\n%s", diff)
	}
	byName := map[string]measure.Guardrail{}
	for _, g := range report.Guardrails {
		byName[g.Name] = g
	}
	if cost := byName["allocates"].Evaluation; cost.Allocations < blocks-5 || cost.Allocations > blocks+10 ||
		cost.Bytes < 0.95*blocks*size || cost.Bytes > 1.1*blocks*size {
		t.Errorf("allocates: got %+v", cost)
	}
	if slowest := report.Guardrails[0]; slowest.Name != "slow" || slowest.Evaluation.Nanoseconds < 1e6 {
		t.Errorf("slowest: got %+v", slowest)
	}
	if all, slow := report.Review, byName["slow"].Evaluation; all.Nanoseconds < slow.Nanoseconds/2 {
		t.Errorf("a review takes %v, its slowest guardrail %v", all, slow)
	}
	type counts struct{ Matched, Violations, Errors int }
	got := map[string]counts{}
	for name, g := range byName {
		got[name] = counts{g.Matched, g.Violations, g.Errors}
	}
	want := map[string]counts{
		"allocates": {Matched: 1}, "fails": {Matched: 2, Violations: 2, Errors: 2}, "nowhere": {}, "refuses": {Matched: 1, Violations: 2},
		"slow": {Matched: 2},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestARunEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	driver := scripted{"a": func() ([]policies.Finding, error) { cancel(); return nil, nil }, "b": func() ([]policies.Finding, error) { panic("evaluated") }}
	_, err := measure.Run(ctx, measure.Options{
		Guardrails: []*v1alpha1.Guardrail{guardrail("a"), guardrail("b")}, Drivers: []policies.Driver{driver}, Time: time.Millisecond,
		NewInput: []func() *policies.Input{func() *policies.Input { return policies.NewInput(policies.InputOptions{}) }},
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
