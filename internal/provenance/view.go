package provenance

import (
	"maps"
	"strings"

	"github.com/kroguard/kroguard/policies/v1alpha1"
)

// View is the object as expressions in defaults and labels may see it: without the labels and annotations that kroguard
// writes. An expression that could see them would yield something else when the API server calls kroguard again, with what
// it has just written. Users' labels are there; one of the same key that kroguard injected before is not, even in the very
// request in which the user takes it over.
//
// The object is only read; the result shares with it what is not hidden. It is read only.
func (c *Change) View(object map[string]any) map[string]any {
	metadata, ok := object["metadata"].(map[string]any)
	if !ok {
		return object
	}
	out, shown := maps.Clone(object), maps.Clone(metadata)
	out["metadata"] = shown
	hide(shown, "labels", func(key string) bool {
		claim := Format([]string{rootLabels, key})
		return ours(key) || c.trusted[claim] != "" || c.incoming[claim] != ""
	})
	hide(shown, "annotations", ours)
	return out
}

// ours reports whether a label or annotation key is kroguard's own.
func ours(key string) bool { return strings.HasPrefix(key, v1alpha1.GroupName+"/") }

// hide leaves entries out of a string map in metadata, which is there afterwards even where it wasn't, so that whether it is
// there tells nothing.
func hide(metadata map[string]any, field string, hidden func(key string) bool) {
	entries, _ := metadata[field].(map[string]any)
	shown := make(map[string]any, len(entries))
	for key, value := range entries {
		if !hidden(key) {
			shown[key] = value
		}
	}
	metadata[field] = shown
}
