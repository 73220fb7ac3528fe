package rego_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/kroguard/kroguard/policies"
	"github.com/kroguard/kroguard/policies/rego"
	"github.com/kroguard/kroguard/policies/v1alpha1"
)

// endless are policies that run for minutes or longer, if nothing stops them.
func endless() map[string]string {
	return map[string]string{
		"comprehensions over comprehensions": `package guardrail
n := numbers.range(1, 1000)
deny contains "a" if count([1 | some a in n; some b in n; some c in n; some d in n; a + b == c + d]) > 0`,
		"a set that grows without end": `package guardrail
n := numbers.range(1, 3000)
deny contains sprintf("%d-%d-%d", [a, b, c]) if { some a in n; some b in n; some c in n }`,
		"every of every":               "package guardrail\nn := numbers.range(1, 3000)\ndeny contains \"a\" if { every a in n { every b in n { every c in n { a + b + c > 0 } } } }",
		"a walk through all of a walk": "package guardrail\ndeny contains \"a\" if { walk(input, [_, x]); walk(input, [_, y]); walk(input, [_, z]); walk(input, [_, u]); [x, y, z, u] == [0, 0, 0, 0] }",
	}
}

func TestEvaluationStopsAtTheDriversDeadline(t *testing.T) {
	t.Parallel()
	driver := rego.New(rego.Options{Deadline: 50 * time.Millisecond})
	for name, source := range endless() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := mustCompile(t, driver, v1Guardrail(source)).Evaluate(context.Background(), policies.NewInput(review()))
			var late *rego.DeadlineError
			if !errors.As(err, &late) || !errors.Is(err, context.DeadlineExceeded) {
				t.Fatalf("got %v, want a DeadlineError", err)
			}
			if got, want := err.Error(), "evaluation took longer than 50ms"; got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

func TestEvaluationStopsAtTheContextsDeadline(t *testing.T) {
	t.Parallel()
	driver := rego.New(rego.Options{Deadline: time.Hour})
	for name, source := range endless() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			program := mustCompile(t, driver, v1Guardrail(source))
			ctx, cancel := context.WithTimeout(context.Background(), 30*time.Millisecond)
			defer cancel()
			_, err := program.Evaluate(ctx, policies.NewInput(review()))
			if !errors.As(err, new(*rego.DeadlineError)) {
				t.Fatalf("got %v, want a DeadlineError", err)
			}
		})
	}
}

func TestEvaluationStopsWhenItsContextIsCanceled(t *testing.T) {
	t.Parallel()
	var started sync.Once
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	driver := rego.New(rego.Options{Deadline: time.Hour, Print: func(context.Context, string, string) { started.Do(cancel) }})
	source := strings.Replace(endless()["comprehensions over comprehensions"], "if count", "if {\n\tprint(\"begun\")\n\tcount", 1) + "\n}"
	_, err := mustCompile(t, driver, v1Guardrail(source)).Evaluate(ctx, policies.NewInput(review()))
	if !errors.Is(err, context.Canceled) || errors.As(err, new(*rego.DeadlineError)) {
		t.Errorf("got %v, want context.Canceled", err)
	}
}

// TestABuiltinThatNeverAsksIsGivenUp evaluates a regular expression that takes quadratic time: the caller gets its answer
// though the built-in goes on.
func TestABuiltinThatNeverAsksIsGivenUp(t *testing.T) {
	t.Parallel()
	object := webApp()
	object["spec"] = strings.Repeat("a", 12000)
	program := mustCompile(t, rego.New(rego.Options{Deadline: time.Millisecond}),
		v1Guardrail("package guardrail\ndeny contains \"a\" if count(regex.find_n(\"a*b|a\", input.review.object.spec, -1)) > 0"))
	_, err := program.Evaluate(context.Background(), objectInput(object))
	if !errors.As(err, new(*rego.DeadlineError)) {
		t.Errorf("got %v, want a DeadlineError", err)
	}
}

func TestEvaluationErrorNamesModuleLineAndColumn(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		source string
		want   rego.EvaluationError
	}{
		"complete rules in conflict": {
			source: "package guardrail\nlimit := 1\nlimit := 2\ndeny contains \"a\" if limit > 0",
			want: rego.EvaluationError{Module: "main.rego", Line: 3, Column: 1,
				Message: "data.guardrail.limit produced conflicting values: 1 at main.rego:2 and 2 at main.rego:3"},
		},
		"results of a function in conflict": {
			source: "package guardrail\nf(x) := 1 if x > 0\nf(x) := 2 if x > 1\ndeny contains \"a\" if f(2) > 0",
			want: rego.EvaluationError{Module: "main.rego", Line: 3, Column: 1,
				Message: "data.guardrail.f produced conflicting values: 1 at main.rego:2 and 2 at main.rego:3"},
		},
		"an object with a key twice": {
			source: "package guardrail\ndeny contains \"a\" if {\n\tcount({1: x | some x in [1, 2]}) > 0\n}",
			want:   rego.EvaluationError{Module: "main.rego", Line: 3, Column: 9, Message: "object keys must be unique"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := mustCompile(t, newDriver(), v1Guardrail(test.source)).
				Evaluate(context.Background(), policies.NewInput(review()))
			var got *rego.EvaluationError
			if !errors.As(err, &got) {
				t.Fatalf("got %v, want an EvaluationError", err)
			}
			if got.Unwrap() == nil {
				t.Error("the engine's error is lost")
			}
			if diff := cmp.Diff(test.want, *got, cmpopts.IgnoreUnexported(rego.EvaluationError{})); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
		})
	}
}

// TestProgramsAreShared is about goroutines that share programs and an input: all see the same, and the race detector nothing.
func TestProgramsAreShared(t *testing.T) {
	t.Parallel()
	driver := rego.New(rego.Options{Deadline: time.Minute, Print: func(context.Context, string, string) {}})
	programs := make([]policies.Program, 0, 13)
	for _, g := range benchmarkGuardrails(len(benchmarkPolicies())) {
		programs = append(programs, mustCompile(t, driver, g))
	}
	programs = append(programs, mustCompile(t, driver, v1Guardrail(
		"package guardrail\nimport data.guardrail\ndeny contains json.marshal(input)\nwarn contains sprintf(\"%v\", [object.keys(input.review)]) if { print(input); count(guardrail.deny) > 0 }")))
	judge := func(input *policies.Input) string {
		var all strings.Builder
		for _, program := range programs {
			findings, err := program.Evaluate(context.Background(), input)
			fmt.Fprintln(&all, findings, err)
		}
		return all.String()
	}
	want := judge(policies.NewInput(review()))
	shared := policies.NewInput(review())
	results := make([]string, 8)
	var group sync.WaitGroup
	for i := range results {
		group.Go(func() { results[i] = judge(shared) })
	}
	group.Wait()
	for _, got := range results {
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("another goroutine saw (-want +got):\n%s", diff)
		}
	}
}

func TestFindingsHaveTheSameOrderEachTime(t *testing.T) {
	t.Parallel()
	const source = `package guardrail
deny contains {"msg": sprintf("%s is %v", [concat(".", [sprintf("%v", [p]) | some p in path]), value]), "details": {"path": path}} if {
	walk(input, [path, value])
	not is_object(value)
	not is_array(value)
}
warn contains key if some key, _ in input.review.object.spec`
	evaluate := func() []policies.Finding {
		program := mustCompile(t, newDriver(), v1Guardrail(source))
		got, err := program.Evaluate(context.Background(), policies.NewInput(review()))
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	want := evaluate()
	if !slices.ContainsFunc(want, func(f policies.Finding) bool { return f.WarnOnly }) || len(want) < 40 {
		t.Fatalf("the policy finds too little to show anything: %v", want)
	}
	for range 20 {
		if diff := cmp.Diff(want, evaluate()); diff != "" {
			t.Fatalf("findings differ (-first +later):\n%s", diff)
		}
	}
}

func TestPrint(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		source string
		want   []string
	}{
		"messages have module and line, and undefined arguments are shown": {
			source: "package guardrail\ndeny contains \"a\" if {\n\tprint(\"kind\", input.review.object.kind, input.nowhere)\n}",
			want:   []string{"test: main.rego:3: kind WebApp <undefined>"},
		},
		"a built-in that failed is told": {
			source: "package guardrail\ndeny contains \"a\" if {\n\tto_number(input.review.object.kind) > 0\n}",
			want:   []string{`test: main.rego:3: taken for undefined: to_number: strconv.ParseFloat: parsing "WebApp": invalid syntax`},
		},
		"a built-in that failed for each element is told ten times": {
			source: "package guardrail\ndeny contains \"a\" if {\n\tsome n in numbers.range(1, 50)\n\tto_number(sprintf(\"x%d\", [n])) > 0\n}",
			want: func() (want []string) {
				for n := 1; n <= 10; n++ {
					want = append(want, fmt.Sprintf(`test: main.rego:4: taken for undefined: to_number: strconv.ParseFloat: parsing "x%d": invalid syntax`, n))
				}
				return want
			}(),
		},
		"a long message is cut between characters": {
			source: "package guardrail\ndeny contains \"a\" if {\n\tprint(concat(\"\", [\"ä\" | some _ in numbers.range(1, 9000)]))\n}",
			want:   []string{"test: main.rego:3: " + strings.Repeat("ä", 8192) + "…"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got []string
			driver := rego.New(rego.Options{Deadline: time.Minute, Print: func(_ context.Context, guardrail, message string) {
				got = append(got, guardrail+": "+message)
			}})
			if _, err := mustCompile(t, driver, v1Guardrail(test.source)).
				Evaluate(context.Background(), policies.NewInput(review())); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("printed (-want +got):\n%s", diff)
			}
		})
	}
}

func TestPrintChangesNoFinding(t *testing.T) {
	t.Parallel()
	const source = "package guardrail\ndeny contains msg if {\n\tprint(input.nowhere.at.all)\n\tmsg := \"a\"\n}"
	for name, options := range map[string]rego.Options{
		"with a sink":    {Deadline: time.Minute, Print: func(context.Context, string, string) {}},
		"without a sink": {Deadline: time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := mustCompile(t, rego.New(options), v1Guardrail(source)).Evaluate(context.Background(), policies.NewInput(review()))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]policies.Finding{{Message: "a"}}, got); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestParametersAreThoseOfTheGuardrail(t *testing.T) {
	t.Parallel()
	driver := newDriver()
	input := policies.NewInput(review())
	for _, params := range []string{`{"a":"one"}`, `{"a":"two"}`, `{}`, ``} {
		program := mustCompile(t, driver, guardrail(v1alpha1.RegoV1, params, module("package guardrail\ndeny := json.marshal(input.parameters)")))
		got, err := program.Evaluate(context.Background(), input)
		if err != nil {
			t.Fatal(err)
		}
		want := params
		if want == "" {
			want = "{}"
		}
		if diff := cmp.Diff([]policies.Finding{{Message: want}}, got); diff != "" {
			t.Errorf("findings (-want +got):\n%s", diff)
		}
	}
}
