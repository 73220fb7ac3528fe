package rego_test

import (
	"context"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kroguard/kroguard/policies"
	"github.com/kroguard/kroguard/policies/rego"
)

// TestOneInputServesManyGoroutines judges one input by all policies from several goroutines at once: the terms of the input are made
// once and shared, whoever comes first. The race detector watches.
func TestOneInputServesManyGoroutines(t *testing.T) {
	t.Parallel()
	driver := rego.New(rego.Options{})
	var programs []policies.Program
	for _, g := range benchmarkGuardrails(len(benchmarkPolicies())) {
		programs = append(programs, mustCompile(t, driver, g))
	}
	programs = append(programs, mustCompile(t, driver, v1Guardrail(`package guardrail
deny contains sprintf("%v=%v", [k, v]) if some k, v in input.review.object.spec
deny contains "same" if input.review.object == input.instance
warn contains json.marshal(input.review.userInfo)`)))
	judge := func(input *policies.Input) [][]policies.Finding {
		var all [][]policies.Finding
		for _, program := range programs {
			findings, err := program.Evaluate(context.Background(), input)
			if err != nil {
				t.Error(err)
			}
			all = append(all, findings)
		}
		return all
	}
	want := judge(policies.NewInput(review()))
	shared := policies.NewInput(review())
	var workers sync.WaitGroup
	for range 8 {
		workers.Go(func() {
			if diff := cmp.Diff(want, judge(shared)); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
	workers.Wait()
}
