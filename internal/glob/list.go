package glob

import "fmt"

// List is a set of patterns. It is immutable and safe for concurrent use. The zero List is empty.
type List struct {
	names    map[string]struct{}
	patterns []Pattern
}

// CompileList reads patterns. The error names the first that does not compile, by its place in the list, and wraps
// ErrPattern.
func CompileList(patterns []string) (List, error) {
	var list List
	for i, text := range patterns {
		pattern, err := Compile(text)
		if err != nil {
			return List{}, fmt.Errorf("[%d] %q: %w", i, text, err)
		}
		if !pattern.literal {
			list.patterns = append(list.patterns, pattern)
			continue
		}
		if list.names == nil {
			list.names = make(map[string]struct{}, len(patterns))
		}
		list.names[text] = struct{}{}
	}
	return list, nil
}

// Empty reports whether the list has no pattern. Whether that selects everything or nothing is for the caller to say.
func (l List) Empty() bool { return len(l.names) == 0 && len(l.patterns) == 0 }

// Match reports whether any pattern matches the name; false for an empty list. Plain names cost one map lookup together.
func (l List) Match(name string) bool {
	if _, ok := l.names[name]; ok {
		return true
	}
	for _, pattern := range l.patterns {
		if pattern.Match(name) {
			return true
		}
	}
	return false
}

// Names returns the names that the list consists of, in no order, and whether it has no other pattern.
func (l List) Names() (names []string, all bool) {
	for name := range l.names {
		names = append(names, name)
	}
	return names, len(l.patterns) == 0
}
