// Package measure times engines against each other in one process. They take turns, round by round, so that whatever the
// machine does besides hits all of them; what is reported is the median of the rounds, and the ratio to the first engine with as
// many policies, with the smallest and the largest ratio that a round yielded.
//
// Time is that which the process spends on a processor, garbage collection included: with GOMAXPROCS=1, and engines that never
// wait for anything, it is what passes on a machine that does nothing else, and what else a machine does adds nothing to it.
package measure

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kroguard/kroguard/test/bench/engines"
)

// Options say how long to measure.
type Options struct {
	// Rounds is how often each engine gets its turn.
	Rounds int
	// Turn is how long a turn takes at least; a review that takes longer is done once.
	Turn time.Duration
}

// Result is what one review costs an engine.
type Result struct {
	Engine string
	// N is the number of policies.
	N int
	// NS, Allocs and Bytes are medians over the rounds: nanoseconds on a processor, heap allocations and their size.
	NS, Allocs, Bytes float64
	// Rounds is NS of each round.
	Rounds []float64
	// Ratio is how many times the time of the first engine with as many policies it takes: the median over the rounds, the least and the most.
	Ratio, RatioMin, RatioMax float64
	// AllocRatio is the ratio of Allocs.
	AllocRatio float64
}

// sample is one turn of one engine, per review.
type sample struct{ ns, allocs, bytes float64 }

// Compare measures the engines.
func Compare(ctx context.Context, list []*engines.Engine, options Options) ([]Result, error) {
	wants := make([]int, len(list))
	for i, engine := range list {
		// Twice, so that what is done at the first review alone is done.
		for range 2 {
			var err error
			if wants[i], err = engine.Review(ctx); err != nil {
				return nil, fmt.Errorf("%s: %w", engine.Name, err)
			}
		}
	}
	samples := make([][]sample, len(list))
	for round := range options.Rounds {
		for turn := range list {
			i := (round + turn) % len(list) // nobody always comes after the same
			s, err := measure(ctx, list[i], wants[i], options.Turn)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", list[i].Name, err)
			}
			samples[i] = append(samples[i], s)
		}
	}
	results := make([]Result, len(list))
	for i := range list {
		base := slices.IndexFunc(list, func(e *engines.Engine) bool { return e.N == list[i].N })
		results[i] = summarize(samples[i], samples[base])
		results[i].Engine, results[i].N = list[i].Name, list[i].N
	}
	return results, nil
}

// clockReadings is about how often a turn reads the clock, which takes as long as a small part of a review.
const clockReadings = 20

// measure is one turn. It begins with a collection, so that no engine collects another's garbage.
func measure(ctx context.Context, engine *engines.Engine, want int, atLeast time.Duration) (sample, error) {
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	started, err := processorTime()
	if err != nil {
		return sample{}, err
	}
	reviews, elapsed := 0, time.Duration(0)
	for batch := 1; elapsed < atLeast; {
		for range batch {
			got, err := engine.Review(ctx)
			if err != nil {
				return sample{}, err
			}
			if got != want {
				return sample{}, fmt.Errorf("%d violations, and %d before", got, want)
			}
		}
		reviews += batch
		now, err := processorTime()
		if err != nil {
			return sample{}, err
		}
		elapsed = now - started
		if elapsed < atLeast/clockReadings {
			batch *= 2
		}
	}
	runtime.ReadMemStats(&after)
	n := float64(reviews)
	return sample{
		ns:     float64(elapsed.Nanoseconds()) / n,
		allocs: float64(after.Mallocs-before.Mallocs) / n,
		bytes:  float64(after.TotalAlloc-before.TotalAlloc) / n,
	}, nil
}

// processorTime is what the process has spent on processors.
func processorTime() (time.Duration, error) {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_PROCESS_CPUTIME_ID, &ts); err != nil {
		return 0, fmt.Errorf("reading the processor time: %w", err)
	}
	return time.Duration(ts.Nano()), nil
}

func summarize(own, base []sample) Result {
	ratios, rounds := make([]float64, len(own)), make([]float64, len(own))
	for i := range own {
		rounds[i] = own[i].ns
		ratios[i] = own[i].ns / base[i].ns
	}
	of := func(list []sample, value func(sample) float64) float64 {
		values := make([]float64, len(list))
		for i := range list {
			values[i] = value(list[i])
		}
		return Median(values)
	}
	allocs := func(s sample) float64 { return s.allocs }
	return Result{
		Rounds: rounds,
		NS:     of(own, func(s sample) float64 { return s.ns }),
		Allocs: of(own, allocs),
		Bytes:  of(own, func(s sample) float64 { return s.bytes }),
		Ratio:  Median(ratios), RatioMin: slices.Min(ratios), RatioMax: slices.Max(ratios),
		AllocRatio: of(own, allocs) / of(base, allocs),
	}
}

// Median is the middle value, or the mean of the two in the middle.
func Median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}
