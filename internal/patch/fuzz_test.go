package patch_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	jsonpatchlib "gopkg.in/evanphx/json-patch.v4"

	"github.com/kroguard/kroguard/internal/patch"
)

// FuzzPatch applies the operations as the API server does, with the library that it uses, and compares with Apply.
func FuzzPatch(f *testing.F) {
	f.Add(`{"spec":{"a":1}}`, `{"spec.a":2,"spec.b.c":[1],"spec.b.d":null}`)
	f.Add(`{"spec":null}`, `{"spec.a":{},"spec.a.b":1.5}`)
	f.Add(`{"metadata":{"labels":{"a/b~c":"x"}}}`, `{"metadata.labels.a/b~c":"y","metadata.labels.~1":"z"}`)
	f.Add(`{"a":[1,2],"b":"text"}`, `{"a.0":3,"b.c.d":true,"":false,"-":0}`)
	f.Add(`{}`, `{"a.b":{"c":{"d":1}},"a.b.c":{"e":2},"a":{}}`)
	f.Fuzz(func(t *testing.T, document, writes string) {
		in, sets, ok := decode(document, writes)
		if !ok {
			return
		}
		want := patch.Apply(in, sets)
		operations := patch.Operations(in, sets)
		for _, operation := range operations {
			if operation.Operation != "add" {
				t.Fatalf("operation %q", operation.Operation)
			}
		}
		if diff := cmp.Diff(encode(t, want), applied(t, in, encode(t, operations))); diff != "" {
			t.Fatalf("the operations do something else than Apply (-Apply +operations):\n%s", diff)
		}
		if again := patch.Operations(want, sets); settled(sets) && len(again) > 0 {
			t.Fatalf("computed again, there are operations: %v", again)
		}
	})
}

// decode reads an object, and sets from an object of dotted paths; in the order of the paths, to be deterministic.
func decode(document, writes string) (map[string]any, []patch.Set, bool) {
	var in, fields map[string]any
	if json.Unmarshal([]byte(document), &in) != nil || json.Unmarshal([]byte(writes), &fields) != nil || in == nil {
		return nil, nil, false
	}
	var sets []patch.Set
	for _, path := range slices.Sorted(maps.Keys(fields)) {
		sets = append(sets, patch.Set{Path: strings.Split(path, "."), Value: fields[path]})
	}
	return in, sets, true
}

// settled reports whether no set is undone by another.
func settled(sets []patch.Set) bool {
	for i, a := range sets {
		for j, b := range sets {
			if i != j && strings.HasPrefix(strings.Join(b.Path, ".")+".", strings.Join(a.Path, ".")+".") {
				return false
			}
		}
	}
	return true
}

func applied(t *testing.T, in map[string]any, operations string) string {
	t.Helper()
	decoded, err := jsonpatchlib.DecodePatch([]byte(operations))
	if err != nil {
		t.Fatal(err)
	}
	out, err := decoded.Apply([]byte(encode(t, in)))
	if err != nil {
		t.Fatalf("the patch does not apply: %v\n%s", err, operations)
	}
	var normal any
	if err := json.Unmarshal(out, &normal); err != nil {
		t.Fatal(err)
	}
	return encode(t, normal)
}

func encode(t *testing.T, value any) string {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
