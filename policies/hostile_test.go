package policies_test

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/kroguard/kroguard/policies"
	"github.com/kroguard/kroguard/policies/cel"
	"github.com/kroguard/kroguard/policies/rego"
	"github.com/kroguard/kroguard/policies/v1alpha1"
)

// hostile is a policy that would take down what runs it.
type hostile struct {
	cel, rego string
	// failure is what is said of it, as alternatives; empty where it ends by itself, within bounds.
	failure string
}

// outOfBounds is said of what runs until its time, its memory or its cost ends, whichever comes first on the machine at hand.
const outOfBounds = "took longer than|needs more than|cost"

// hostilePolicies read spec.text, which is long, and spec.deep, which is deeply nested.
func hostilePolicies() map[string]hostile {
	const ten = "[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]"
	// What a function of one or two arguments yielded is remembered, so these have three.
	exponential := []string{"f0(x, y, z) := x + y + z"}
	for i := range 60 {
		exponential = append(exponential, fmt.Sprintf("f%d(x, y, z) := f%d(x, y, z) + f%d(x + 1, y, z)", i+1, i, i))
	}
	var expensive []string
	for i := range 40 {
		expensive = append(expensive, fmt.Sprintf("object.spec.text.matches('^(a|b)*%d$')", i))
	}
	return map[string]hostile{
		"functions that call each other twice": {
			rego:    strings.Join(exponential, "\n") + "\ndeny contains \"x\" if f60(input.review.object.spec.one, 1, 1) > 0",
			failure: "took longer than",
		},
		"a comprehension over all pairs of pairs": {
			rego: "n := numbers.range(1, 3000)\n" +
				"deny contains \"x\" if count({[a, b, c] | some a in n; some b in n; some c in n; a + b + c + input.review.object.spec.one > 0}) > 0",
			failure: outOfBounds,
		},
		"a pattern with hundreds of states over a long text": {
			rego:    "deny contains \"x\" if regex.match(sprintf(\"^%sb$\", [concat(\"\", [\"a*\" | some _ in numbers.range(1, 900)])]), input.review.object.spec.text)",
			failure: "took longer than",
		},
		"ten megabytes in a thousand findings": {
			rego: "deny contains msg if { some i in numbers.range(1, 1000); msg := sprintf(\"%d %10000d\", [i, i]) }",
		},
		"a message of a megabyte": {
			rego: "deny contains concat(\"\", [sprintf(\"%1000d\", [i]) | some i in numbers.range(1, 1000)])",
		},
		"a hundred megabytes": {
			rego:    "deny contains msg if { some i in numbers.range(1, 1000); msg := sprintf(\"%d %100000d\", [i, i]) }",
			failure: outOfBounds,
		},
		"a walk through what is deeply nested": {
			rego: "deny contains \"deep\" if { walk(input.review.object.spec.deep, [path, 1]); count(path) > 10 }",
		},
		"text of what is deeply nested": {
			rego: "deny contains json.marshal(input.review.object.spec.deep)",
		},
		"rules that refer to each other": {
			rego:    "deny contains x if x := a\na := b\nb := a",
			failure: "recursive",
		},
		"nested expressions": {
			rego:    "deny contains \"x\" if " + strings.Repeat("[", 200_000) + strings.Repeat("]", 200_000) + " == input",
			failure: "does not compile",
		},
		"nested expressions in CEL": {
			cel:     strings.Repeat("(", 5000) + "true" + strings.Repeat(")", 5000),
			failure: "does not compile",
		},
		"loops within loops in CEL": {
			cel:     ten + ".all(a, " + ten + ".all(b, " + ten + ".all(c, " + ten + ".all(d, " + ten + ".all(e, " + ten + ".all(f, a + b + c + d + e + f > 0))))))",
			failure: outOfBounds,
		},
		"a long text by a pattern, again and again, in CEL": {cel: strings.Join(expensive, " || "), failure: outOfBounds},
	}
}

// TestHostilePoliciesAreFailuresOfTheirOwn judges one input by each hostile policy, under both failure policies, and by an honest
// one: what is hostile ends by itself or counts as failed, the honest one answers, and neither memory nor the answer grows without
// bound.
func TestHostilePoliciesAreFailuresOfTheirOwn(t *testing.T) {
	driver, err := cel.New()
	if err != nil {
		t.Fatal(err)
	}
	compiler := policies.NewCompiler(driver, driver, rego.New(rego.Options{}))
	in := review()
	var deep any = int64(1)
	for range 500 {
		deep = []any{deep}
	}
	in.Object["spec"] = map[string]any{"one": int64(1), "text": strings.Repeat("a", 200_000), "deep": deep}
	for name, policy := range hostilePolicies() {
		t.Run(name, func(t *testing.T) {
			set := compiler.Compile(context.Background(), []*v1alpha1.Guardrail{
				policy.guardrail("fails", v1alpha1.FailurePolicyFail),
				policy.guardrail("ignored", v1alpha1.FailurePolicyIgnore),
				hostile{cel: "object.spec.one == 2"}.guardrail("honest", v1alpha1.FailurePolicyFail),
			}, nil)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			verdict := set.Evaluate(context.Background(), policies.NewInput(in), noon())
			runtime.ReadMemStats(&after)
			checkHostile(t, policy, verdict)
			if got := (after.TotalAlloc - before.TotalAlloc) >> 20; got > 512 {
				t.Errorf("allocated %d MiB", got)
			}
			if got := len(policies.Render(verdict.Denied)); got > policies.MaxRenderBytes {
				t.Errorf("the answer has %d bytes", got)
			}
		})
	}
}

func (h hostile) guardrail(name string, failurePolicy v1alpha1.FailurePolicy) *v1alpha1.Guardrail {
	return guardrail(name, func(spec *v1alpha1.GuardrailSpec) {
		spec.FailurePolicy = failurePolicy
		if h.rego != "" {
			spec.CEL = nil
			spec.Rego = &v1alpha1.RegoPolicy{Modules: []v1alpha1.RegoModule{{Name: "main.rego", Source: "package hostile\n" + h.rego}}}
			return
		}
		spec.CEL = &v1alpha1.CELPolicy{Validations: []v1alpha1.CELValidation{{Expression: h.cel, Message: "refused"}}}
	})
}

func checkHostile(t *testing.T, policy hostile, verdict *policies.Verdict) {
	t.Helper()
	answered, failed := false, ""
	for i := range verdict.Denied {
		violation := &verdict.Denied[i]
		switch {
		case violation.Guardrail == "honest" && !violation.Failed:
			answered = true
		case violation.Failed:
			failed = violation.Message
		}
	}
	if !answered {
		t.Error("the honest guardrail did not answer")
	}
	if policy.failure == "" {
		if failed != "" || len(verdict.Ignored) > 0 {
			t.Errorf("it failed: %s", failed)
		}
		return
	}
	said := slices.ContainsFunc(strings.Split(policy.failure, "|"), func(text string) bool { return strings.Contains(failed, text) })
	if !said || len(verdict.Ignored) != 1 {
		t.Errorf("got %q and %v, want a failure for each, with %q", failed, verdict.Ignored, policy.failure)
	}
}
