package provenance

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/json"

	"github.com/kroguard/kroguard/internal/patch"
)

// manifest is what kubectl's client-side apply was given: the literal manifest, kept in an annotation. A nil fields is no
// manifest.
type manifest struct {
	fields map[string]any
	// fresh is true where this request brought the manifest. One that an UPDATE merely carries along (kubectl edit, scale,
	// patch) is stale: it says nothing of what this request wrote.
	fresh bool
}

// readManifest reads the annotation. One that is no JSON object reads as none.
func readManifest(object, oldObject map[string]any) manifest {
	path := []string{"metadata", "annotations", corev1.LastAppliedConfigAnnotation}
	value, _ := patch.Get(object, path)
	text, _ := value.(string)
	if text == "" {
		return manifest{}
	}
	var m manifest
	if json.Unmarshal([]byte(text), &m.fields) != nil {
		return manifest{}
	}
	before, had := patch.Get(oldObject, path)
	m.fresh = !had || before != value
	return m
}

// statement is what a manifest says of a field.
type statement int

const (
	silent statement = iota
	// stated: it gives a value for the field, or something other than an object above it.
	stated
	// nulled: it says null for the field or for an object above it.
	nulled
)

// says follows the path down the manifest.
func (m manifest) says(path []string) statement {
	fields := m.fields
	for depth, key := range path {
		value, ok := fields[key]
		switch {
		case !ok:
			return silent
		case value == nil:
			return nulled
		case depth == len(path)-1:
			return stated
		}
		if fields, ok = value.(map[string]any); !ok {
			return stated
		}
	}
	return silent
}
