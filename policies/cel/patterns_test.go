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
