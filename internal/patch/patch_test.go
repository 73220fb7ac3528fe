package patch_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gomodules.xyz/jsonpatch/v2"

	"github.com/kroguard/kroguard/internal/patch"
)

func object(t testing.TB, text string) map[string]any {
	t.Helper()
	var decoded map[string]any
	if err := json.Unmarshal([]byte(text), &decoded); err != nil {
		t.Fatal(err)
	}
	return decoded
}

func TestOperations(t *testing.T) {
	tests := map[string]struct {
		object string
		sets   []patch.Set
		want   []jsonpatch.Operation
	}{
		"no sets, no operations": {object: `{"spec":{}}`},
		"a field of an existing parent is added alone": {
			object: `{"spec":{"size":"small"}}`,
			sets:   []patch.Set{{Path: []string{"spec", "replicas"}, Value: int64(2)}},
			want:   []jsonpatch.Operation{{Operation: "add", Path: "/spec/replicas", Value: int64(2)}},
		},
		"an existing value is replaced by an add": {
			object: `{"spec":{"size":"small"}}`,
			sets:   []patch.Set{{Path: []string{"spec", "size"}, Value: "large"}},
			want:   []jsonpatch.Operation{{Operation: "add", Path: "/spec/size", Value: "large"}},
		},
		"a value that is there already needs no operation": {
			object: `{"spec":{"size":"small","n":2,"list":[{"a":1}]}}`,
			sets: []patch.Set{
				{Path: []string{"spec", "size"}, Value: "small"},
				{Path: []string{"spec", "n"}, Value: int64(2)},
				{Path: []string{"spec", "list"}, Value: []any{map[string]any{"a": int64(1)}}},
			},
		},
		"fields below one absent parent make one operation": {
			object: `{"spec":{}}`,
			sets: []patch.Set{
				{Path: []string{"spec", "resources", "limits", "cpu"}, Value: "1"},
				{Path: []string{"spec", "resources", "limits", "memory"}, Value: "1Gi"},
				{Path: []string{"spec", "resources", "class"}, Value: "gold"},
			},
			want: []jsonpatch.Operation{{Operation: "add", Path: "/spec/resources", Value: map[string]any{
				"limits": map[string]any{"cpu": "1", "memory": "1Gi"}, "class": "gold",
			}}},
		},
		"a parent that is null is added anew": {
			object: `{"metadata":{"annotations":null}}`,
			sets:   []patch.Set{{Path: []string{"metadata", "annotations", "a"}, Value: "b"}},
			want: []jsonpatch.Operation{
				{Operation: "add", Path: "/metadata/annotations", Value: map[string]any{"a": "b"}},
			},
		},
		"slashes and tildes in keys are escaped": {
			object: `{"metadata":{"labels":{}}}`,
			sets:   []patch.Set{{Path: []string{"metadata", "labels", "a.b/c~d"}, Value: "x"}},
			want:   []jsonpatch.Operation{{Operation: "add", Path: "/metadata/labels/a.b~1c~0d", Value: "x"}},
		},
		"operations come in the order of their paths, whatever that of the sets": {
			object: `{"spec":{},"metadata":{"labels":{}}}`,
			sets: []patch.Set{
				{Path: []string{"spec", "b"}, Value: true},
				{Path: []string{"metadata", "labels", "l"}, Value: "x"},
				{Path: []string{"spec", "a"}, Value: nil},
			},
			want: []jsonpatch.Operation{
				{Operation: "add", Path: "/metadata/labels/l", Value: "x"},
				{Operation: "add", Path: "/spec/a", Value: nil},
				{Operation: "add", Path: "/spec/b", Value: true},
			},
		},
		"of two sets at one path the later wins": {
			object: `{}`,
			sets: []patch.Set{
				{Path: []string{"a"}, Value: "first"},
				{Path: []string{"a"}, Value: "second"},
			},
			want: []jsonpatch.Operation{{Operation: "add", Path: "/a", Value: "second"}},
		},
		"a set of an object and one within it become one value": {
			object: `{"spec":{"a":{"old":1}}}`,
			sets: []patch.Set{
				{Path: []string{"spec", "a"}, Value: map[string]any{"x": "y"}},
				{Path: []string{"spec", "a", "z"}, Value: "w"},
			},
			want: []jsonpatch.Operation{{Operation: "add", Path: "/spec/a", Value: map[string]any{"x": "y", "z": "w"}}},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			in := object(t, tt.object)
			if diff := cmp.Diff(tt.want, patch.Operations(in, tt.sets)); diff != "" {
				t.Errorf("operations (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(object(t, tt.object), in); diff != "" {
				t.Errorf("the input was modified (-before +after):\n%s", diff)
			}
		})
	}
}

func TestApplySharesWhatItDoesNotTouch(t *testing.T) {
	in := object(t, `{"spec":{"a":{"b":1},"other":{"c":2}},"status":{}}`)
	out := patch.Apply(in, []patch.Set{{Path: []string{"spec", "a", "b"}, Value: "new"}})

	before := in["spec"].(map[string]any)["other"].(map[string]any)
	before["seen"] = true
	if _, ok := patch.Get(out, []string{"spec", "other", "seen"}); !ok {
		t.Error("a subtree beside the path was copied")
	}
	if value, _ := patch.Get(in, []string{"spec", "a", "b"}); value != any(float64(1)) {
		t.Errorf("the input's field became %v", value)
	}
}

func TestGet(t *testing.T) {
	in := object(t, `{"spec":{"null":null,"list":[{"a":1}],"text":"x"}}`)
	tests := map[string]struct {
		path  []string
		want  any
		found bool
	}{
		"a null is there":             {path: []string{"spec", "null"}, found: true},
		"an absent field is not":      {path: []string{"spec", "absent"}},
		"nothing is below a text":     {path: []string{"spec", "text", "x"}},
		"nothing is below a null":     {path: []string{"spec", "null", "x"}},
		"paths don't lead into lists": {path: []string{"spec", "list", "0"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			value, found := patch.Get(in, tt.path)
			if value != tt.want || found != tt.found {
				t.Errorf("Get = %v, %t; want %v, %t", value, found, tt.want, tt.found)
			}
		})
	}
}

func TestEqual(t *testing.T) {
	tests := map[string]struct {
		a, b any
		want bool
	}{
		"an integer and the same number as float":    {int64(2), float64(2), true},
		"the same the other way round":               {float64(2), int64(2), true},
		"an integer that a float can't hold exactly": {int64(1<<53 + 1), float64(1 << 53), false},
		"a number and its text":                      {int64(2), "2", false},
		"null and nothing else":                      {nil, false, false},
		"null and null":                              {nil, nil, true},
		"objects field by field":                     {map[string]any{"a": int64(1)}, map[string]any{"a": float64(1)}, true},
		"objects with other keys":                    {map[string]any{"a": nil}, map[string]any{"b": nil}, false},
		"lists in order":                             {[]any{"a", "b"}, []any{"b", "a"}, false},
		"a list and an object":                       {[]any{}, map[string]any{}, false},
		"a text and a list":                          {"", []any{}, false},
		"true and true":                              {true, true, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := patch.Equal(tt.a, tt.b); got != tt.want {
				t.Errorf("Equal(%v, %v) = %t", tt.a, tt.b, got)
			}
		})
	}
}

func BenchmarkOperations(b *testing.B) {
	in := object(b, `{"metadata":{"name":"shop","labels":{"app":"shop"}},"spec":{"image":"nginx","resources":{"cpu":"1"}}}`)
	var sets []patch.Set
	for i := range 5 {
		sets = append(sets,
			patch.Set{Path: []string{"spec", fmt.Sprint("field", i)}, Value: int64(i)},
			patch.Set{Path: []string{"metadata", "labels", fmt.Sprint("example.com/label", i)}, Value: "x"})
	}
	b.ReportAllocs()
	for b.Loop() {
		if got := len(patch.Operations(in, sets)); got != 10 {
			b.Fatalf("%d operations", got)
		}
	}
}
