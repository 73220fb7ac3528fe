package defaulting

import (
	"maps"
	"slices"

	"github.com/kroguard/kroguard/internal/patch"
	"github.com/kroguard/kroguard/internal/provenance"
)

// hideOpen is the object as expressions see it before any default is placed: as provenance.Change.View has it, and without
// the fields that wait for a default, since the value they have, if any, is the schema's and about to be replaced.
//
// What has no fields left on the way to such a field is left out too: whether kroguard has already created a parent must
// make no difference. Only spec is always there.
func hideOpen(change *provenance.Change, pending []candidate) map[string]any {
	view := change.View(change.Object())
	for _, candidate := range pending {
		if _, ok := patch.Get(view, candidate.path[:min(2, len(candidate.path))]); !ok {
			continue
		}
		shown, _ := without(change, view, candidate.path, 0)
		view, _ = shown.(map[string]any)
	}
	if _, ok := view["spec"]; ok {
		return view
	}
	return patch.Apply(view, []patch.Set{{Path: []string{"spec"}, Value: map[string]any{}}})
}

// without returns a copy of a value in which whatever is open at the path, or below it, is left out; depth is how much of the
// path leads to the value. ok is false where nothing is left.
func without(change *provenance.Change, value any, path []string, depth int) (left any, ok bool) {
	fields, ok := value.(map[string]any)
	if !ok {
		return value, depth < len(path) || change.Origin(path) != provenance.Open
	}
	out := maps.Clone(fields)
	for key, child := range fields {
		next := path
		switch {
		case depth >= len(path):
			next = slices.Concat(path, []string{key})
		case key != path[depth]:
			continue
		}
		if shown, ok := without(change, child, next, depth+1); ok {
			out[key] = shown
		} else {
			delete(out, key)
		}
	}
	return out, len(out) > 0
}
