package policies

import (
	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/kroguard/kroguard/internal/glob"
	"github.com/kroguard/kroguard/policies/v1alpha1"
)

// nameRule is a list of names or globs. Where the list is empty, it holds.
type nameRule struct {
	given bool
	globs glob.List
}

func (r *nameRule) holds(name string) bool { return !r.given || r.globs.Match(name) }

// holdsIfAny is holds, but what has no name at all matches only an empty list.
func (r *nameRule) holdsIfAny(name string) bool { return !r.given || name != "" && r.globs.Match(name) }

// instanceMatcher is a compiled v1alpha1.InstanceMatch.
type instanceMatcher struct {
	offerings, projects, namespaces, names nameRule
}

func (m *instanceMatcher) matches(s *subject) bool { return m.matchesPlace(s) && m.names.holds(s.name) }

// matchesPlace is matches but for the name of the instance.
func (m *instanceMatcher) matchesPlace(s *subject) bool {
	return m.offerings.holdsIfAny(s.offering) &&
		m.projects.holdsIfAny(s.project) &&
		m.namespaces.holdsIfAny(s.namespace)
}

// guardrailMatcher is a compiled v1alpha1.GuardrailMatch.
type guardrailMatcher struct {
	instance                          instanceMatcher
	namespaceSelector, objectSelector labels.Selector
	create, update                    bool
	excludes                          []instanceMatcher
}

// matchesPlace is the part of the match that is the same for all instances of one place.
func (m *guardrailMatcher) matchesPlace(s *subject) bool {
	if !m.judges(s.operation) || !m.instance.matchesPlace(s) || !s.namespaceMatches(m.namespaceSelector) {
		return false
	}
	for i := range m.excludes {
		if exclude := &m.excludes[i]; !exclude.names.given && exclude.matchesPlace(s) {
			return false
		}
	}
	return true
}

// matchesInstance is the part of the match that depends on the instance's name and labels.
func (m *guardrailMatcher) matchesInstance(s *subject) bool {
	if !m.instance.names.holds(s.name) {
		return false
	}
	if m.objectSelector != nil && !m.objectSelector.Matches(s.labels) &&
		(!s.hasOld || !m.objectSelector.Matches(s.oldLabels)) {
		return false
	}
	for i := range m.excludes {
		if exclude := &m.excludes[i]; exclude.names.given && exclude.matches(s) {
			return false
		}
	}
	return true
}

func (m *guardrailMatcher) judges(operation admissionv1.Operation) bool {
	switch operation {
	case admissionv1.Create:
		return m.create
	case admissionv1.Update:
		return m.update
	default:
		return false
	}
}

// matchCompiler compiles match rules and collects what is wrong with them. A rule that does not compile holds, so that a
// broken guardrail is met by all that it might have been meant for.
type matchCompiler struct {
	errors CompileErrors
}

func (c *matchCompiler) guardrail(field string, match *v1alpha1.GuardrailMatch) guardrailMatcher {
	m := guardrailMatcher{
		instance:          c.instance(field, &match.InstanceMatch),
		namespaceSelector: c.selector(field+".namespaceSelector", match.NamespaceSelector),
		objectSelector:    c.selector(field+".objectSelector", match.ObjectSelector),
		create:            len(match.Operations) == 0,
		update:            len(match.Operations) == 0,
	}
	for _, operation := range match.Operations {
		m.create = m.create || operation == v1alpha1.OperationCreate || operation == v1alpha1.OperationAll
		m.update = m.update || operation == v1alpha1.OperationUpdate || operation == v1alpha1.OperationAll
	}
	for i := range match.Excludes {
		place := index(field+".excludes", i)
		if isEmpty(&match.Excludes[i]) {
			c.fail(place, "an empty entry would exclude every instance: say which")
			continue
		}
		before := len(c.errors)
		// An exclude that does not compile must exclude nothing.
		if exclude := c.instance(place, &match.Excludes[i]); len(c.errors) == before {
			m.excludes = append(m.excludes, exclude)
		}
	}
	return m
}

func (c *matchCompiler) instance(field string, match *v1alpha1.InstanceMatch) instanceMatcher {
	return instanceMatcher{
		offerings:  c.names(field+".offerings", match.Offerings),
		projects:   c.names(field+".projects", match.Projects),
		namespaces: c.names(field+".namespaces", match.Namespaces),
		names:      c.names(field+".names", match.Names),
	}
}

func (c *matchCompiler) names(field string, patterns []string) nameRule {
	if len(patterns) == 0 {
		return nameRule{}
	}
	globs, err := glob.CompileList(patterns)
	if err != nil {
		c.fail(field, err.Error())
		return nameRule{}
	}
	return nameRule{given: true, globs: globs}
}

// selector yields nil for none and for one that selects everything.
func (c *matchCompiler) selector(field string, selector *metav1.LabelSelector) labels.Selector {
	if selector == nil {
		return nil
	}
	compiled, err := metav1.LabelSelectorAsSelector(selector)
	if err != nil {
		c.fail(field, err.Error())
		return nil
	}
	if compiled.Empty() {
		return nil
	}
	return compiled
}

func (c *matchCompiler) fail(field, message string) {
	c.errors = append(c.errors, CompileError{Field: field, Message: message})
}

func isEmpty(m *v1alpha1.InstanceMatch) bool {
	return len(m.Offerings) == 0 && len(m.Projects) == 0 && len(m.Namespaces) == 0 && len(m.Names) == 0
}
