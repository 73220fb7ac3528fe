package glob_test

import (
	"errors"
	"regexp"
	"strings"
	"testing"

	"github.com/kroguard/kroguard/internal/glob"
)

func TestMatch(t *testing.T) {
	tests := map[string]struct {
		pattern string
		matches []string
		misses  []string
	}{
		"a plain name matches itself alone": {
			pattern: "payments",
			matches: []string{"payments"},
			misses:  []string{"", "payment", "payments-dev", "xpayments", "Payments"},
		},
		"a star at the end takes any rest, also none": {
			pattern: "payments-*",
			matches: []string{"payments-", "payments-dev", "payments-a-b", "payments-a/b.c"},
			misses:  []string{"payments", "xpayments-dev"},
		},
		"a star at the beginning takes any start": {
			pattern: "*-dev",
			matches: []string{"-dev", "a-dev", "a-dev-dev"},
			misses:  []string{"dev", "a-devs"},
		},
		"stars between literals find the parts in order": {
			pattern: "a*b*c",
			matches: []string{"abc", "aXbXc", "abbcc", "abcbc"},
			misses:  []string{"acb", "ab", "abcd"},
		},
		"several stars in a row are one": {
			pattern: "a***b",
			matches: []string{"ab", "axxb"},
			misses:  []string{"a", "abx"},
		},
		"a lone star takes everything": {
			pattern: "*",
			matches: []string{"", "a", "käse"},
		},
		"a question mark takes exactly one character": {
			pattern: "team-?",
			matches: []string{"team-a", "team-ä", "team-\xff"},
			misses:  []string{"team-", "team-ab"},
		},
		"a question mark after a star needs a character": {
			pattern: "*?",
			matches: []string{"a", "ab", "ä"},
			misses:  []string{""},
		},
		"brackets, braces, dots and backslashes stand for themselves": {
			pattern: `[a-z].{b,c}\*`,
			matches: []string{`[a-z].{b,c}\`, `[a-z].{b,c}\x`},
			misses:  []string{"a.b", `[a-z]x{b,c}\`},
		},
		"a character beyond ASCII in the pattern matches itself": {
			pattern: "*ß?",
			matches: []string{"straßi"},
			misses:  []string{"strasse", "straß"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			pattern, err := glob.Compile(tt.pattern)
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range tt.matches {
				if !pattern.Match(s) {
					t.Errorf("%q does not match %q", tt.pattern, s)
				}
			}
			for _, s := range tt.misses {
				if pattern.Match(s) {
					t.Errorf("%q matches %q", tt.pattern, s)
				}
			}
		})
	}
}

func TestCompileRefuses(t *testing.T) {
	tests := map[string]string{
		"an empty pattern":                     "",
		"one longer than any name":             strings.Repeat("a", glob.MaxPatternBytes+1),
		"bytes that are no UTF-8":              "a\xff*",
		"a flood of stars beyond the limit":    strings.Repeat("*", 10_000),
		"an invalid sequence at the very end":  "payments\xc3",
		"a surrogate half encoded in the name": "a\xed\xa0\x80",
	}
	for name, pattern := range tests {
		t.Run(name, func(t *testing.T) {
			if _, err := glob.Compile(pattern); !errors.Is(err, glob.ErrPattern) {
				t.Errorf("error = %v, want one that wraps ErrPattern", err)
			}
		})
	}
}

func TestList(t *testing.T) {
	list, err := glob.CompileList([]string{"payments", "billing", "shop-*", "team-?"})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]bool{
		"payments": true, "billing": true, "shop-": true, "shop-eu": true, "team-a": true,
		"": false, "payment": false, "team-": false, "shop": false,
	}
	for name, matches := range want {
		if got := list.Match(name); got != matches {
			t.Errorf("Match(%q) = %t, want %t", name, got, matches)
		}
	}
	if list.Empty() {
		t.Error("a list with patterns says that it is empty")
	}
}

func TestEmptyListMatchesNothing(t *testing.T) {
	list, err := glob.CompileList(nil)
	if err != nil {
		t.Fatal(err)
	}
	if !list.Empty() || list.Match("") || list.Match("a") {
		t.Errorf("Empty() = %t, Match = %t, %t; want true, false, false", list.Empty(), list.Match(""), list.Match("a"))
	}
}

func TestListErrorNamesThePattern(t *testing.T) {
	_, err := glob.CompileList([]string{"ok", "", "*"})
	if want := `[1] "": not a name or glob: it is empty`; err == nil || err.Error() != want {
		t.Errorf("error = %v, want %s", err, want)
	}
}

// FuzzMatch compares with a regular expression of the same meaning.
func FuzzMatch(f *testing.F) {
	for _, seed := range [][2]string{
		{"a*b?c", "aXbYc"}, {"*", ""}, {"?", "ä"}, {"**a**", "bab"}, {"a*a*a*b", "aaaaaaaaaaaaaaaaaaaa"}, {"[a]{b}\\", "[a]{b}\\"},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, text, name string) {
		pattern, err := glob.Compile(text)
		if err != nil {
			return
		}
		expression := regexp.QuoteMeta(text)
		expression = strings.ReplaceAll(expression, `\*`, `(?s:.*)`)
		expression = strings.ReplaceAll(expression, `\?`, `(?s:.)`)
		oracle, err := regexp.Compile(`\A` + expression + `\z`)
		if err != nil {
			t.Skip(err)
		}
		if got, want := pattern.Match(name), oracle.MatchString(name); got != want {
			t.Errorf("%q on %q = %t, want %t", text, name, got, want)
		}
	})
}

func BenchmarkMatchWorstCase(b *testing.B) {
	pattern, err := glob.Compile(strings.Repeat("a*", glob.MaxPatternBytes/2) + "b")
	if err != nil {
		b.Fatal(err)
	}
	name := strings.Repeat("a", 253)
	b.ReportAllocs()
	for b.Loop() {
		if pattern.Match(name) {
			b.Fatal("matched")
		}
	}
}
