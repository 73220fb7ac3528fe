package admissionpolicy

import (
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kroguard/kroguard/policies"
)

// Equivalent is another version, or another group, in which an API server serves the objects of a resource.
type Equivalent struct {
	Resource schema.GroupVersionResource
	Kind     schema.GroupVersionKind
	// SameSchema says that an object of the one is an object of the other, but for its apiVersion: the versions of a
	// CustomResourceDefinition whose conversion strategy is None are so.
	SameSchema bool
}

// Equivalents yields the other versions of a resource, in the API server's order. It is safe for concurrent use.
type Equivalents func(resource schema.GroupVersionResource) []Equivalent

// in is the input in the version that a policy sees; nil where nobody here can convert the object.
func (v *version) in(r *request) *policies.Input {
	in := r.in
	switch {
	case v.kind == r.kind && v.resource == r.attributes.GetResource():
		return in
	case !v.convertible:
		return nil
	}
	request := *in.Request
	request.Kind.Group, request.Kind.Version, request.Kind.Kind = v.kind.Group, v.kind.Version, v.kind.Kind
	request.Resource.Group, request.Resource.Version = v.resource.Group, v.resource.Version
	request.Resource.Resource = v.resource.Resource
	return policies.NewInput(policies.InputOptions{
		Request: &request, Object: v.convert(in.Object), OldObject: v.convert(in.OldObject), Instance: in.Instance,
		Namespace: in.Namespace, OfferingName: in.OfferingName, Offering: in.Offering, ProjectName: in.ProjectName, Project: in.Project,
		Unresolved: in.Unresolved, Authorizer: in.Authorizer,
	})
}

// convert copies the object's uppermost fields alone.
func (v *version) convert(object map[string]any) map[string]any {
	if object == nil {
		return nil
	}
	converted := make(map[string]any, len(object))
	for name, value := range object {
		converted[name] = value
	}
	converted["apiVersion"], converted["kind"] = v.kind.GroupVersion().String(), v.kind.Kind
	return converted
}
