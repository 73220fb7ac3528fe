package measure_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/kroguard/kroguard/test/bench/engines"
	"github.com/kroguard/kroguard/test/bench/measure"
)

// allocating is an engine whose review makes some allocations.
func allocating(name string, n, allocations int) *engines.Engine {
	var kept []*[64]byte
	return &engines.Engine{Name: name, N: n, Review: func(context.Context) (int, error) {
		kept = kept[:0]
		for range allocations {
			kept = append(kept, new([64]byte))
		}
		return len(kept), nil
	}}
}

func TestAnEngineIsComparedWithTheFirstThatHasAsManyPolicies(t *testing.T) {
	results, err := measure.Compare(t.Context(), []*engines.Engine{
		allocating("few", 1, 10), allocating("many", 2, 100), allocating("other", 2, 400),
	}, measure.Options{Rounds: 3, Turn: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []struct {
		engine             string
		n                  int
		allocs, allocRatio float64
	}{{"few", 1, 10, 1}, {"many", 2, 100, 1}, {"other", 2, 400, 4}} {
		got := results[i]
		if got.Engine != want.engine || got.N != want.n || len(got.Rounds) != 3 {
			t.Errorf("result %d is %s with %d policies over %d rounds", i, got.Engine, got.N, len(got.Rounds))
		}
		// The runtime allocates a little besides.
		if got.Allocs < want.allocs || got.Allocs > want.allocs*1.1+1 {
			t.Errorf("%s: %v allocations, want %v", want.engine, got.Allocs, want.allocs)
		}
		if got.AllocRatio < want.allocRatio*0.8 || got.AllocRatio > want.allocRatio*1.2 {
			t.Errorf("%s: %v times the allocations, want %v", want.engine, got.AllocRatio, want.allocRatio)
		}
		if got.RatioMin > got.Ratio || got.Ratio > got.RatioMax {
			t.Errorf("%s: the ratio %v is not from %v to %v", want.engine, got.Ratio, got.RatioMin, got.RatioMax)
		}
	}
}

func TestAnEngineThatFindsSomethingElseLaterIsAnError(t *testing.T) {
	reviews := 0
	_, err := measure.Compare(t.Context(), []*engines.Engine{{Name: "fickle", Review: func(context.Context) (int, error) {
		reviews++
		return reviews / 4, nil
	}}}, measure.Options{Rounds: 1, Turn: time.Millisecond})
	if err == nil || !strings.Contains(err.Error(), "fickle: 1 violations, and 0 before") {
		t.Errorf("got %v", err)
	}
}

func TestAnErrorOfAnEngineIsReported(t *testing.T) {
	broken := errors.New("broken")
	_, err := measure.Compare(t.Context(), []*engines.Engine{{Name: "e", Review: func(context.Context) (int, error) {
		return 0, broken
	}}}, measure.Options{Rounds: 1, Turn: time.Millisecond})
	if !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}
