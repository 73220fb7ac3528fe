package policies

import (
	"slices"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kroguard/kroguard/policies/v1alpha1"
)

// resourceFilter is a compiled v1alpha1.ResourceFilter. What is empty holds.
type resourceFilter struct {
	groups, kinds []string
}

// newResourceFilter yields nil where the instance is judged and not its resources.
func newResourceFilter(spec *v1alpha1.GuardrailSpec) *resourceFilter {
	if spec.Evaluate != v1alpha1.EvaluateResources {
		return nil
	}
	if spec.Resources == nil {
		return &resourceFilter{}
	}
	return &resourceFilter{groups: slices.Clone(spec.Resources.APIGroups), kinds: slices.Clone(spec.Resources.Kinds)}
}

func (f *resourceFilter) holds(gvk schema.GroupVersionKind) bool {
	return (len(f.groups) == 0 || slices.Contains(f.groups, gvk.Group)) &&
		(len(f.kinds) == 0 || slices.Contains(f.kinds, gvk.Kind))
}
