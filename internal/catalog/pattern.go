package catalog

import (
	"regexp/syntax"
	"strings"
)

// maxMatchBytes bounds the text that is made for a pattern.
const maxMatchBytes = 1000

// matching makes a short text that a pattern matches; "" where there is none that is short. What surrounds a word, as \b, is left out
// of account: whoever asks checks the text.
func matching(pattern string) string {
	parsed, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return ""
	}
	var text strings.Builder
	write(&text, parsed.Simplify())
	if text.Len() > maxMatchBytes {
		return ""
	}
	return text.String()
}

func write(out *strings.Builder, re *syntax.Regexp) {
	if out.Len() > maxMatchBytes {
		return
	}
	switch re.Op {
	case syntax.OpLiteral:
		out.WriteString(string(re.Rune))
	case syntax.OpCharClass:
		out.WriteRune(anyOf(re.Rune))
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		out.WriteByte('a')
	case syntax.OpCapture, syntax.OpPlus:
		write(out, re.Sub[0])
	case syntax.OpRepeat:
		for range re.Min {
			write(out, re.Sub[0])
		}
	case syntax.OpConcat:
		for _, sub := range re.Sub {
			write(out, sub)
		}
	case syntax.OpAlternate:
		write(out, re.Sub[0])
	default: // what may be empty, and what is
	}
}

// anyOf is a character of a class, which is a list of pairs of bounds: a letter or digit where there is one.
func anyOf(pairs []rune) rune {
	for _, liked := range []rune{'a', 'A', '1', '0'} {
		for i := 0; i+1 < len(pairs); i += 2 {
			if pairs[i] <= liked && liked <= pairs[i+1] {
				return liked
			}
		}
	}
	if len(pairs) == 0 {
		return 'a'
	}
	return pairs[0]
}
