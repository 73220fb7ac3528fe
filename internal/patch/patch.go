// Package patch sets fields of decoded objects: once as JSON patch operations for the API server, and once in memory, so that
// what the operations do can be checked before they are returned.
//
// There are only "add" operations, whose parents exist or are part of the value: a patch that does not apply is a server
// error for the user, even where the webhook fails open. Labels, annotations and spec fields are set alike.
package patch

import (
	"maps"
	"slices"
	"strings"

	"gomodules.xyz/jsonpatch/v2"
)

// Set puts a value at a path.
type Set struct {
	// Path leads from the object's root through objects, not into arrays: ["spec", "size"]. It is not empty.
	Path []string
	// Value is a JSON value. It is shared with whoever reads the result, never modified.
	Value any
}

// Apply returns the object with the sets done, in their order; the later wins. Parents that are absent, or no objects, become
// objects. The input is not modified; the result shares with it whatever lies beside the paths. A nil object reads as an
// empty one.
func Apply(object map[string]any, sets []Set) map[string]any {
	if len(sets) == 0 {
		return object
	}
	return with(object, sets, 0)
}

// with does, in a copy of fields, the sets whose paths lead through fields at this depth.
func with(fields map[string]any, sets []Set, depth int) map[string]any {
	out := make(map[string]any, len(fields)+len(sets))
	maps.Copy(out, fields)
	for i := 0; i < len(sets); {
		key := sets[i].Path[depth]
		if len(sets[i].Path) == depth+1 {
			out[key] = sets[i].Value
			i++
			continue
		}
		// Neighbors below one parent are done together, so that a parent is mostly copied once.
		end := i + 1
		for end < len(sets) && len(sets[end].Path) > depth+1 && sets[end].Path[depth] == key {
			end++
		}
		child, _ := out[key].(map[string]any)
		out[key] = with(child, sets[i:end], depth+1)
		i = end
	}
	return out
}

// Operations returns the operations that turn the object into Apply's result, in the order of their paths; none for values
// that are there already. Fields below one absent parent make one operation, which adds the parent.
func Operations(object map[string]any, sets []Set) []jsonpatch.Operation {
	if len(sets) == 0 {
		return nil
	}
	var operations []jsonpatch.Operation
	differ(object, Apply(object, sets), sets, nil, &operations)
	return operations
}

// differ descends along the paths of the sets, which are the only places where from and to can differ.
func differ(from, to map[string]any, sets []Set, prefix []string, operations *[]jsonpatch.Operation) {
	for _, key := range heads(sets, len(prefix)) {
		path := append(slices.Clip(prefix), key)
		before, had := from[key]
		after := to[key]
		fieldsBefore, wasObject := before.(map[string]any)
		fieldsAfter, isObject := after.(map[string]any)
		below := through(sets, path)
		switch {
		case had && wasObject && isObject && len(below) > 0 && !replaced(sets, path):
			differ(fieldsBefore, fieldsAfter, below, path, operations)
		case !had || !Equal(before, after):
			*operations = append(*operations, jsonpatch.NewOperation("add", Pointer(path), after))
		}
	}
}

// heads are the distinct keys at a depth of the paths, sorted.
func heads(sets []Set, depth int) []string {
	keys := make([]string, 0, len(sets))
	for i := range sets {
		keys = append(keys, sets[i].Path[depth])
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// through are the sets whose paths lead through the path and further.
func through(sets []Set, path []string) []Set {
	var below []Set
	for _, set := range sets {
		if len(set.Path) > len(path) && set.Path[len(path)-1] == path[len(path)-1] {
			below = append(below, set)
		}
	}
	return below
}

// replaced reports whether a set ends at the path, so that fields may differ, or be gone, which no other path names.
func replaced(sets []Set, path []string) bool {
	for _, set := range sets {
		if len(set.Path) == len(path) && set.Path[len(path)-1] == path[len(path)-1] {
			return true
		}
	}
	return false
}

// escape writes the two characters that a JSON pointer can't hold (RFC 6901, section 3).
func escape(key string) string {
	if !strings.ContainsAny(key, "~/") {
		return key
	}
	return strings.ReplaceAll(strings.ReplaceAll(key, "~", "~0"), "/", "~1")
}

// Pointer writes a path as a JSON pointer (RFC 6901): /metadata/labels/app.kubernetes.io~1name.
func Pointer(path []string) string {
	var b strings.Builder
	for _, key := range path {
		b.WriteByte('/')
		b.WriteString(escape(key))
	}
	return b.String()
}
