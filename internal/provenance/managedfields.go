package provenance

import (
	"github.com/kroguard/kroguard/internal/patch"
)

// ownership is what server-side apply knows of who wrote which field: the trees fieldsV1 of an object's managedFields, as
// they were decoded. Their form is that of sigs.k8s.io/structured-merge-diff's fieldpath.Set: "f:name" is a field, a node
// without children is owned itself, "." among the children says the same of a node with children, and "k:", "v:" and "i:"
// are items of an array. The trees are walked in place: a Set would be built from JSON for each request.
type ownership struct {
	// applied are the trees of operation Apply, updated those of operation Update.
	applied, updated []map[string]any
	// byRequest is true where one of the Apply entries is that of the request's own field manager: the request is a
	// server-side apply. A patch by a manager that also applies can't be told from it; what it changes is in an Update entry
	// of that manager, and so found as well.
	byRequest bool
}

// bookkeeper reports whether a field manager is kro's and writes nothing that a user would: finalizer, labels and annotations
// of its own, status. kro.run/applyset is none of them: under that name kro creates nested instances, whose spec is what the
// author of the outer RGD wrote.
//
// Source: kro 0.9.4 pkg/controller/instance/{controller,resources}.go and applyset/const.go.
func bookkeeper(manager string) bool {
	switch manager {
	case "kro", "kro.run/labeller", "kro.run/applyset-parent":
		return true
	}
	return false
}

// readOwnership reads metadata.managedFields. Entries that are malformed, or about a subresource, are left out. An empty
// fieldManager is none: server-side apply requires one.
func readOwnership(object map[string]any, fieldManager string) ownership {
	var o ownership
	value, _ := patch.Get(object, []string{"metadata", "managedFields"})
	entries, _ := value.([]any)
	for _, item := range entries {
		entry, _ := item.(map[string]any)
		manager, _ := entry["manager"].(string)
		tree, ok := entry["fieldsV1"].(map[string]any)
		if subresource, _ := entry["subresource"].(string); !ok || subresource != "" {
			continue
		}
		apply := entry["operation"] == any("Apply")
		if apply && manager == fieldManager && manager != "" {
			o.byRequest = true
		}
		switch {
		case bookkeeper(manager):
		case apply:
			o.applied = append(o.applied, tree)
		default:
			o.updated = append(o.updated, tree)
		}
	}
	return o
}

// owns reports whether one of the trees owns the field, something inside it, or a null above it.
//
// A manager that owns an ancestor as a leaf wrote it as an empty object or as null. An empty object leaves the fields below
// it open; a null, which the API server drops where the schema has no nullable, closes them.
func owns(trees []map[string]any, object map[string]any, path []string) bool {
	for _, tree := range trees {
		depth := descend(tree, path)
		if depth == len(path) {
			return true
		}
		if depth > 0 {
			if value, ok := patch.Get(object, path[:depth]); !ok || value == nil {
				return true
			}
		}
	}
	return false
}

// descend follows the path down a tree. It returns the path's length where the tree has a node for it, the length of the
// part that the tree owns as a leaf, or 0.
func descend(tree map[string]any, path []string) int {
	for depth, key := range path {
		child, ok := tree["f:"+key].(map[string]any)
		if !ok {
			return 0
		}
		if len(child) == 0 {
			return depth + 1
		}
		tree = child
	}
	return len(path)
}
