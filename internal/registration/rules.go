package registration

import (
	"maps"
	"slices"
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apiextensions-apiserver/pkg/apihelpers"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	runtimeschema "k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/utils/ptr"

	"github.com/kroguard/kroguard/policies/v1alpha1"
)

// KroGroup is the group of RGDs, and of instances whose RGD names no group. A static rule covers all of it.
const KroGroup = "kro.run"

// resourceGraphDefinitions is the plural of the RGD.
const resourceGraphDefinitions = "resourcegraphdefinitions"

// Labels by which kro marks the CRDs that it generates, with the value "true". kro 0.9.4 writes the first; it is about to
// move its labels to the second's prefix.
const (
	LabelOwned         = "kro.run/owned"
	LabelInternalOwned = "internal.kro.run/owned"
)

// Owned reports whether the labels are those of a CRD that kro generated.
func Owned(labels map[string]string) bool {
	return labels[LabelOwned] == "true" || labels[LabelInternalOwned] == "true"
}

// Reserved reports whether no rule is ever registered for instances of a group: Kubernetes' own APIs, which live in groups
// without a dot and in *.k8s.io and *.kubernetes.io, and kroguard's. An RGD that claims such a group would otherwise make
// kroguard intercept, and while it is down refuse, Deployments or its own configuration.
func Reserved(group string) bool {
	return !strings.Contains(group, ".") || apihelpers.IsProtectedCommunityGroup(group) || group == v1alpha1.GroupName
}

// Needed are the kinds whose instances must be judged: those of CRDs that kro generated, and those that RGDs announce, unless a
// CRD of that name belongs to somebody else, for kro doesn't take such a CRD over. Those of group kro.run (which has a static
// rule) and of reserved groups are left out. Sorted.
func Needed(announced []runtimeschema.GroupResource, crds []metav1.PartialObjectMetadata) []runtimeschema.GroupResource {
	needed, foreign := map[runtimeschema.GroupResource]bool{}, map[runtimeschema.GroupResource]bool{}
	for i := range crds {
		// A CRD's name is <plural>.<group>, which the API server enforces.
		resource := runtimeschema.ParseGroupResource(crds[i].Name)
		if Owned(crds[i].Labels) {
			needed[resource] = true
		} else {
			foreign[resource] = true
		}
	}
	for _, resource := range announced {
		if resource.Resource != "" && !foreign[resource] {
			needed[resource] = true
		}
	}
	maps.DeleteFunc(needed, func(resource runtimeschema.GroupResource, _ bool) bool {
		return resource.Group == KroGroup || Reserved(resource.Group)
	})
	return slices.SortedFunc(maps.Keys(needed), Compare)
}

// instanceRules are the rules for instances: all of group kro.run, and one rule for each other group with its plurals, sorted.
// Reserved groups are left out.
func instanceRules(resources []runtimeschema.GroupResource) []admissionregistrationv1.RuleWithOperations {
	plurals := map[string][]string{}
	for _, resource := range resources {
		if resource.Group == KroGroup || Reserved(resource.Group) || resource.Resource == "" {
			continue
		}
		plurals[resource.Group] = append(plurals[resource.Group], resource.Resource)
	}
	groups := make([]string, 0, len(plurals))
	for group := range plurals {
		groups = append(groups, group)
	}
	slices.Sort(groups)

	rules := []admissionregistrationv1.RuleWithOperations{
		rule(KroGroup, "*", admissionregistrationv1.AllScopes, "*"),
	}
	for _, group := range groups {
		names := plurals[group]
		slices.Sort(names)
		rules = append(rules, rule(group, "*", admissionregistrationv1.AllScopes, slices.Compact(names)...))
	}
	return rules
}

// rule is a rule for creating and updating resources themselves. Deleting is never intercepted, nor is a subresource: status is
// kro's.
func rule(
	group, version string, scope admissionregistrationv1.ScopeType, resources ...string,
) admissionregistrationv1.RuleWithOperations {
	return admissionregistrationv1.RuleWithOperations{
		Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.Create, admissionregistrationv1.Update},
		Rule: admissionregistrationv1.Rule{
			APIGroups:   []string{group},
			APIVersions: []string{version},
			Resources:   resources,
			Scope:       ptr.To(scope),
		},
	}
}

// Registered returns the resources, other than those of group kro.run, for which both configurations have a rule for instances,
// and those for which at least one of them has; both sorted. A nil configuration has no rules.
func Registered(
	mutating *admissionregistrationv1.MutatingWebhookConfiguration, validating *admissionregistrationv1.ValidatingWebhookConfiguration,
) (both, either []runtimeschema.GroupResource) {
	count := map[runtimeschema.GroupResource]int{}
	if mutating != nil {
		for i := range mutating.Webhooks {
			if mutating.Webhooks[i].Name == WebhookInstances {
				collect(mutating.Webhooks[i].Rules, count)
			}
		}
	}
	if validating != nil {
		for i := range validating.Webhooks {
			if validating.Webhooks[i].Name == WebhookInstances {
				collect(validating.Webhooks[i].Rules, count)
			}
		}
	}
	for resource, configurations := range count {
		either = append(either, resource)
		if configurations == 2 {
			both = append(both, resource)
		}
	}
	slices.SortFunc(both, Compare)
	slices.SortFunc(either, Compare)
	return both, either
}

// collect counts the resources of rules that this package may have written, each once for the webhook.
func collect(rules []admissionregistrationv1.RuleWithOperations, count map[runtimeschema.GroupResource]int) {
	seen := map[runtimeschema.GroupResource]bool{}
	for _, rule := range rules {
		for _, group := range rule.APIGroups {
			if group == KroGroup || Reserved(group) {
				continue
			}
			for _, resource := range rule.Resources {
				if resource == "" || strings.ContainsAny(resource, "*/") {
					continue
				}
				one := runtimeschema.GroupResource{Group: group, Resource: resource}
				if !seen[one] {
					seen[one] = true
					count[one]++
				}
			}
		}
	}
}

// Compare orders resources by group, then by plural.
func Compare(a, b runtimeschema.GroupResource) int {
	if order := strings.Compare(a.Group, b.Group); order != 0 {
		return order
	}
	return strings.Compare(a.Resource, b.Resource)
}
