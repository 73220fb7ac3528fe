package gatekeeper

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kroguard/kroguard/policies"
)

// Source says where an object comes from.
type Source string

// The sources of objects.
const (
	SourceAll       Source = "All"
	SourceOriginal  Source = "Original"
	SourceGenerated Source = "Generated"
)

// match is spec.match.
type match struct {
	Source             Source                `json:"source"`
	Kinds              []matchKinds          `json:"kinds"`
	Scope              string                `json:"scope"`
	Namespaces         []wildcard            `json:"namespaces"`
	ExcludedNamespaces []wildcard            `json:"excludedNamespaces"`
	LabelSelector      *metav1.LabelSelector `json:"labelSelector"`
	NamespaceSelector  *metav1.LabelSelector `json:"namespaceSelector"`
	Name               wildcard              `json:"name"`
}

type matchKinds struct {
	APIGroups []string `json:"apiGroups"`
	Kinds     []string `json:"kinds"`
}

// wildcard is a name, with an asterisk at either end or both.
type wildcard string

func (w wildcard) matches(name string) bool {
	text := string(w)
	starts, ends := strings.HasPrefix(text, "*"), strings.HasSuffix(text, "*")
	switch {
	case starts && ends:
		return strings.Contains(name, strings.TrimSuffix(strings.TrimPrefix(text, "*"), "*"))
	case starts:
		return strings.HasSuffix(name, strings.TrimPrefix(text, "*"))
	case ends:
		return strings.HasPrefix(name, strings.TrimSuffix(text, "*"))
	default:
		return text == name
	}
}

// matchesGenerated is matches for the beginning of a name whose end is yet to be made up.
func (w wildcard) matchesGenerated(prefix string) bool {
	return strings.HasSuffix(string(w), "*") && w.matches(prefix)
}

func anyMatches(list []wildcard, name string) bool {
	return slices.ContainsFunc(list, func(w wildcard) bool { return w.matches(name) })
}

// matcher is a compiled match; the zero value matches everything.
type matcher struct {
	match

	given                   bool
	labels, namespaceLabels labels.Selector
}

func newMatcher(value any) (matcher, error) {
	m := matcher{}
	if value == nil {
		return m, nil
	}
	m.given = true
	if err := convert(value, &m.match); err != nil {
		return m, err
	}
	var errs []error
	for _, s := range []struct {
		selector *metav1.LabelSelector
		into     *labels.Selector
	}{{m.LabelSelector, &m.labels}, {m.NamespaceSelector, &m.namespaceLabels}} {
		if s.selector != nil {
			var err error
			*s.into, err = metav1.LabelSelectorAsSelector(s.selector)
			errs = append(errs, err)
		}
	}
	return m, errors.Join(errs...)
}

// Subject is what a constraint is matched with: an object as an admission request shows it.
type Subject struct {
	// Object and OldObject are decoded from JSON; one may be nil.
	Object, OldObject map[string]any
	// Namespace is the one that the object is in; nil for none, and where it is unknown.
	Namespace *corev1.Namespace
	Source    Source
}

// errNoNamespace says that a constraint asks for the labels of a namespace that nobody knows, in Gatekeeper's words.
var errNoNamespace = errors.New("namespace selector for namespace-scoped object but missing Namespace")

// Matches reports whether the constraint is for the object, or for the old one.
func (c *Constraint) Matches(s *Subject) (bool, error) {
	if !c.match.given {
		return true, nil
	}
	seen := false
	for _, object := range []map[string]any{s.Object, s.OldObject} {
		if object == nil {
			continue
		}
		seen = true
		holds, err := c.match.holds(object, s)
		if err != nil || holds {
			return holds, err
		}
	}
	if !seen {
		return false, errors.New("there is neither an object nor an old one")
	}
	return false, nil
}

func (m *matcher) holds(object map[string]any, s *Subject) (bool, error) {
	o := metaOf(object)
	if !m.kindHolds(o.gvk) || !m.scopeHolds(&o, s) || !m.namespaceHolds(&o, s) ||
		m.labels != nil && !m.labels.Matches(o.labels) {
		return false, nil
	}
	if holds, err := m.namespaceSelectorHolds(&o, s); err != nil || !holds {
		return false, err
	}
	if m.Name != "" && !m.Name.matches(o.name) && !m.Name.matchesGenerated(o.generateName) {
		return false, nil
	}
	return m.sourceHolds(s.Source)
}

// objectMeta is what is matched of an object.
type objectMeta struct {
	gvk                           schema.GroupVersionKind
	name, generateName, namespace string
	labels                        labels.Set
	isNamespace                   bool
}

func metaOf(object map[string]any) objectMeta {
	apiVersion, _ := object["apiVersion"].(string)
	kind, _ := object["kind"].(string)
	metadata, _ := object["metadata"].(map[string]any)
	o := objectMeta{gvk: schema.FromAPIVersionAndKind(apiVersion, kind)}
	o.name, _ = metadata["name"].(string)
	o.generateName, _ = metadata["generateName"].(string)
	o.namespace, _ = metadata["namespace"].(string)
	o.isNamespace = o.gvk.Group == "" && kind == "Namespace"
	values, _ := metadata["labels"].(map[string]any)
	if len(values) > 0 {
		o.labels = make(labels.Set, len(values))
		for key, value := range values {
			if text, ok := value.(string); ok {
				o.labels[key] = text
			}
		}
	}
	return o
}

func (m *matcher) kindHolds(gvk schema.GroupVersionKind) bool {
	among := func(list []string, name string) bool {
		return len(list) == 0 || slices.Contains(list, "*") || slices.Contains(list, name)
	}
	return len(m.Kinds) == 0 || slices.ContainsFunc(m.Kinds, func(k matchKinds) bool {
		return among(k.Kinds, gvk.Kind) && among(k.APIGroups, gvk.Group)
	})
}

func (m *matcher) scopeHolds(o *objectMeta, s *Subject) bool {
	namespaced := o.namespace != "" || s.Namespace != nil
	switch m.Scope {
	case "Cluster":
		return o.isNamespace || !namespaced
	case "Namespaced":
		return !o.isNamespace && namespaced
	default:
		return true
	}
}

// namespaceHolds is namespaces and excludedNamespaces. What is in no namespace is not disqualified.
func (m *matcher) namespaceHolds(o *objectMeta, s *Subject) bool {
	var name string
	switch {
	case o.isNamespace:
		name = o.name
	case s.Namespace != nil:
		name = s.Namespace.Name
	case o.namespace != "":
		name = o.namespace
	default:
		return true
	}
	return (len(m.Namespaces) == 0 || anyMatches(m.Namespaces, name)) && !anyMatches(m.ExcludedNamespaces, name)
}

func (m *matcher) namespaceSelectorHolds(o *objectMeta, s *Subject) (bool, error) {
	switch {
	case m.namespaceLabels == nil:
		return true, nil
	case o.isNamespace:
		return m.namespaceLabels.Matches(o.labels), nil
	case s.Namespace != nil:
		return m.namespaceLabels.Matches(labels.Set(s.Namespace.Labels)), nil
	case o.namespace == "":
		return true, nil
	default:
		return false, errNoNamespace
	}
}

func (m *matcher) sourceHolds(source Source) (bool, error) {
	switch m.Source {
	case "", SourceAll:
		return true, nil
	case SourceOriginal, SourceGenerated:
		return m.Source == source, nil
	default:
		return false, fmt.Errorf("there is no source %q", m.Source)
	}
}

// unsure are the fields of an object that nobody can tell yet and that decide whether the constraint is for it.
func (m *matcher) unsure(in *policies.Input) []string {
	var fields []string
	for i := range in.Unresolved {
		path := in.Unresolved[i].Path
		if len(path) < 2 || path[0] != "metadata" {
			continue
		}
		asked := false
		switch path[1] {
		case "labels":
			asked = m.labels != nil && (len(path) == 2 || asksFor(m.labels, path[2]))
		case "name":
			asked = m.Name != ""
		case "namespace":
			asked = m.namespaceLabels != nil || len(m.Namespaces) > 0 || len(m.ExcludedNamespaces) > 0 || m.Scope != ""
		}
		if asked {
			fields = append(fields, path.String())
		}
	}
	return fields
}

func asksFor(selector labels.Selector, key any) bool {
	requirements, _ := selector.Requirements()
	return slices.ContainsFunc(requirements, func(r labels.Requirement) bool { return r.Key() == key })
}
