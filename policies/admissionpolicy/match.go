package admissionpolicy

import (
	"fmt"
	"slices"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/admission/plugin/webhook/predicates/rules"

	"github.com/kroguard/kroguard/policies"
)

// answer says whether a rule matches. Maybe is what nobody can tell yet.
type answer int

const (
	no answer = iota
	maybe
	yes
)

// and is no where one is, and yes where both are.
func (a answer) and(b answer) answer { return min(a, b) }

func answerOf(holds bool) answer {
	if holds {
		return yes
	}
	return no
}

// version is the form in which a policy sees an object: the one of the request, or an equivalent that its rules name.
type version struct {
	resource schema.GroupVersionResource
	kind     schema.GroupVersionKind
	// convertible says that nothing but the apiVersion differs from the request's.
	convertible bool
}

// constraints are compiled matchConstraints, or the matchResources of a binding. They are immutable; the zero value matches all.
type constraints struct {
	namespaces, objects labels.Selector
	rules, excludes     []admissionregistrationv1.NamedRuleWithOperations
	equivalents         Equivalents
}

// matches reports whether a request is meant, and in which version the policy sees it.
func (c *constraints) matches(r *request) (answer, version) {
	found := c.matchesNamespace(r).and(c.matchesObject(r))
	if found == no {
		return no, version{}
	}
	excluded, _ := c.matchesRules(c.excludes, r)
	if excluded == yes {
		return no, version{}
	}
	if excluded == maybe {
		found = maybe
	}
	if len(c.rules) == 0 {
		return found, r.version()
	}
	ruled, as := c.matchesRules(c.rules, r)
	return found.and(ruled), as
}

// version is the form that the request has.
func (r *request) version() version {
	return version{resource: r.attributes.GetResource(), kind: r.kind, convertible: true}
}

// matchesNamespace is about the labels of the namespace, which a namespace has itself. What is in none matches always.
func (c *constraints) matchesNamespace(r *request) answer {
	switch {
	case c.namespaces == nil, r.attributes.GetNamespace() == "" && r.attributes.GetResource().Resource != "namespaces":
		return yes
	case r.isNamespace:
		return r.selects(c.namespaces, r.namespaceLabels)
	case !r.hasNamespace:
		return maybe
	default:
		return answerOf(c.namespaces.Matches(r.namespaceLabels))
	}
}

// matchesObject is about the labels of the object, or of the one that it replaces.
func (c *constraints) matchesObject(r *request) answer {
	if c.objects == nil || r.hasOld && c.objects.Matches(r.oldLabels) {
		return yes
	}
	return r.selects(c.objects, r.labels)
}

// selects is about labels of the object, of which some may be pending.
func (r *request) selects(selector labels.Selector, set labels.Set) answer {
	if r.allPending {
		return maybe
	}
	requirements, _ := selector.Requirements()
	found := yes
	for i := range requirements {
		if r.pending[requirements[i].Key()] {
			found = found.and(maybe)
		} else {
			found = found.and(answerOf(requirements[i].Matches(set)))
		}
	}
	return found
}

// matchesRules reports whether one of the rules names the resource, or an equivalent of it.
func (c *constraints) matchesRules(list []admissionregistrationv1.NamedRuleWithOperations, r *request) (answer, version) {
	best, as := no, version{}
	for i := range list {
		if found := matchesRule(&list[i], r, r.attributes); found > best {
			best, as = found, r.version()
		}
	}
	if best != no || c.equivalents == nil {
		return best, as
	}
	equivalents := c.equivalents(r.attributes.GetResource())
	for i := range list {
		for _, equivalent := range equivalents {
			attributes := equivalentAttributes{r.attributes, equivalent.Resource}
			if found := matchesRule(&list[i], r, attributes); found > best {
				best, as = found, version{equivalent.Resource, equivalent.Kind, equivalent.SameSchema}
			}
		}
	}
	return best, as
}

func matchesRule(rule *admissionregistrationv1.NamedRuleWithOperations, r *request, attributes admission.Attributes) answer {
	matcher := rules.Matcher{Rule: rule.RuleWithOperations, Attr: attributes}
	switch {
	case !matcher.Matches():
		return no
	case len(rule.ResourceNames) == 0:
		return yes
	case r.nameUnknown:
		return maybe
	default:
		return answerOf(slices.Contains(rule.ResourceNames, attributes.GetName()))
	}
}

// equivalentAttributes are a request's for another version of the resource.
type equivalentAttributes struct {
	admission.Attributes

	resource schema.GroupVersionResource
}

// GetResource is the other version.
func (a equivalentAttributes) GetResource() schema.GroupVersionResource { return a.resource }

// compileConstraints compiles match rules, which API servers fill in: nothing said is matchPolicy Equivalent.
func compileConstraints(
	field string, match *admissionregistrationv1.MatchResources, equivalents Equivalents,
) (constraints, policies.CompileErrors) {
	if match == nil {
		return constraints{}, nil
	}
	match = match.DeepCopy()
	var errs policies.CompileErrors
	selector := func(name string, selector *metav1.LabelSelector) labels.Selector {
		if selector == nil {
			return nil
		}
		compiled, err := metav1.LabelSelectorAsSelector(selector)
		if err != nil {
			errs = append(errs, policies.CompileError{Field: field + "." + name, Message: err.Error()})
			return nil
		}
		if compiled.Empty() {
			return nil
		}
		return compiled
	}
	c := constraints{
		namespaces: selector("namespaceSelector", match.NamespaceSelector),
		objects:    selector("objectSelector", match.ObjectSelector),
		rules:      match.ResourceRules,
		excludes:   match.ExcludeResourceRules,
	}
	switch {
	case match.MatchPolicy == nil || *match.MatchPolicy == admissionregistrationv1.Equivalent:
		c.equivalents = equivalents
	case *match.MatchPolicy != admissionregistrationv1.Exact:
		errs = append(errs, policies.CompileError{
			Field: field + ".matchPolicy", Message: fmt.Sprintf("%q is neither Exact nor Equivalent", *match.MatchPolicy),
		})
	}
	return c, errs
}
