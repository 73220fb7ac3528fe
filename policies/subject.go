package policies

import (
	"k8s.io/apimachinery/pkg/labels"
)

// subject is what match rules read of an Input, gathered once for a request so that matching allocates nothing.
type subject struct {
	place
	name string
	// namespaceLabels is nil where the instance is cluster-scoped.
	namespaceLabels labels.Labels
	// labels and oldLabels are those of the instance and, where it has one, of its former state.
	labels, oldLabels objectLabels
	hasOld            bool
}

func newSubject(in *Input) subject {
	s := subject{
		place: place{
			operation: in.Request.Operation,
			offering:  in.OfferingName,
			project:   in.ProjectName,
			namespace: in.Request.Namespace,
			object:    in.Namespace,
		},
		name:      orElse(stringAt(in.Instance, "metadata", "name"), in.Request.Name),
		labels:    labelsOf(in.Instance),
		oldLabels: labelsOf(in.OldObject),
		hasOld:    in.OldObject != nil,
	}
	if in.Namespace != nil {
		s.namespace = in.Namespace.Name
		s.namespaceLabels = labels.Set(in.Namespace.Labels)
	}
	return s
}

// namespaceMatches reports whether the namespace's labels match; nil selects all, and is all that a cluster-scoped
// instance matches.
func (s *subject) namespaceMatches(selector labels.Selector) bool {
	return selector == nil || s.namespaceLabels != nil && selector.Matches(s.namespaceLabels)
}

// objectLabels are the labels of an undecoded object. A value that is no string, as only an object has that never met an
// API server, counts as absent.
type objectLabels map[string]any

var _ labels.Labels = objectLabels(nil)

func labelsOf(object map[string]any) objectLabels {
	metadata, _ := object["metadata"].(map[string]any)
	values, _ := metadata["labels"].(map[string]any)
	return values
}

// Has reports whether the label exists.
func (l objectLabels) Has(label string) bool {
	_, ok := l.Lookup(label)
	return ok
}

// Get yields the label's value; "" where there is none.
func (l objectLabels) Get(label string) string {
	value, _ := l.Lookup(label)
	return value
}

// Lookup yields the label's value and whether it exists.
func (l objectLabels) Lookup(label string) (string, bool) {
	value, ok := l[label].(string)
	return value, ok
}
