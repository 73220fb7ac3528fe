package cel

import (
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/google/cel-go/common/types"
)

func TestPatternsMatchAsCELDoes(t *testing.T) {
	p := newPatterns()
	for _, pattern := range []string{"^a+$", "", "b|c", "[", "a{2000}", "(?i)A", strings.Repeat("a?", 600)} {
		for _, text := range []string{"", "a", "aaa", "c", "x"} {
			for range 2 {
				want, got := types.String(text).Match(types.String(pattern)), p.match(text, pattern)
				if fmt.Sprint(want) != fmt.Sprint(got) {
					t.Errorf("%q by %q: got %v, CEL says %v", text, pattern, got, want)
				}
			}
		}
	}
}

// A short pattern may be large once it is compiled; such a one is matched, and not kept.
func TestLargePatternsAreNotKept(t *testing.T) {
	tests := map[string]bool{
		"^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$":    true,
		`^\p{L}+$`:                             true,
		strings.Repeat("a{1000}b{900}", 8):     false,
		strings.Repeat(`[\p{L}]`, 100):         false,
		strings.Repeat("a", maxPatternBytes+1): false,
	}
	for pattern, want := range tests {
		p := newPatterns()
		if got, like := fmt.Sprint(p.match("a", pattern)), fmt.Sprint(types.String("a").Match(types.String(pattern))); got != like {
			t.Errorf("%.40s: got %s, CEL says %s", pattern, got, like)
		}
		if _, kept := p.known.Load().Load(pattern); kept != want {
			t.Errorf("%.40s: kept is %t", pattern, kept)
		}
	}
}

// Patterns that are made of objects must not fill the memory, and one that is in use all the time is compiled rarely.
func TestPatternsAreBounded(t *testing.T) {
	p := newPatterns()
	var workers sync.WaitGroup
	for worker := range 4 {
		workers.Go(func() {
			for n := range maxPatterns {
				if _, err := p.compile(fmt.Sprintf("^%d-%d$", worker, n)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	workers.Wait()
	kept := 0
	p.known.Load().Range(func(_, value any) bool {
		if _, ok := value.(*regexp.Regexp); ok {
			kept++
		}
		return true
	})
	// Those that others add while the table is replaced come on top.
	if kept > maxPatterns+4 {
		t.Errorf("%d patterns are kept", kept)
	}
}
