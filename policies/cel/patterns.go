package cel

import (
	"regexp"
	"regexp/syntax"
	"sync"
	"sync/atomic"

	"github.com/google/cel-go/common/functions"
	"github.com/google/cel-go/common/overloads"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
)

const (
	// maxPatterns is how many compiled patterns are kept. Most come from params, one or a few a guardrail; those that a policy
	// takes from objects are as many as objects, and must not fill the memory.
	maxPatterns = 256
	// maxPatternBytes is how long a pattern may be to be kept.
	maxPatternBytes = 1 << 10
	// maxPatternSize is how many instructions and characters in classes a compiled pattern may have to be kept. A kilobyte of
	// counted repetitions may become megabytes.
	maxPatternSize = 4000
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
	if err != nil || !worthKeeping(pattern) {
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

// worthKeeping reports whether a pattern is small once it is compiled.
func worthKeeping(pattern string) bool {
	if len(pattern) > maxPatternBytes {
		return false
	}
	parsed, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return false
	}
	program, err := syntax.Compile(parsed.Simplify())
	if err != nil {
		return false
	}
	size := len(program.Inst)
	for i := range program.Inst {
		size += len(program.Inst[i].Rune)
	}
	return size <= maxPatternSize
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
