package scenario_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kroguard/kroguard/test/bench/engines"
	"github.com/kroguard/kroguard/test/bench/scenario"
)

// findings are what the sets' policies find; the first cycle of each.
func findings() map[string]map[string]int {
	instance := map[string]int{"image-tags-0": 1, "backup-retention-0": 1}
	workload := map[string]int{"allowed-images-0": 1, "read-only-root-0": 1}
	return map[string]map[string]int{
		scenario.InstanceRego: instance, scenario.InstanceRegoDistinct: instance, scenario.InstanceCEL: instance,
		scenario.WorkloadRego: workload, scenario.WorkloadCEL: workload,
		scenario.Nonmatching: {}, scenario.HandlerAdmitted: {},
	}
}

func TestAllEnginesFindTheSameViolationsOfEveryPolicy(t *testing.T) {
	const distinct = 12
	all, err := scenario.All([]int{distinct})
	if err != nil {
		t.Fatal(err)
	}
	want := findings()
	for i := range all {
		s := &all[i]
		if _, ok := want[s.Set]; !ok {
			continue
		}
		t.Run(fmt.Sprintf("%s-%d", s.Set, s.N), func(t *testing.T) {
			list, err := s.Build(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if len(list) < 2 && s.Set != scenario.InstanceCEL {
				t.Fatalf("only %d engines", len(list))
			}
			for _, engine := range list {
				got, err := engine.Count(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(want[s.Set], got); diff != "" {
					t.Errorf("%s (-want +got):\n%s", engine.Name, diff)
				}
			}
		})
	}
}

// What the webhook refuses is what the engine finds, each policy once in each language.
func TestHandlerRefusesWhatTheEngineFinds(t *testing.T) {
	all, err := scenario.All(nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := range all {
		if all[i].Set != scenario.Handler {
			continue
		}
		list, err := all[i].Build(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]int{}
		for _, policy := range []string{"image-tags", "backup-retention"} {
			for cycle := range 4 {
				want[fmt.Sprintf("%s-%d", policy, cycle)] = 1
			}
		}
		want["backup-retention-4"] = 1 // the fifth cycle has two policies
		checkCount(t, list[0], want)
		checkCount(t, list[1], map[string]int{})
	}
}

func checkCount(t *testing.T, engine *engines.Engine, want map[string]int) {
	t.Helper()
	got, err := engine.Count(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", engine.Name, diff)
	}
}
