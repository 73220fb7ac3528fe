package rego_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/kroguard/kroguard/policies/rego"
	"github.com/kroguard/kroguard/policies/v1alpha1"
)

// TestRealPoliciesFitTheirInstances holds the type checker to policies that do what they are for.
func TestRealPoliciesFitTheirInstances(t *testing.T) {
	t.Parallel()
	for _, g := range benchmarkGuardrails(len(benchmarkPolicies())) {
		if got := typeWarnings(t, g, objectType(t, webAppRGD)); len(got) > 0 {
			t.Errorf("%s: got %q", g.Spec.Rego.Modules[0].Source, got)
		}
	}
}

// FuzzCheckTypes feeds the type checker whatever compiles: it ends without error, and what it finds is within the text.
func FuzzCheckTypes(f *testing.F) {
	for _, source := range benchmarkPolicies() {
		f.Add(source, false)
	}
	f.Add("package a\ndeny[msg] { msg := input.review.object.spec.imgae }", true)
	f.Add("package a\nspec := input.review.object.spec\ndeny contains x if { some x in spec[_][_].a; not x.b.c == null }", false)
	object := objectType(f, webAppRGD)
	f.Fuzz(func(t *testing.T, source string, v0 bool) {
		version := v1alpha1.RegoV1
		if v0 {
			version = v1alpha1.RegoV0
		}
		driver := rego.New(rego.Options{Deadline: 100 * time.Millisecond})
		g := guardrail(version, "", module(source))
		if _, _, err := driver.Compile(context.Background(), g); err != nil {
			return
		}
		report, err := driver.CheckTypes(context.Background(), g, object)
		if err != nil && !errors.As(err, new(*rego.DeadlineError)) {
			t.Fatal(err)
		}
		lines := strings.Split(source, "\n")
		for _, finding := range report.Findings {
			if finding.Line < 1 || finding.Line > len(lines) || finding.Column < 1 || finding.Message == "" {
				t.Fatalf("a finding without message or outside the text: %+v", finding)
			}
		}
	})
}
