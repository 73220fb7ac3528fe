package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const sample = `# About the file.

# How many.
# @schema {minimum: 1}
replicas: 3
image:
  # Where
  # it lies.
  repository: a/b
# Labels of anything.
# @schema {additionalProperties: {type: string}}
labels:
  a: b
# @schema {enum: [x, y]}
mode: x
on: true
`

func parsed(t *testing.T, text string) *value {
	t.Helper()
	values, err := parseValues([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return values
}

func TestTheSchemaSaysWhatDefaultsAndCommentsDo(t *testing.T) {
	want := map[string]any{
		"type": "object", "additionalProperties": false,
		"properties": map[string]any{
			"global":   map[string]any{"type": "object"},
			"replicas": map[string]any{"type": "integer", "minimum": 1, "description": "How many."},
			"image": map[string]any{
				"type": "object", "additionalProperties": false,
				"properties": map[string]any{"repository": map[string]any{"type": "string", "description": "Where it lies."}},
			},
			"labels": map[string]any{
				"type": "object", "description": "Labels of anything.", "additionalProperties": map[string]any{"type": "string"},
			},
			"mode": map[string]any{"type": "string", "enum": []any{"x", "y"}},
			"on":   map[string]any{"type": "boolean"},
		},
	}
	if diff := cmp.Diff(want, parsed(t, sample).schema()); diff != "" {
		t.Errorf("schema (-want +got):\n%s", diff)
	}
}

func TestTheTableHasARowForEachValue(t *testing.T) {
	want := "| value | default | what it does |\n|---|---|---|\n" +
		"| `replicas` | `3` | How many. |\n" +
		"| `image.repository` | `\"a/b\"` | Where it lies. |\n" +
		"| `labels` | `{\"a\":\"b\"}` | Labels of anything. |\n" +
		"| `mode` | `\"x\"` | One of x y. |\n" +
		"| `on` | `true` |  |\n"
	if diff := cmp.Diff(want, parsed(t, sample).table()); diff != "" {
		t.Errorf("table (-want +got):\n%s", diff)
	}
}

func TestWrongValuesAreRefusedWithTheirLine(t *testing.T) {
	for text, want := range map[string]string{
		"a: 1\nb: {}\n":              `line 2: b: an empty mapping needs a line "@schema "`,
		"# @schema {minimum\na: 1\n": "line 2: a: @schema {minimum: ",
		"- a\n":                      "no mapping",
	} {
		if _, err := parseValues([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
	}
}

func TestAReadmeWithoutAPlaceForTheTableIsRefused(t *testing.T) {
	if _, err := replaceTable([]byte("# A chart\n"), "table"); err == nil || !strings.Contains(err.Error(), "no place for the table") {
		t.Errorf("got %v", err)
	}
}
