package policies_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	admissionv1 "k8s.io/api/admission/v1"

	"github.com/kroguard/kroguard/policies"
	"github.com/kroguard/kroguard/policies/v1alpha1"
)

var errFailing = errors.New("it went wrong")

const (
	couldNot = `guardrail "g" could not be evaluated, so nobody knows whether this is allowed; ask the platform team that owns ` +
		`the guardrail: `
	doesNot = `guardrail "g" does not compile, so nobody knows whether this is allowed; ask the platform team that owns ` +
		`the guardrail: `
)

// failed is the violation that stands for the guardrail g that failed.
func failed(message string) policies.Violation {
	return violation("g", func(v *policies.Violation) {
		v.Failed, v.Message, v.Reason = true, message, policies.ReasonEvaluationFailed
		if strings.HasPrefix(message, doesNot) {
			v.Reason = policies.ReasonDoesNotCompile
		}
	})
}

// Errors in Ignored are compared by their text.
func diffVerdict(want, got *policies.Verdict) string {
	return cmp.Diff(want, got, cmp.Comparer(func(a, b error) bool { return fmt.Sprint(a) == fmt.Sprint(b) }), cmpopts.EquateEmpty())
}

func TestVerdicts(t *testing.T) {
	broken := policies.CompileErrors{{Field: "spec.cel.x", Line: 2, Column: 3, Message: "bad\n | here"}}
	brokenText := "spec.cel.x: line 2, column 3: bad | here"
	found := policies.Finding{Message: "no"}
	driver := func() *scripted {
		return &scripted{
			policies: map[string]evaluate{
				"holds": says(),
				"two":   says(policies.Finding{Message: "b", Field: ".spec.b", Reason: "B", Details: "d"}, policies.Finding{Message: "a"}),
				"warns": says(policies.Finding{Message: "careful", WarnOnly: true}, found),
				"fails": func(context.Context, *policies.Input) ([]policies.Finding, error) { return nil, errFailing },
			},
		}
	}
	tests := map[string]struct {
		policy     evaluate
		err        error
		panics     bool
		guardrails []*v1alpha1.Guardrail
		exceptions []*v1alpha1.GuardrailException
		change     func(*policies.InputOptions)
		want       policies.Verdict
	}{
		"a guardrail that holds says nothing": {guardrails: []*v1alpha1.Guardrail{guardrail("holds")}},
		"all violations of all guardrails, by name and then as in the policy": {
			guardrails: []*v1alpha1.Guardrail{guardrail("two"), guardrail("a"), guardrail("holds")},
			want: policies.Verdict{Denied: []policies.Violation{
				violation("a"),
				violation("two", func(v *policies.Violation) {
					v.Message, v.Field, v.Reason, v.Details = "b", ".spec.b", "B", "d"
				}),
				violation("two", func(v *policies.Violation) { v.Message = "a" }),
			}},
		},
		"actions": {
			guardrails: []*v1alpha1.Guardrail{
				guardrail("a", actions(v1alpha1.ActionAudit)), guardrail("ad", actions(v1alpha1.ActionAudit, v1alpha1.ActionDeny)),
				guardrail("aw", actions(v1alpha1.ActionAudit, v1alpha1.ActionWarn)), guardrail("d"),
				guardrail("w", actions(v1alpha1.ActionWarn)),
			},
			want: policies.Verdict{
				Denied: []policies.Violation{violation("ad"), violation("d")},
				Warned: []policies.Violation{
					violation("aw", func(v *policies.Violation) { v.Action = v1alpha1.ActionWarn }),
					violation("w", func(v *policies.Violation) { v.Action = v1alpha1.ActionWarn }),
				},
				Audited: []policies.Violation{violation("a", func(v *policies.Violation) { v.Action = v1alpha1.ActionAudit })},
			},
		},
		"a finding that only warns does so whatever the action": {
			guardrails: []*v1alpha1.Guardrail{guardrail("warns")},
			want: policies.Verdict{
				Denied: []policies.Violation{violation("warns")},
				Warned: []policies.Violation{violation("warns", func(v *policies.Violation) {
					v.Message, v.Action = "careful", v1alpha1.ActionWarn
				})},
			},
		},
		"a violation carries what a person needs": {
			guardrails: []*v1alpha1.Guardrail{guardrail("g", func(spec *v1alpha1.GuardrailSpec) {
				spec.Title, spec.Severity = "No\nshops", v1alpha1.SeverityCritical
				spec.Remediation, spec.DocsURL = "Do\tthat.", "https://example.com"
			})},
			want: policies.Verdict{Denied: []policies.Violation{violation("g", func(v *policies.Violation) {
				v.Title, v.Severity, v.Remediation, v.DocsURL = "No shops", v1alpha1.SeverityCritical, "Do that.", "https://example.com"
			})}},
		},

		"a guardrail that fails is a violation": {
			policy:     func(context.Context, *policies.Input) ([]policies.Finding, error) { return nil, errFailing },
			guardrails: []*v1alpha1.Guardrail{guardrail("g")},
			want:       policies.Verdict{Denied: []policies.Violation{failed(couldNot + "it went wrong")}},
		},
		"a guardrail that fails without remediation for what it is about": {
			policy: func(context.Context, *policies.Input) ([]policies.Finding, error) { return nil, errFailing },
			guardrails: []*v1alpha1.Guardrail{guardrail("g", func(spec *v1alpha1.GuardrailSpec) {
				spec.Remediation, spec.DocsURL = "Fewer replicas.", "https://example.com"
			})},
			want: policies.Verdict{Denied: []policies.Violation{failed(couldNot + "it went wrong")}},
		},
		"what was found before the failure counts too": {
			policy: func(context.Context, *policies.Input) ([]policies.Finding, error) {
				return []policies.Finding{found}, errFailing
			},
			guardrails: []*v1alpha1.Guardrail{guardrail("g")},
			want:       policies.Verdict{Denied: []policies.Violation{violation("g"), failed(couldNot + "it went wrong")}},
		},
		"a failure under Warn warns": {
			policy:     func(context.Context, *policies.Input) ([]policies.Finding, error) { return nil, errFailing },
			guardrails: []*v1alpha1.Guardrail{guardrail("g", actions(v1alpha1.ActionWarn))},
			want: policies.Verdict{Warned: []policies.Violation{func() policies.Violation {
				v := failed(couldNot + "it went wrong")
				v.Action = v1alpha1.ActionWarn
				return v
			}()}},
		},
		"a failure under Ignore is reported": {
			guardrails: []*v1alpha1.Guardrail{guardrail("fails", ignore), guardrail("h")},
			want: policies.Verdict{
				Denied:  []policies.Violation{violation("h")},
				Ignored: []policies.GuardrailError{{Guardrail: "fails", Err: errFailing}},
			},
		},
		"a guardrail that does not compile is a violation": {
			err: broken, guardrails: []*v1alpha1.Guardrail{guardrail("g"), guardrail("h")},
			want: policies.Verdict{Denied: []policies.Violation{failed(doesNot + brokenText), violation("h")}},
		},
		"a guardrail that does not compile under Ignore is reported": {
			err: broken, guardrails: []*v1alpha1.Guardrail{guardrail("g", ignore)},
			want: policies.Verdict{Ignored: []policies.GuardrailError{{Guardrail: "g", Err: broken}}},
		},
		"rendered resources where nobody renders": {
			guardrails: []*v1alpha1.Guardrail{guardrail("g", func(spec *v1alpha1.GuardrailSpec) {
				spec.Evaluate = v1alpha1.EvaluateResources
			})},
			want: policies.Verdict{Denied: []policies.Violation{failed(couldNot + "the instance's resources can't be rendered here")}},
		},
		"a panic is the failure of that guardrail alone": {
			policy:     func(context.Context, *policies.Input) ([]policies.Finding, error) { panic("bug") },
			guardrails: []*v1alpha1.Guardrail{guardrail("g"), guardrail("h")},
			want: policies.Verdict{Denied: []policies.Violation{
				failed(couldNot + "internal error while evaluating the policy: bug"), violation("h"),
			}},
		},
		"a panic of a compiler is the error of that guardrail alone": {
			panics: true, guardrails: []*v1alpha1.Guardrail{guardrail("g"), guardrail("h")},
			want: policies.Verdict{Denied: []policies.Violation{
				failed(doesNot + "spec: internal error while compiling the policy: compiler bug"), violation("h"),
			}},
		},

		"matchConditions that hold":                                {guardrails: []*v1alpha1.Guardrail{guardrail("g", condition("true"))}, want: policies.Verdict{Denied: []policies.Violation{violation("g")}}},
		"matchConditions that don't":                               {guardrails: []*v1alpha1.Guardrail{guardrail("g", condition("false"))}},
		"matchConditions that fail":                                {guardrails: []*v1alpha1.Guardrail{guardrail("g", condition("fails"))}, want: policies.Verdict{Denied: []policies.Violation{failed(couldNot + "it went wrong")}}},
		"matchConditions narrow a guardrail that does not compile": {err: broken, guardrails: []*v1alpha1.Guardrail{guardrail("g", condition("false"))}},
		"matchConditions that don't compile": {
			guardrails: []*v1alpha1.Guardrail{guardrail("g", condition("???"))},
			want: policies.Verdict{Denied: []policies.Violation{
				failed(doesNot + "spec.matchConditions[0].expression: line 1, column 1: unknown"),
			}},
		},

		"an exception waives": {
			guardrails: []*v1alpha1.Guardrail{guardrail("a"), guardrail("b")},
			exceptions: []*v1alpha1.GuardrailException{exception("e", "a")},
			want: policies.Verdict{
				Denied: []policies.Violation{violation("b")},
				Waived: []policies.Violation{violation("a", func(v *policies.Violation) { v.Exception = "e" })},
			},
		},
		"an exception waives a failure": {
			err: broken, guardrails: []*v1alpha1.Guardrail{guardrail("g")},
			exceptions: []*v1alpha1.GuardrailException{exception("e", "*")},
			want: policies.Verdict{Waived: []policies.Violation{func() policies.Violation {
				v := failed(doesNot + brokenText)
				v.Exception = "e"
				return v
			}()}},
		},
		"the first exception by name is named": {
			guardrails: []*v1alpha1.Guardrail{guardrail("g")},
			exceptions: []*v1alpha1.GuardrailException{exception("z", "g"), exception("b", "g"), exception("a", "other")},
			want:       policies.Verdict{Waived: []policies.Violation{violation("g", func(v *policies.Violation) { v.Exception = "b" })}},
		},
		"a violation that only warns is waived too": {
			guardrails: []*v1alpha1.Guardrail{guardrail("g", actions(v1alpha1.ActionWarn))},
			exceptions: []*v1alpha1.GuardrailException{exception("e", "g")},
			want: policies.Verdict{Waived: []policies.Violation{violation("g", func(v *policies.Violation) {
				v.Exception, v.Action = "e", v1alpha1.ActionWarn
			})}},
		},

		"deleting is never judged": {
			guardrails: []*v1alpha1.Guardrail{guardrail("g")},
			change:     func(in *policies.InputOptions) { in.Request.Operation = admissionv1.Delete },
		},
		"an object that is nothing": {
			guardrails: []*v1alpha1.Guardrail{guardrail("g")},
			change:     func(in *policies.InputOptions) { *in = policies.InputOptions{} },
			want: policies.Verdict{Denied: []policies.Violation{violation("g", func(v *policies.Violation) {
				v.Resource = policies.ResourceRef{}
			})}},
		},
		"metadata of the wrong types": {
			guardrails: []*v1alpha1.Guardrail{guardrail("g")},
			change: func(in *policies.InputOptions) {
				in.Object = map[string]any{"kind": int64(1), "metadata": []any{"x"}}
			},
			want: policies.Verdict{Denied: []policies.Violation{violation("g", func(v *policies.Violation) {
				v.Resource = policies.ResourceRef{Namespace: "payments-prod", Name: "shop"}
			})}},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			d, options := driver(), review()
			if test.policy != nil {
				d.policies["g"] = test.policy
			}
			d.errors = map[string]error{"g": test.err}
			d.panics = map[string]bool{"g": test.panics}
			if test.change != nil {
				test.change(&options)
			}
			got := judge(t, d, options, test.exceptions, test.guardrails...)
			if diff := diffVerdict(&test.want, got); diff != "" {
				t.Errorf("verdict (-want +got):\n%s", diff)
			}
			if got.Allowed() != (len(test.want.Denied) == 0) {
				t.Errorf("allowed: got %v", got.Allowed())
			}
		})
	}
}

func TestAnExceptionEndsWhenItExpires(t *testing.T) {
	set := policies.NewCompiler(nil, &scripted{}).Compile(context.Background(),
		[]*v1alpha1.Guardrail{guardrail("g")}, []*v1alpha1.GuardrailException{exception("e", "g")})
	expiry := noon().Add(time.Minute)
	for now, waived := range map[time.Time]bool{
		expiry.Add(-time.Nanosecond): true, expiry: false, expiry.Add(time.Nanosecond): false,
	} {
		verdict := set.Evaluate(context.Background(), policies.NewInput(review()), now)
		if got := len(verdict.Waived) == 1; got != waived || verdict.Allowed() != waived {
			t.Errorf("at %s: waived %v, want %v", now, got, waived)
		}
	}
}

func TestFindingsAreLimited(t *testing.T) {
	findings := func(n int, warnOnly bool) []policies.Finding {
		list := make([]policies.Finding, n)
		for i := range list {
			list[i] = policies.Finding{Message: strconv.Itoa(i), WarnOnly: warnOnly}
		}
		return list
	}
	const limit = policies.MaxFindingsPerGuardrail
	tests := map[string]struct {
		findings       []policies.Finding
		denied, warned int
		last           string
	}{
		"as many as there may be":              {findings: findings(limit, false), denied: limit, last: "99"},
		"one more":                             {findings: findings(limit+1, false), denied: limit, last: "2 more findings of this guardrail are not shown"},
		"warnings":                             {findings: findings(limit+1, true), warned: limit, last: "2 more findings of this guardrail are not shown"},
		"a refusal is not lost among warnings": {findings: append(findings(limit+1, true), findings(1, false)...), warned: limit - 1, denied: 1, last: "3 more findings of this guardrail are not shown"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			driver := &scripted{policies: map[string]evaluate{"g": says(test.findings...)}}
			verdict := judge(t, driver, review(), nil, guardrail("g"))
			if len(verdict.Denied) != test.denied || len(verdict.Warned) != test.warned {
				t.Fatalf("got %d denied and %d warned", len(verdict.Denied), len(verdict.Warned))
			}
			all := slices.Concat(verdict.Warned, verdict.Denied)
			if got := all[len(all)-1].Message; got != test.last {
				t.Errorf("last: got %q, want %q", got, test.last)
			}
		})
	}
}

func TestTimeIsLimited(t *testing.T) {
	waits := func(ctx context.Context, _ *policies.Input) ([]policies.Finding, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	t.Run("each guardrail has its time, whatever those before it took", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			left := map[string]time.Duration{}
			takes := func(name string, took time.Duration) evaluate {
				return func(ctx context.Context, _ *policies.Input) ([]policies.Finding, error) {
					deadline, _ := ctx.Deadline()
					left[name] = time.Until(deadline)
					time.Sleep(took)
					return nil, ctx.Err()
				}
			}
			driver := &scripted{policies: map[string]evaluate{
				"a": takes("a", time.Millisecond), "b": takes("b", time.Second), "c": takes("c", policies.GuardrailTimeout+time.Millisecond), "d": takes("d", 0),
			}}
			verdict := judge(t, driver, review(), nil, guardrail("a"), guardrail("b"), guardrail("c"), guardrail("d"))
			const all = policies.GuardrailTimeout
			want := map[string]time.Duration{"a": all, "b": all - time.Millisecond, "c": all, "d": all}
			if diff := cmp.Diff(want, left); diff != "" {
				t.Errorf("time left (-want +got):\n%s", diff)
			}
			if len(verdict.Denied) != 1 || verdict.Denied[0].Guardrail != "c" ||
				!strings.Contains(verdict.Denied[0].Message, "it took longer than 2s") {
				t.Errorf("got %v", verdict.Denied)
			}
		})
	})
	t.Run("when the request's time is up, the rest fails", func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		driver := &scripted{policies: map[string]evaluate{
			"a": func(ctx context.Context, in *policies.Input) ([]policies.Finding, error) {
				cancel()
				return waits(ctx, in)
			},
		}}
		set := policies.NewCompiler(nil, driver).Compile(context.Background(),
			[]*v1alpha1.Guardrail{guardrail("a", ignore), guardrail("g", ignore)}, nil)
		got := set.Evaluate(ctx, policies.NewInput(review()), noon())
		want := &policies.Verdict{Ignored: []policies.GuardrailError{
			{Guardrail: "a", Err: errors.New("the request's time was up: context canceled")},
			{Guardrail: "g", Err: errors.New("the request's time was up before it: context canceled")},
		}}
		if diff := diffVerdict(want, got); diff != "" {
			t.Errorf("verdict (-want +got):\n%s", diff)
		}
	})
}

func TestANilSetHasNoGuardrails(t *testing.T) {
	var set *policies.Set
	if set.Len() != 0 || set.Guardrails() != nil {
		t.Error("it has guardrails")
	}
	if diff := diffVerdict(&policies.Verdict{}, set.Evaluate(context.Background(), policies.NewInput(review()), noon())); diff != "" {
		t.Error(diff)
	}
}
