package cel_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/kroguard/kroguard/internal/celcorpus"
	"github.com/kroguard/kroguard/policies"
	"github.com/kroguard/kroguard/policies/cel"
	"github.com/kroguard/kroguard/policies/v1alpha1"
)

// corpusGuardrail is a guardrail of the corpus: its variables, its params, these validations.
func corpusGuardrail(tb testing.TB, validations ...v1alpha1.CELValidation) *v1alpha1.Guardrail {
	tb.Helper()
	policy := &v1alpha1.CELPolicy{Validations: validations}
	for _, v := range celcorpus.Variables() {
		policy.Variables = append(policy.Variables, v1alpha1.CELVariable{Name: v[0], Expression: v[1]})
	}
	g := guardrail(policy)
	raw, err := json.Marshal(celcorpus.Params())
	if err != nil {
		tb.Fatal(err)
	}
	g.Spec.Params = params(string(raw))
	return g
}

// corpusInput is a review of an object of the corpus, half of the time an UPDATE.
func corpusInput(s celcorpus.Source) policies.InputOptions {
	in := review()
	in.Object = celcorpus.Object(s)
	if s.N(2) > 0 {
		in.OldObject = celcorpus.Object(s)
		in.Request.Operation = "UPDATE"
	}
	if s.N(5) == 0 {
		in.Namespace, in.Request.Namespace = nil, ""
	}
	return in
}

// checkBounds compares a counted with an uncounted run of what the source makes. It reports whether it compiles.
func checkBounds(tb testing.TB, driver *cel.Driver, s celcorpus.Source) bool {
	tb.Helper()
	validation := v1alpha1.CELValidation{Expression: celcorpus.Validation(s), MessageExpression: celcorpus.Message(s)}
	program, _, err := driver.Compile(context.Background(), corpusGuardrail(tb, validation))
	if err != nil {
		return false
	}
	options := corpusInput(s)
	measured, err := cel.Measure(program, policies.NewInput(options))
	if err != nil {
		tb.Fatal(err)
	}
	for _, m := range measured {
		if float64(m.Cost) > m.Bound {
			tb.Errorf("%+v\ncosts %d, which is to be at most %v", validation, m.Cost, m.Bound)
		}
		if m.Bound <= 1_000_000 && m.Counted != m.Uncounted {
			tb.Errorf("%+v\n  counted: %s\nuncounted: %s", validation, m.Counted, m.Uncounted)
		}
	}
	return true
}

func TestCostsStayBelowTheirBounds(t *testing.T) {
	driver := newDriver(t)
	compiled := 0
	const tries = 3000
	for seed := range uint64(tries) {
		if checkBounds(t, driver, celcorpus.Random(seed)) {
			compiled++
		}
	}
	if compiled < tries/5 {
		t.Errorf("only %d of %d compile, too few to show anything", compiled, tries)
	}
	t.Logf("%d of %d compile", compiled, tries)
}

func FuzzCostsStayBelowTheirBounds(f *testing.F) {
	driver := newDriver(f)
	for seed := range byte(32) {
		f.Add([]byte{seed, 3 * seed, 7 * seed, 11 * seed, 13 * seed, 17 * seed, 19 * seed, 23 * seed, 29 * seed, 31 * seed})
	}
	f.Fuzz(func(t *testing.T, decisions []byte) { checkBounds(t, driver, celcorpus.Bytes(decisions)) })
}

// Policies of the corpus mean what Kubernetes' own evaluator says, messages and errors included. Some exceed their budget.
func TestOutcomesOfTheCorpusEqualThoseOfValidatingAdmissionPolicy(t *testing.T) {
	driver := newDriver(t)
	auth := &grants{allowed: map[string]bool{"ada create kro.run/webapps payments-prod/shop": true}}
	seen := map[string]int{}
	for seed := range uint64(150) {
		s := celcorpus.Random(1_000_000 + seed)
		g := corpusPolicy(t, driver, s)
		for range 3 {
			in := corpusInput(s)
			want, got := kubernetesOutcome(t, g.Spec.CEL, celcorpus.Params(), in, auth), outcome(driver, g, in, auth)
			if got != want {
				t.Errorf("%+v\non %.2000s\ngot %q, Kubernetes says %q", g.Spec.CEL.Validations, fmt.Sprint(in.Object), got, want)
			}
			for _, line := range strings.Split(want, "\n") {
				word, _, _ := strings.Cut(line, ":")
				seen[word]++
			}
		}
	}
	if seen["deny"] < 100 || seen["error"] < 100 {
		t.Errorf("too few violations or errors to show anything: %v", seen)
	}
	t.Log(seen)
}

// corpusPolicy makes a policy of a few validations that compile. Every tenth costs more than it may.
func corpusPolicy(tb testing.TB, driver *cel.Driver, s celcorpus.Source) *v1alpha1.Guardrail {
	tb.Helper()
	g := corpusGuardrail(tb)
	if s.N(10) == 0 {
		g.Spec.CEL.Validations = repeat("object.spec.text.contains(object.spec.text) || true", 90)
	}
	for range 200 {
		v := v1alpha1.CELValidation{Expression: celcorpus.Validation(s)}
		if s.N(2) == 0 {
			v.MessageExpression = celcorpus.Message(s)
		}
		if s.N(12) == 0 {
			v.Expression = "authorizer.requestResource.check('create').allowed() && " + v.Expression
		}
		if _, _, err := driver.Compile(context.Background(), corpusGuardrail(tb, v)); err == nil {
			g.Spec.CEL.Validations = append(g.Spec.CEL.Validations, v)
		}
		if len(g.Spec.CEL.Validations)%90 >= 6 {
			break
		}
	}
	return g
}

// What is counted is slow, and what is not must have a bound: neither may change by accident.
func TestCostsAreCountedOnlyWhereTheyCanMatter(t *testing.T) {
	huge := func(in *policies.InputOptions) {
		in.Object["spec"].(map[string]any)["env"] = make([]any, 10_000)
	}
	short := func(in *policies.InputOptions) { in.Object["spec"].(map[string]any)["text"] = "short" }
	const loopInLoop = "object.spec.env.all(e, object.spec.ports.exists(p, string(p) == e.name))"
	tests := map[string]struct {
		expression string
		change     func(*policies.InputOptions)
		want       bool
	}{
		"a comparison":                  {expression: "object.spec.replicas <= 3"},
		"a comparison, on a huge input": {expression: "object.spec.replicas <= 3", change: huge, want: true},
		"a constant text in a long one": {expression: "object.spec.text.contains('word')"},
		"a long text in a long one":     {expression: expensive + " && " + expensive, want: true},
		"a loop":                        {expression: "object.spec.env.all(e, has(e.value))"},
		"a loop in a loop":              {expression: loopInLoop, change: short},
		"a loop in a loop, long texts":  {expression: loopInLoop, want: true},
		"five loops in each other":      {expression: bomb, want: true},
		"a question to the authorizer":  {expression: "authorizer.path('/').check('get').allowed()", want: true},
		"a function without a bound":    {expression: "object.spec.ports.sort() == []", want: true},
		"variables as a whole":          {expression: "size(dyn(variables)) == 1", want: true},
	}
	driver := newDriver(t)
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			options := review()
			if test.change != nil {
				test.change(&options)
			}
			policy := checks(test.expression)
			policy.Variables = variables("v", "1")
			got, err := cel.Counts(mustCompile(t, driver, guardrail(policy)), policies.NewInput(options))
			if err != nil || got != test.want {
				t.Errorf("%s is counted: %v (%v), want %v", test.expression, got, err, test.want)
			}
		})
	}
}
