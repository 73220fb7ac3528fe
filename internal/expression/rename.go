package expression

import "strings"

// CEL reserves the word namespace, so no variable can have that name; users write it nevertheless, as they write project and
// offering. variableNamespaceInCEL is what CEL gets to see. It is as long as the word, so that the compiler's columns hold.
const variableNamespaceInCEL = "__nsvar__"

// rename replaces the identifier namespace in an expression, but not in strings, comments and names of fields.
func rename(source string) string {
	if !strings.Contains(source, variableNamespace) {
		return source
	}
	var result strings.Builder
	// before and last are the last two characters that were neither space nor comment: what follows "." or ".?" is a field.
	var before, last byte
	for i := 0; i < len(source); {
		token := nextToken(source[i:])
		i += len(token)
		if strings.TrimSpace(token) == "" || strings.HasPrefix(token, "//") {
			result.WriteString(token)
			continue
		}
		isField := last == '.' || last == '?' && before == '.'
		if token == variableNamespace && !isField {
			result.WriteString(variableNamespaceInCEL)
		} else {
			result.WriteString(token)
		}
		before, last = last, token[len(token)-1]
	}
	return result.String()
}

// nextToken returns the first token of a source that is not empty: a comment, a string with its prefix, an identifier, or one
// byte of anything else.
func nextToken(source string) string {
	if strings.HasPrefix(source, "//") {
		if end := strings.IndexByte(source, '\n'); end >= 0 {
			return source[:end]
		}
		return source
	}
	end := 0
	for end < len(source) && isNameByte(source[end]) {
		end++
	}
	if end < len(source) && isStringPrefix(source[:end]) {
		raw := strings.ContainsAny(source[:end], "rR")
		if length := quoted(source[end:], raw); length > 0 {
			return source[:end+length]
		}
	}
	return source[:max(1, end)]
}

// quoted is the length of the string, or the name in backticks, that a source begins with; 0 where it begins with none. One
// that doesn't end reaches to the end of the source: the compiler says so.
func quoted(source string, raw bool) int {
	for _, quote := range []string{`"""`, `'''`, `"`, `'`, "`"} {
		if !strings.HasPrefix(source, quote) {
			continue
		}
		for i := len(quote); i < len(source); i++ {
			switch {
			case source[i] == '\\' && !raw:
				i++
			case strings.HasPrefix(source[i:], quote):
				return i + len(quote)
			}
		}
		return len(source)
	}
	return 0
}

// isStringPrefix reports whether a string may follow: r for raw, b for bytes, in any case and order.
func isStringPrefix(name string) bool {
	switch strings.ToLower(name) {
	case "", "r", "b", "rb", "br":
		return true
	}
	return false
}

func isNameByte(c byte) bool {
	return c == '_' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}
