package provenance

import (
	"fmt"
	"strconv"
	"strings"
)

// Format writes a path as people read it: spec.size, labels["app.kubernetes.io/part-of"]. Keys that aren't identifiers are
// quoted, so that Parse gives the same path back.
func Format(path []string) string {
	if len(path) == 2 && identifier(path[0]) && identifier(path[1]) {
		return path[0] + "." + path[1]
	}
	var b strings.Builder
	for i, key := range path {
		switch {
		case !identifier(key):
			b.WriteByte('[')
			b.WriteString(strconv.Quote(key))
			b.WriteByte(']')
		case i > 0:
			b.WriteByte('.')
			fallthrough
		default:
			b.WriteString(key)
		}
	}
	return b.String()
}

// Parse reads what Format writes. The error says where the text stops being a path.
func Parse(text string) ([]string, error) {
	var path []string
	rest := text
	for rest != "" {
		key, after, err := next(rest, len(path) == 0)
		if err != nil {
			return nil, fmt.Errorf("path %q, at %d: %w", text, len(text)-len(rest), err)
		}
		path, rest = append(path, key), after
	}
	if path == nil {
		return nil, fmt.Errorf("path %q: %w", text, errNoKey)
	}
	return path, nil
}

// next reads one key: ["quoted"], .name, or name at the beginning.
func next(text string, first bool) (key, rest string, err error) {
	if quoted, ok := strings.CutPrefix(text, "["); ok {
		literal, err := strconv.QuotedPrefix(quoted)
		if err != nil || literal[0] != '"' {
			return "", "", errNoString
		}
		rest, ok := strings.CutPrefix(quoted[len(literal):], "]")
		if !ok {
			return "", "", errNoBracket
		}
		key, err := strconv.Unquote(literal)
		return key, rest, err
	}
	if !first {
		var ok bool
		if text, ok = strings.CutPrefix(text, "."); !ok {
			return "", "", errNoKey
		}
	}
	end := strings.IndexAny(text, ".[")
	if end < 0 {
		end = len(text)
	}
	if !identifier(text[:end]) {
		return "", "", errNoKey
	}
	return text[:end], text[end:], nil
}

// pathError is what is wrong at a place in a path.
type pathError string

func (e pathError) Error() string { return string(e) }

const (
	errNoKey     pathError = "expected a name"
	errNoString  pathError = "expected a quoted key"
	errNoBracket pathError = "expected ]"
)

// identifier reports whether a key needs no quotes.
func identifier(key string) bool {
	for i := range len(key) {
		switch c := key[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', c == '_':
		case '0' <= c && c <= '9' && i > 0:
		default:
			return false
		}
	}
	return key != ""
}
