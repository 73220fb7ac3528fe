package report

import (
	"fmt"
	"slices"

	"github.com/kroguard/kroguard/test/bench/engines"
	"github.com/kroguard/kroguard/test/bench/measure"
	"github.com/kroguard/kroguard/test/bench/scenario"
)

// targetSize is the number of guardrails for which there are targets.
const targetSize = 50

// maxAdded is how many nanoseconds 1,000 guardrails that don't match may add to a review.
const maxAdded = 10_000

// maxHandler is how many times the time of a webhook that does nothing kroguard's may take.
const maxHandler = 3

// target is a least ratio to kroguard.
type target struct {
	set, engine string
	// time and allocs are the least ratios; 0 for none.
	time, allocs float64
}

// targets are what kroguard aims at.
func targets() []target {
	return []target{
		{set: scenario.InstanceRego, engine: engines.NameGatekeeper, time: 12},
		{set: scenario.InstanceRegoDistinct, engine: engines.NameGatekeeper, time: 25, allocs: 20},
		{set: scenario.WorkloadRego, engine: engines.NameGatekeeper, time: 5},
		{set: scenario.InstanceCEL, engine: engines.NameGatekeeperCEL, time: 5},
		{set: scenario.WorkloadCEL, engine: engines.NameGatekeeperCEL, time: 5},
		{set: scenario.InstanceCEL, engine: engines.NameKubernetes, time: 1},
		{set: scenario.WorkloadCEL, engine: engines.NameKubernetes, time: 1},
	}
}

// Targets compares what was measured with what kroguard aims at. What was not measured is left out.
func (r *Results) Targets() *Table {
	table := &Table{
		Title:  "Targets, at 50 guardrails that match where nothing else is said:",
		Header: []string{"target", "measured", "least .. most", ""},
	}
	for _, t := range targets() {
		result, ok := r.find(t.set, t.engine, targetSize)
		if !ok {
			continue
		}
		what := fmt.Sprintf("%s: >= %gx faster than %s", t.set, t.time, t.engine)
		if t.time == 1 {
			what = fmt.Sprintf("%s: no slower than %s", t.set, t.engine)
		}
		table.Rows = append(table.Rows, []string{what, ratio(result.Ratio) + "x",
			ratio(result.RatioMin) + " .. " + ratio(result.RatioMax), met(result.Ratio >= t.time)})
		if t.allocs > 0 {
			table.Rows = append(table.Rows, []string{
				fmt.Sprintf("%s: >= %gx fewer allocations than %s", t.set, t.allocs, t.engine),
				ratio(result.AllocRatio) + "x", "", met(result.AllocRatio >= t.allocs),
			})
		}
	}
	table.Rows = append(table.Rows, r.added()...)
	for _, set := range []string{scenario.Handler, scenario.HandlerAdmitted} {
		table.Rows = append(table.Rows, r.handled(set)...)
	}
	return table
}

// added is what 1,000 guardrails that don't match add.
func (r *Results) added() [][]string {
	without, ok := r.find(scenario.Nonmatching, engines.NameKroguard, 0)
	with, found := r.find(scenario.Nonmatching, engines.NameKroguard, 1000)
	if !ok || !found {
		return nil
	}
	added := make([]float64, len(with.Rounds))
	for i := range added {
		added[i] = with.Rounds[i] - without.Rounds[i]
	}
	middle := measure.Median(added)
	return [][]string{{
		"nonmatching: 1,000 guardrails add < " + duration(maxAdded), duration(middle),
		duration(slices.Min(added)) + " .. " + duration(slices.Max(added)), met(middle < maxAdded),
	}}
}

// handled is the webhook's time as a multiple of one that does nothing.
func (r *Results) handled(set string) [][]string {
	noop, ok := r.find(set, engines.NameNoop, targetSize)
	if !ok {
		return nil
	}
	return [][]string{{
		fmt.Sprintf("%s: <= %dx the time of %s", set, maxHandler, engines.NameNoop), ratio(1/noop.Ratio) + "x",
		ratio(1/noop.RatioMax) + " .. " + ratio(1/noop.RatioMin), met(1/noop.Ratio <= maxHandler),
	}}
}

func met(ok bool) string {
	if ok {
		return "met"
	}
	return "not met"
}
