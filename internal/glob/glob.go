// Package glob matches names against the patterns that Projects, Guardrails and offerings are written with: "*" stands for any
// characters, also none, "?" for exactly one. There is nothing else to a pattern, and it matches the whole name.
//
// Patterns come from people who may mean harm, and are matched on the request path, so matching takes time proportional to
// pattern times name and never backtracks exponentially. The names in question have no path structure: "*" matches "/" and
// "." too.
package glob

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// MaxPatternBytes is the longest pattern that compiles: the longest name that Kubernetes knows, a DNS subdomain of 253
// characters.
const MaxPatternBytes = 253

// ErrPattern is what every error of Compile wraps.
var ErrPattern = errors.New("not a name or glob")

// Pattern is a compiled glob. It is immutable and safe for concurrent use. The zero Pattern matches nothing but "".
type Pattern struct {
	text    string
	literal bool
}

// Compile reads a pattern. An empty one, one that is too long and one that is not UTF-8 are errors, which wrap ErrPattern.
func Compile(pattern string) (Pattern, error) {
	switch {
	case pattern == "":
		return Pattern{}, fmt.Errorf("%w: it is empty", ErrPattern)
	case len(pattern) > MaxPatternBytes:
		return Pattern{}, fmt.Errorf("%w: it has %d bytes, more than %d", ErrPattern, len(pattern), MaxPatternBytes)
	case !utf8.ValidString(pattern):
		return Pattern{}, fmt.Errorf("%w: it is not UTF-8", ErrPattern)
	}
	return Pattern{text: pattern, literal: IsLiteral(pattern)}, nil
}

// IsLiteral reports whether a pattern has no wildcard and so matches only the name that it spells.
func IsLiteral(pattern string) bool { return !strings.ContainsAny(pattern, "*?") }

// String returns the pattern as it was written.
func (p Pattern) String() string { return p.text }

// Match reports whether the pattern matches the whole name. "?" takes one UTF-8 character; a byte that is no UTF-8 counts as
// one.
func (p Pattern) Match(name string) bool {
	if p.literal {
		return p.text == name
	}
	return match(p.text, name)
}

// match walks both strings once and, where they part, resumes at the last "*" with one character more given to it. Giving
// characters to an earlier "*" could not help, since what is between the two matched already.
func match(pattern, name string) bool {
	p, n := 0, 0
	star, resume := -1, 0
	for n < len(name) {
		if p < len(pattern) && pattern[p] == '*' {
			star, resume = p, n
			p++
			continue
		}
		if p < len(pattern) {
			if taken := take(pattern[p:], name[n:]); taken > 0 {
				p, n = p+1, n+taken
				continue
			}
		}
		if star < 0 {
			return false
		}
		resume += width(name[resume:])
		p, n = star+1, resume
	}
	return strings.Trim(pattern[p:], "*") == ""
}

// take returns how many bytes of the name the pattern's first byte matches; 0 for none. Multi-byte characters of the pattern
// are compared byte by byte, which is the same.
func take(pattern, name string) int {
	if pattern[0] == '?' {
		return width(name)
	}
	if pattern[0] == name[0] {
		return 1
	}
	return 0
}

// width is the length in bytes of the first character of a string that isn't empty.
func width(s string) int {
	_, size := utf8.DecodeRuneInString(s)
	return size
}
