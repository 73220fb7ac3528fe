package rego_test

import (
	"context"
	"testing"

	"github.com/kroguard/kroguard/internal/racedetector"
	"github.com/kroguard/kroguard/policies"
	"github.com/kroguard/kroguard/policies/rego"
	"github.com/kroguard/kroguard/policies/v1alpha1"
)

// TestAGuardrailThatHoldsAllocatesNothing judges an input that other guardrails have judged already. Allocations are the measure that
// is the same on every machine.
func TestAGuardrailThatHoldsAllocatesNothing(t *testing.T) {
	if testing.CoverMode() != "" || racedetector.Enabled {
		t.Skip("coverage counters and the race detector allocate")
	}
	tests := map[string]struct{ params, policy string }{
		"a comparison": {`{"max": 10}`, `deny contains "too many" if input.review.object.spec.replicas > input.parameters.max`},
		"a label that must be there": {`{"labels": ["name"]}`, `deny contains "no label" if {
			some label in input.parameters.labels
			not input.review.object.metadata[label]
		}`},
		"a prefix of several": {`{"registries": ["other/", "registry.example.com/"]}`, `deny contains "registry" if {
			not known(input.review.object.spec.image)
		}
		known(image) if {
			some registry in input.parameters.registries
			startswith(image, registry)
		}`},
		"a pattern":        {`{}`, `deny contains "host" if not regex.match("^[a-z.]+$", input.review.object.spec.host)`},
		"an operation":     {`{}`, `deny contains "no" if { input.review.operation == "UPDATE"; input.review.oldObject.spec.image }`},
		"a set of choices": {`{}`, "sizes := {\"s\", \"m\"}\n" + `deny contains "size" if input.review.object.spec.image in sizes`},
		"something within a list": {`{}`, `deny contains "port" if {
			some port in input.review.object.spec.ports
			port == 22
		}`},
	}
	driver := rego.New(rego.Options{})
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			g := guardrail(v1alpha1.RegoV1, test.params, module("package guardrail\n"+test.policy))
			program, input, ctx := mustCompile(t, driver, g), policies.NewInput(review()), context.Background()
			got := testing.AllocsPerRun(100, func() {
				if findings, err := program.Evaluate(ctx, input); err != nil || len(findings) > 0 {
					t.Fatalf("got %v, %v", findings, err)
				}
			})
			if got > 0 {
				t.Errorf("%v allocations", got)
			}
		})
	}
}
