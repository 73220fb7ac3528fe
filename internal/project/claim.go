package project

import (
	"fmt"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/json"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/kroguard/kroguard/internal/glob"
	"github.com/kroguard/kroguard/policies/v1alpha1"
)

// Claim is a Project together with the namespaces that it lays claim to. It is immutable.
type Claim struct {
	// Project is what the namespaces get.
	Project *Project

	names    []string
	globs    []glob.Pattern
	selector labels.Selector
	knodex   bool
}

// FromProject reads a kroguard.io Project.
//
// The errors are what the API server's schema can't refuse: a selector that does not parse, parameters that are no JSON
// object, a pattern that does not compile. Even with errors the claim is usable and fails closed: what is broken claims no
// namespace and allows no offering, and a broken deny rule denies all.
func FromProject(p *v1alpha1.Project) (*Claim, field.ErrorList) {
	spec, root := &p.Spec, field.NewPath("spec")
	claim := &Claim{}
	errs := claim.addNames(spec.Namespaces.Names, root.Child("namespaces", "names"))

	if spec.Namespaces.Selector != nil {
		selector, err := parseSelector(spec.Namespaces.Selector, root.Child("namespaces", "selector"))
		claim.selector, errs = selector, append(errs, err...)
	}
	parameters, err := parseParameters(spec.Parameters, root.Child("parameters"))
	errs = append(errs, err...)
	allow, err := parseRules(spec.Offerings.Allow, labels.Nothing(), root.Child("offerings", "allow"))
	errs = append(errs, err...)
	deny, err := parseRules(spec.Offerings.Deny, labels.Everything(), root.Child("offerings", "deny"))
	errs = append(errs, err...)

	claim.Project = (&Project{
		Name:        p.Name,
		DisplayName: spec.DisplayName,
		Owner:       spec.Owner,
		Contact:     spec.Contact,
		CostCenter:  spec.CostCenter,
		Enforced:    plain(spec.Labels.Enforced),
		Defaults:    plain(spec.Labels.Defaults),
		Parameters:  parameters,
		Allow:       allow,
		Deny:        deny,
	}).seal()
	return claim, errs
}

// addNames sorts the patterns into plain names and globs.
func (c *Claim) addNames(patterns []string, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i, text := range patterns {
		pattern, err := glob.Compile(text)
		switch {
		case err != nil:
			errs = append(errs, field.Invalid(path.Index(i), text, err.Error()))
		case glob.IsLiteral(text):
			c.names = append(c.names, text)
		default:
			c.globs = append(c.globs, pattern)
		}
	}
	return errs
}

// matchesGlob reports whether one of the claim's globs matches the namespace.
func (c *Claim) matchesGlob(namespace string) bool {
	for _, pattern := range c.globs {
		if pattern.Match(namespace) {
			return true
		}
	}
	return false
}

// matchesSelector reports whether the claim selects namespaces by label, and so this one.
func (c *Claim) matchesSelector(set labels.Set) bool {
	return c.selector != nil && c.selector.Matches(set)
}

// parseSelector reads a selector; an empty one matches every namespace, as everywhere in Kubernetes. It matches nothing where
// the written one does not parse.
func parseSelector(selector *metav1.LabelSelector, path *field.Path) (labels.Selector, field.ErrorList) {
	parsed, err := metav1.LabelSelectorAsSelector(selector)
	if err != nil {
		return labels.Nothing(), field.ErrorList{field.Invalid(path, metav1.FormatLabelSelector(selector), err.Error())}
	}
	return parsed, nil
}

// parseParameters decodes free JSON; integers become int64. What is no JSON object becomes an empty one.
func parseParameters(raw *apiextensionsv1.JSON, path *field.Path) (map[string]any, field.ErrorList) {
	if raw == nil || len(raw.Raw) == 0 {
		return nil, nil
	}
	var parameters map[string]any
	if err := json.Unmarshal(raw.Raw, &parameters); err != nil {
		return nil, field.ErrorList{field.Invalid(path, field.OmitValueType{}, fmt.Sprintf("not a JSON object: %v", err))}
	}
	return parameters, nil
}

// parseRules reads an allow or deny list. broken is the selector of a rule whose own does not parse; such a rule selects by
// nothing else, so that it fails closed in both lists.
func parseRules(rules []v1alpha1.OfferingRule, broken labels.Selector, path *field.Path) ([]OfferingRule, field.ErrorList) {
	var parsed []OfferingRule
	var errs field.ErrorList
	for i, rule := range rules {
		if _, err := glob.CompileList(rule.Names); err != nil {
			errs = append(errs, field.Invalid(path.Index(i).Child("names"), rule.Names, err.Error()))
			parsed = append(parsed, OfferingRule{Selector: broken})
			continue
		}
		out := OfferingRule{Names: rule.Names, Categories: rule.Categories}
		if rule.Selector != nil {
			selector, err := metav1.LabelSelectorAsSelector(rule.Selector)
			if err != nil {
				errs = append(errs, field.Invalid(path.Index(i).Child("selector"),
					metav1.FormatLabelSelector(rule.Selector), err.Error()))
				out = OfferingRule{Selector: broken}
			} else {
				out.Selector = selector
			}
		}
		parsed = append(parsed, out)
	}
	return parsed, errs
}

func plain(m v1alpha1.LabelMap) map[string]string {
	if m == nil {
		return nil
	}
	out := make(map[string]string, len(m))
	for key, value := range m {
		out[key] = string(value)
	}
	return out
}
