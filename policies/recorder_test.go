package policies_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kroguard/kroguard/policies"
	"github.com/kroguard/kroguard/policies/v1alpha1"
)

// recorder notes what it is told.
type recorder struct {
	mu       sync.Mutex
	compiled []string
	retained [][]string
	seen     map[string][]policies.Evaluation
}

func (r *recorder) Compiled(info *policies.CompiledInfo, _ time.Duration) policies.Observer {
	r.mu.Lock()
	r.compiled = append(r.compiled, info.Name)
	r.mu.Unlock()
	if info.Name == "unobserved" {
		return nil
	}
	return &observer{r, info.Name}
}

func (r *recorder) Retain(guardrails []string) { r.retained = append(r.retained, guardrails) }

type observer struct {
	recorder *recorder
	name     string
}

func (o *observer) Evaluated(e policies.Evaluation) {
	o.recorder.seen[o.name] = append(o.recorder.seen[o.name], e)
}

func TestEachEvaluationIsRecorded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		takes := func(took time.Duration, findings []policies.Finding, err error) evaluate {
			return func(context.Context, *policies.Input) ([]policies.Finding, error) {
				time.Sleep(took)
				return findings, err
			}
		}
		no := policies.Finding{Message: "no"}
		driver := &scripted{policies: map[string]evaluate{
			"holds": takes(time.Millisecond, nil, nil),
			"warns": takes(2*time.Millisecond, []policies.Finding{no, {Message: "careful", WarnOnly: true}}, nil),
			"fails": takes(3*time.Millisecond, []policies.Finding{no}, errFailing),
		}}
		noted := &recorder{seen: map[string][]policies.Evaluation{}}
		compiler := policies.NewCompiler(scriptedConditions{"false": {}}, driver)
		compiler.Record(noted)
		set := compiler.Compile(t.Context(), []*v1alpha1.Guardrail{
			guardrail("audits", actions(v1alpha1.ActionAudit)), guardrail("elsewhere", match(elsewhere()[0])), guardrail("fails", ignore),
			guardrail("holds"), guardrail("skipped", condition("false")), guardrail("unobserved"), guardrail("waived"), guardrail("warns"),
		}, []*v1alpha1.GuardrailException{exception("e", "waived")})
		set.Evaluate(t.Context(), policies.NewInput(review()), noon())

		want := map[string][]policies.Evaluation{
			"audits":  {{Audited: 1}},
			"fails":   {{Took: 3 * time.Millisecond, Denied: 1, Failed: true}},
			"holds":   {{Took: time.Millisecond}},
			"skipped": {{}},
			"waived":  {{Waived: 1}},
			"warns":   {{Took: 2 * time.Millisecond, Denied: 1, Warned: 1}},
		}
		if diff := cmp.Diff(want, noted.seen); diff != "" {
			t.Errorf("evaluations (-want +got):\n%s", diff)
		}
	})
}

func TestTheRecorderIsToldOfSetsAndNotOfChecks(t *testing.T) {
	noted := &recorder{}
	compiler := policies.NewCompiler(nil, &scripted{})
	compiler.Record(noted)
	for _, guardrails := range [][]*v1alpha1.Guardrail{
		{stored("b", "2", 1), stored("a", "1", 1)}, {stored("a", "1", 1), stored("b", "2", 1)}, {stored("a", "1", 2)}, nil,
	} {
		compiler.Compile(t.Context(), guardrails, nil)
	}
	if _, err := compiler.CheckGuardrail(t.Context(), guardrail("c")); err != nil {
		t.Fatal(err)
	}
	slices.Sort(noted.compiled) // they are compiled side by side
	if diff := cmp.Diff([]string{"a", "a", "b"}, noted.compiled); diff != "" {
		t.Errorf("compiled (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([][]string{{"a", "b"}, {"a"}, {}}, noted.retained); diff != "" {
		t.Errorf("retained (-want +got):\n%s", diff)
	}
}

// Being observed must not cost a request memory.
func TestRecordingAllocatesNothing(t *testing.T) {
	if testing.CoverMode() != "" {
		t.Skip("coverage counts")
	}
	allocs := func(record bool) float64 {
		compiler := policies.NewCompiler(nil, &scripted{policies: map[string]evaluate{"a": says(), "b": says()}})
		if record {
			compiler.Record(discarding{})
		}
		set := compiler.Compile(context.Background(), []*v1alpha1.Guardrail{guardrail("a"), guardrail("b")}, nil)
		in, ctx, now := policies.NewInput(review()), context.Background(), noon()
		return testing.AllocsPerRun(100, func() { set.Evaluate(ctx, in, now) })
	}
	if without, with := allocs(false), allocs(true); with != without {
		t.Errorf("%v allocations with a recorder, %v without", with, without)
	}
}

// discarding wants to know everything, and forgets it.
type discarding struct{}

func (d discarding) Compiled(*policies.CompiledInfo, time.Duration) policies.Observer { return d }
func (discarding) Retain([]string)                                                    {}
func (discarding) Evaluated(policies.Evaluation)                                      {}
