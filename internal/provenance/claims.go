package provenance

import (
	"bytes"
	"encoding/json"

	"github.com/kroguard/kroguard/internal/patch"
	"github.com/kroguard/kroguard/policies/v1alpha1"
)

// The first keys of a claim's path.
const (
	rootSpec   = "spec"
	rootLabels = "labels"
)

// Claims is the content of the annotation kroguard.io/injected: for each field or label that kroguard injected, as Format
// writes its path (spec.size, labels.team), what it came from ("defaults.payments", "project payments"). A nil Claims is
// empty.
type Claims map[string]string

// ReadClaims reads the annotation from an object. Users can write it too, so anything in it that isn't a claim is left out,
// and an annotation that is no JSON object of strings is no claim at all; it is never an error.
func ReadClaims(object map[string]any) Claims {
	value, _ := patch.Get(object, []string{"metadata", "annotations", v1alpha1.AnnotationInjected})
	text, _ := value.(string)
	if text == "" {
		return nil
	}
	var raw map[string]string
	if json.Unmarshal([]byte(text), &raw) != nil {
		return nil
	}
	claims := make(Claims, len(raw))
	for key, source := range raw {
		path, err := Parse(key)
		if err != nil || source == "" || !claimable(path) {
			continue
		}
		claims[Format(path)] = source
	}
	return claims
}

// claimable reports whether kroguard injects at such a path.
func claimable(path []string) bool {
	switch path[0] {
	case rootSpec:
		return len(path) > 1
	case rootLabels:
		return len(path) == 2
	}
	return false
}

// String is the annotation's value: compact JSON with sorted keys, "{}" for no claims.
func (c Claims) String() string {
	if len(c) == 0 {
		return "{}"
	}
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	// People read the annotation: no \u003c for <.
	encoder.SetEscapeHTML(false)
	// A map of strings always encodes.
	_ = encoder.Encode(map[string]string(c))
	return string(bytes.TrimSuffix(b.Bytes(), []byte("\n")))
}

// ClaimKey is the key under which a field's claim stands: that of ["metadata", "labels", "team"] is labels.team.
func ClaimKey(path []string) string {
	if len(path) > 1 && path[0] == "metadata" {
		path = path[1:]
	}
	return Format(path)
}
