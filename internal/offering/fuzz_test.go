package offering

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Whatever stands in an annotation: no panic, a usable Offering, the same problems each time, and where there is none,
// defaults that fit the schema.
func FuzzParseAnnotations(f *testing.F) {
	for _, seed := range []struct{ name, value string }{
		{"defaults", "size: small\ncache: {ttl: 1}"}, {"defaults.payments", "ports: [{name: '${project.name}', number: 1}]"},
		{"defaults", "free: {a: [1, {b: null}], c: 0x1F, d: 1e3}"}, {"defaults", "a: &a [*a]"}, {"defaults", "? [a]\n: b"}, {"defaults", "name: |\n  ${\n"},
		{"defaults", "---\n---\n"}, {"defaults", "labels: {'': a, 'a.b': c}"}, {"labels", "team: ${project.owner}\na: b"}, {"tags", "[a, 'b']"}, {"tags", "- a\n- b"},
		{"allowed-projects", "a,b-*"}, {"namespace-selector", "matchLabels: {a: b}"}, {"namespace-selector", "a in (b),!c"}, {"docs-url", "http://[::1]/%zz"},
		{"deprecated", "true"}, {"catalog", "true"}, {"no-such", ""},
	} {
		f.Add(seed.name, seed.value)
	}
	f.Fuzz(func(t *testing.T, name, value string) {
		rgd := rgdWith(t, map[string]string{prefix + name: value})
		o, problems, warnings := Parse(rgd)
		if o == nil || o.GVK != webAppGVK() || o.Schema == nil || o.Values()["name"] != "web-app" {
			t.Fatalf("the offering is not usable: %v", o)
		}
		for _, problem := range problems {
			if text := problem.String(); problem.Reason == "" || !strings.HasPrefix(text, "annotation "+prefix+name) {
				t.Fatalf("a problem says nothing: %q", text)
			}
		}
		_, again, warningsAgain := Parse(rgd)
		if diff := cmp.Diff(problems, again) + cmp.Diff(warnings, warningsAgain); diff != "" {
			t.Fatal(diff)
		}
		if len(problems) == 0 {
			for _, defaults := range append(o.DefaultsFor(strings.TrimPrefix(name, projectDefaults)), o.DefaultsFor("")...) {
				checkFields(t, o, defaults)
			}
		}
	})
}

// checkFields holds defaults to their contract: sorted, no path a prefix of another, constants that fit the schema.
func checkFields(t *testing.T, o *Offering, defaults *Defaults) {
	t.Helper()
	for i, field := range defaults.Fields {
		if len(field.Path) < 2 || field.Path[0] != fieldSpec {
			t.Fatalf("path %q is not below spec", field.Path)
		}
		if i > 0 {
			before := defaults.Fields[i-1].Path
			if len(before) <= len(field.Path) && cmp.Equal(before, field.Path[:len(before)]) {
				t.Fatalf("path %q is a prefix of %q", before, field.Path)
			}
		}
		value, ok := field.Value.Constant()
		if !ok {
			continue
		}
		for j := len(field.Path) - 1; j >= 0; j-- {
			value = map[string]any{field.Path[j]: value}
		}
		object := value.(map[string]any)
		for _, err := range o.ValidateSpec(object) {
			// A required sibling may come from the user.
			if err.Type != "FieldValueRequired" {
				t.Fatalf("%v: %v", field.Path, err)
			}
		}
	}
}
