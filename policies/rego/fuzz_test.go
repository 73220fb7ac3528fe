package rego_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/json"

	"github.com/kroguard/kroguard/policies"
	"github.com/kroguard/kroguard/policies/rego"
	"github.com/kroguard/kroguard/policies/v1alpha1"
)

// FuzzCompile feeds the compiler text that is no policy: it yields a program or CompileErrors with places inside the text.
func FuzzCompile(f *testing.F) {
	for _, source := range benchmarkPolicies() {
		f.Add(source, "package lib\nx := 1", `{"a":1}`, false)
	}
	f.Add("package a\ndeny[msg] { msg := \"a\" }", "package a\nwarn[1]", `{}`, true)
	f.Add("package a\ndeny := http.send({})", "", `[]`, false)
	f.Add("package a\ndeny := [[1 | [1 | [1 | true]]]]", "\x00", ``, false)
	f.Fuzz(func(t *testing.T, entry, lib, params string, v0 bool) {
		version := v1alpha1.RegoV1
		if v0 {
			version = v1alpha1.RegoV0
		}
		g := guardrail(version, params, module(entry), v1alpha1.RegoModule{Name: "lib.rego", Source: lib})
		program, _, err := rego.New(rego.Options{Deadline: 100 * time.Millisecond}).Compile(context.Background(), g)
		if err != nil {
			var problems policies.CompileErrors
			if !errors.As(err, &problems) || len(problems) == 0 || program != nil {
				t.Fatalf("got %v, %v; want a program or CompileErrors", program, err)
			}
			for _, problem := range problems {
				if problem.Field == "" || problem.Message == "" || problem.Line < 0 || problem.Column < 0 {
					t.Fatalf("a problem without place or message: %+v", problem)
				}
			}
			return
		}
		findings, err := program.Evaluate(context.Background(), policies.NewInput(review()))
		if errors.As(err, new(*rego.PanicError)) {
			t.Fatal(err)
		}
		for _, finding := range findings {
			if finding.Message == "" {
				t.Fatalf("a finding without message: %+v", finding)
			}
		}
	})
}

// FuzzEvaluate feeds policies objects that a developer could send: an evaluation ends without panic, and does not differ from the
// same evaluation made again, unless time ran out.
func FuzzEvaluate(f *testing.F) {
	driver := rego.New(rego.Options{Deadline: 200 * time.Millisecond})
	var programs []policies.Program
	for _, g := range benchmarkGuardrails(len(benchmarkPolicies())) {
		programs = append(programs, mustCompile(f, driver, g))
	}
	programs = append(programs, mustCompile(f, driver, v1Guardrail(
		`package guardrail
		deny contains {"msg": "echo", "details": input.review.object}
		violation contains input.review.object.spec.finding
		warn := input.review.object.spec.findings`)))
	for _, object := range []string{
		`{"spec":{"finding":"a","findings":["b",{"msg":"c","field":"d","details":{"e":[1,1.5,null]}}]}}`,
		`{"metadata":{"name":"` + "\\u0000\\ud800" + `"},"spec":{"replicas":1e308,"ports":[-0,1e-400]}}`,
		`{"spec":{"image":"latest","env":[{"name":"PASSWORD","value":{}}],"memory":"1e99999999Gi"}}`,
		`{"":{"":[[[[]]]]}}`,
	} {
		f.Add([]byte(object))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var object map[string]any
		if err := json.Unmarshal(text, &object); err != nil || object == nil {
			t.Skip("the API server sends JSON objects")
		}
		for i, program := range programs {
			first, firstErr := program.Evaluate(context.Background(), objectInput(object))
			again, againErr := program.Evaluate(context.Background(), objectInput(object))
			if errors.As(firstErr, new(*rego.PanicError)) || errors.As(againErr, new(*rego.PanicError)) {
				t.Fatalf("policy %d: %v, %v", i, firstErr, againErr)
			}
			if outOfTime(firstErr) || outOfTime(againErr) {
				continue
			}
			if errorText(firstErr) != errorText(againErr) || len(first) != len(again) {
				t.Fatalf("policy %d: %v, %v and then %v, %v", i, first, firstErr, again, againErr)
			}
			for j := range first {
				if _, err := json.Marshal(first[j].Details); err != nil {
					t.Fatalf("policy %d: details are no JSON: %v", i, err)
				}
				if first[j].Message != again[j].Message {
					t.Fatalf("policy %d: %q and then %q", i, first[j].Message, again[j].Message)
				}
			}
		}
	})
}

// outOfTime reports whether an evaluation was given up, or not begun because others were.
func outOfTime(err error) bool {
	return errors.As(err, new(*rego.DeadlineError)) || errors.As(err, new(*rego.StuckError))
}
