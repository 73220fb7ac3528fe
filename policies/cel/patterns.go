package cel

import (
	"regexp"
	"sync"
	"sync/atomic"

	"github.com/google/cel-go/common/functions"
	"github.com/google/cel-go/common/overloads"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
)

const (
	// maxPatterns is how many compiled patterns are kept. Most come from params, one or a few a guardrail; those that a policy
	// makes of an object are as many as objects, and must not fill the memory.
	maxPatterns = 1000
	// maxPatternBytes is how long a pattern may be to be kept.
	maxPatternBytes = 1 << 10
)

// patterns are compiled regular expressions. CEL compiles one that is no literal, as params.pattern, each time that it is matched,
// which takes longer than all else that guardrails do. It is safe for concurrent use.
type patterns struct {
	known atomic.Pointer[sync.Map]
	count atomic.Int64
}

func newPatterns() *patterns {
	p := &patterns{}
	p.known.Store(new(sync.Map))
	return p
}

// match is CEL's matches(), with the same results and errors.
func (p *patterns) match(text, pattern string) ref.Val {
	compiled, err := p.compile(pattern)
	if err != nil {
		return types.WrapErr(err)
	}
	return types.Bool(compiled.MatchString(text))
}

func (p *patterns) compile(pattern string) (*regexp.Regexp, error) {
	known := p.known.Load()
	if value, ok := known.Load(pattern); ok {
		if compiled, ok := value.(*regexp.Regexp); ok {
			return compiled, nil
		}
	}
	compiled, err := regexp.Compile(pattern)
	if err != nil || len(pattern) > maxPatternBytes {
		return compiled, err
	}
	if p.count.Add(1) > maxPatterns {
		// Forgetting all is simple, and what is in use is soon known again.
		known = new(sync.Map)
		p.known.Store(known)
		p.count.Store(1)
	}
	known.Store(pattern, compiled)
	return compiled, nil
}

// remember lets an implementation of matches() find its patterns compiled; others are left alone.
func (p *patterns) remember(overload *functions.Overload) {
	if overload.Operator != overloads.Matches && overload.Operator != overloads.MatchesString {
		return
	}
	original := overload.Binary
	overload.Binary = func(text, pattern ref.Val) ref.Val {
		t, isText := text.(types.String)
		by, isPattern := pattern.(types.String)
		if !isText || !isPattern {
			return original(text, pattern)
		}
		return p.match(string(t), string(by))
	}
}
