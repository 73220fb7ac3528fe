package labeling

import (
	"maps"
	"slices"

	"github.com/kroguard/kroguard/internal/offering"
	"github.com/kroguard/kroguard/internal/patch"
	"github.com/kroguard/kroguard/internal/project"
	"github.com/kroguard/kroguard/internal/provenance"
	"github.com/kroguard/kroguard/policies/v1alpha1"
)

// Follows are the labels that an instance must have, by key: those that its project enforces, the project's name and the
// offering's. They follow the project, and win over whatever the user wants. Both arguments may be nil.
//
// An instance of no project must not claim one: kroguard.io/project is empty then, and may be absent.
func Follows(p *project.Project, o *offering.Offering) map[string]string {
	follows := map[string]string{v1alpha1.LabelProject: ""}
	if p != nil {
		maps.Copy(follows, p.Enforced)
		follows[v1alpha1.LabelProject] = MakeValue(p.Name)
	}
	if o != nil {
		follows[v1alpha1.LabelOffering] = MakeValue(o.Name)
	}
	return follows
}

// Conflict is a label that an instance must have and hasn't.
type Conflict struct {
	Key string
	// Want is empty where the label must not be there.
	Want string
	// Got is empty where the label is absent.
	Got string
}

// Field is the label's place in the instance: metadata.labels.team, metadata.labels["example.com/team"].
func (c Conflict) Field() string { return provenance.Format(labelPath(c.Key)) }

// CheckEnforced compares the final state of an instance with what Follows demands, and returns what differs, by key. It is
// what keeps the promise where the mutating webhook was down, or the user wrote another value.
func CheckEnforced(object map[string]any, p *project.Project, o *offering.Offering) []Conflict {
	var conflicts []Conflict
	follows := Follows(p, o)
	for _, key := range slices.Sorted(maps.Keys(follows)) {
		got, _ := labelOf(object, key)
		if got != follows[key] {
			conflicts = append(conflicts, Conflict{Key: key, Want: follows[key], Got: got})
		}
	}
	return conflicts
}

func labelPath(key string) []string { return []string{"metadata", "labels", key} }

// labelOf returns a label of an object, and whether it is there.
func labelOf(object map[string]any, key string) (string, bool) {
	value, ok := patch.Get(object, labelPath(key))
	text, _ := value.(string)
	return text, ok
}
