package policies

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	ellipsis    = "…"
	immutable   = "immutable"
	replacement = "unchangeable"
)

// oneLine makes text fit for a message of at most limit bytes: one line of valid UTF-8 without control characters,
// runs of white space made one space, what is too long cut, and Flux's trigger words reworded.
func oneLine(text string, limit int) string {
	var line strings.Builder
	gap := false
	for _, r := range text {
		if line.Len() > limit {
			break
		}
		if unicode.IsSpace(r) || steersTerminal(r) {
			gap = line.Len() > 0
			continue
		}
		if gap {
			line.WriteByte(' ')
			gap = false
		}
		line.WriteRune(r)
	}
	return cut(defuse(line.String()), limit)
}

// steersTerminal reports whether a rune does something to the text around it instead of being shown: control
// characters, line and paragraph separators, and the marks that reverse the direction of writing.
func steersTerminal(r rune) bool {
	return r >= 0x7f && unicode.In(r, unicode.Cc, unicode.Zl, unicode.Zp, unicode.Bidi_Control) || r < ' '
}

// cut shortens text to at most limit bytes, on a character boundary, and shows that it did. A limit has room for the
// ellipsis.
func cut(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	end := limit - len(ellipsis)
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + ellipsis
}

// defuse rewords "is immutable" and "immutable field". With force, Flux deletes and recreates an object when the refusal
// matches `is\simmutable` or `immutable\sfield` (github.com/fluxcd/pkg/ssa), so a policy's message must never say so.
func defuse(text string) string {
	var out strings.Builder
	rest := 0
	for from := 0; ; {
		at := indexFold(text[from:], immutable)
		if at < 0 {
			break
		}
		at += from
		from = at + len(immutable)
		if !endsWithIs(text[:at]) && !startsWithField(text[from:]) {
			continue
		}
		out.WriteString(text[rest:at])
		out.WriteString(replacement)
		rest = from
	}
	if rest == 0 {
		return text
	}
	out.WriteString(text[rest:])
	return out.String()
}

func endsWithIs(text string) bool {
	n := len(text)
	return n >= 3 && isSpaceByte(text[n-1]) && strings.EqualFold(text[n-3:n-1], "is")
}

func startsWithField(text string) bool {
	const field = "field"
	return len(text) > len(field) && isSpaceByte(text[0]) && strings.EqualFold(text[1:1+len(field)], field)
}

// isSpaceByte is what \s means in Go's regular expressions.
func isSpaceByte(b byte) bool {
	return b == ' ' || b == '\t' || b == '\n' || b == '\f' || b == '\r'
}

// indexFold is strings.Index without regard to the case of ASCII letters; word is lower-case ASCII.
func indexFold(text, word string) int {
	for i := 0; i+len(word) <= len(text); i++ {
		if text[i]|0x20 == word[0] && strings.EqualFold(text[i:i+len(word)], word) {
			return i
		}
	}
	return -1
}
