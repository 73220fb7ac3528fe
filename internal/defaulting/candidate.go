package defaulting

import (
	"github.com/kroguard/kroguard/internal/expression"
	"github.com/kroguard/kroguard/internal/offering"
	"github.com/kroguard/kroguard/internal/patch"
	"github.com/kroguard/kroguard/internal/provenance"
)

// candidate is a field that may get a default.
type candidate struct {
	path []string
	// alternatives are the defaults for the field, the strongest first. Never empty.
	alternatives []alternative
	// failure is why the strongest has no value yet; nil where it just has none.
	failure error
}

// alternative is one default of a candidate.
type alternative struct {
	value  *expression.Template
	source string
}

// candidates are the fields that have a default, from sources with the strongest first, and that may get one: those of the
// first source, then the others, each in path order.
func candidates(change *provenance.Change, sources []*offering.Defaults) []candidate {
	var found []candidate
	index := map[string]int{}
	for _, source := range sources {
		for _, field := range source.Fields {
			if !eligible(change, field) {
				continue
			}
			key := provenance.Format(field.Path)
			at, ok := index[key]
			if !ok {
				at = len(found)
				index[key], found = at, append(found, candidate{path: field.Path})
			}
			found[at].alternatives = append(found[at].alternatives, alternative{field.Value, source.Source})
		}
	}
	return found
}

// eligible reports whether a default has to be evaluated at all. An expression may yield an object, which is merged field by
// field into one that the user wrote.
func eligible(change *provenance.Change, field offering.Default) bool {
	switch change.Origin(field.Path) {
	case provenance.Open:
		return true
	case provenance.Written:
		if _, constant := field.Value.Constant(); constant {
			return false
		}
		value, _ := patch.Get(change.Object(), field.Path)
		_, object := value.(map[string]any)
		return object
	case provenance.Settled, provenance.Injected:
		return false
	}
	return false
}
