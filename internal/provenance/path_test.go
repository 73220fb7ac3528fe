package provenance_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kroguard/kroguard/internal/provenance"
)

func TestFormat(t *testing.T) {
	tests := map[string]struct {
		path []string
		want string
	}{
		"identifiers are joined by dots":   {[]string{"spec", "resources", "cpu"}, "spec.resources.cpu"},
		"a key with a slash is quoted":     {[]string{"metadata", "labels", "app.kubernetes.io/part-of"}, `metadata.labels["app.kubernetes.io/part-of"]`},
		"a key with a dash is quoted":      {[]string{"spec", "log-level", "root"}, `spec["log-level"].root`},
		"a key that begins with a digit":   {[]string{"spec", "2fa"}, `spec["2fa"]`},
		"an empty key is quoted":           {[]string{"spec", ""}, `spec[""]`},
		"quotes within a key are escaped":  {[]string{"spec", `a"]`}, `spec["a\"]"]`},
		"the first key may be quoted, too": {[]string{"a b"}, `["a b"]`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got := provenance.Format(tt.path)
			if got != tt.want {
				t.Errorf("Format = %s, want %s", got, tt.want)
			}
			back, err := provenance.Parse(got)
			if diff := cmp.Diff(tt.path, back); err != nil || diff != "" {
				t.Errorf("Parse: %v (-want +got):\n%s", err, diff)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	tests := map[string]struct{ text, want string }{
		"nothing":                    {"", `path "": expected a name`},
		"a dot at the beginning":     {".spec", `path ".spec", at 0: expected a name`},
		"a dot at the end":           {"spec.", `path "spec.", at 4: expected a name`},
		"two dots":                   {"spec..a", `path "spec..a", at 4: expected a name`},
		"an index":                   {"spec[0]", `path "spec[0]", at 4: expected a quoted key`},
		"an open bracket":            {`spec["a"`, `path "spec[\"a\"", at 4: expected ]`},
		"an open quote":              {`spec["a]`, `path "spec[\"a]", at 4: expected a quoted key`},
		"a raw string":               {"spec[`a`]", "path \"spec[`a`]\", at 4: expected a quoted key"},
		"a rune":                     {"spec['a']", `path "spec['a']", at 4: expected a quoted key`},
		"a name right after a key":   {`["a"]b`, `path "[\"a\"]b", at 5: expected a name`},
		"a dash in a name":           {"spec.log-level", `path "spec.log-level", at 4: expected a name`},
		"a wildcard, as in JSONPath": {"spec.*", `path "spec.*", at 4: expected a name`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			path, err := provenance.Parse(tt.text)
			if err == nil || err.Error() != tt.want {
				t.Errorf("Parse = %q, %v; want the error %s", path, err, tt.want)
			}
		})
	}
}

func FuzzPath(f *testing.F) {
	for _, seed := range []string{"spec.size", `labels["a/b"]`, `["\u00e4\xff"]`, "[", `a[""][""]`, "a.b.c", "spec..x", `["a"].b`} {
		f.Add(seed, "k", "a b")
	}
	f.Fuzz(func(t *testing.T, text, first, second string) {
		if path, err := provenance.Parse(text); err == nil {
			again, err := provenance.Parse(provenance.Format(path))
			if diff := cmp.Diff(path, again); err != nil || diff != "" {
				t.Errorf("what %q means is written %q: %v\n%s", text, provenance.Format(path), err, diff)
			}
		}
		path := []string{first, second}
		back, err := provenance.Parse(provenance.Format(path))
		if diff := cmp.Diff(path, back); err != nil || diff != "" {
			t.Errorf("%q is written %s: %v\n%s", path, provenance.Format(path), err, diff)
		}
	})
}
