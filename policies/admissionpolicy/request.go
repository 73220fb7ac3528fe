package admissionpolicy

import (
	"reflect"

	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/admission"

	"github.com/kroguard/kroguard/policies"
)

// requestKey is where an Input keeps its request.
type requestKey struct{}

// request is what match rules read of an Input, gathered once for all policies. It is immutable.
type request struct {
	in         *policies.Input
	attributes admission.Attributes
	kind       schema.GroupVersionKind
	// exempt says that no ValidatingAdmissionPolicy is asked.
	exempt bool
	// isNamespace says that the object is a namespace.
	isNamespace bool
	// placeUnknown says that nobody can tell the namespace yet, nameUnknown that of the name.
	placeUnknown, nameUnknown bool
	// labels, oldLabels and namespaceLabels are those of the objects; hasOld and hasNamespace say whether there are any. pending are
	// the labels that wait for something; allPending says that all do.
	labels, oldLabels, namespaceLabels labels.Set
	hasOld, hasNamespace               bool
	pending                            map[string]bool
	allPending                         bool
}

// unknownNamespace stands for the namespace of a namespaced resource that nobody can tell yet. No namespace has such a name.
const unknownNamespace = "?"

func requestOf(in *policies.Input) (*request, error) {
	converted, err := in.Convert(requestKey{}, func() (any, error) { return newRequest(in), nil })
	if err != nil {
		return nil, err
	}
	return converted.(*request), nil //nolint:errcheck,forcetypeassert // nothing else is stored
}

func newRequest(in *policies.Input) *request {
	r := &request{in: in, kind: schema.GroupVersionKind(in.Request.Kind)}
	metadata, _ := in.Object["metadata"].(map[string]any)
	resource := schema.GroupVersionResource(in.Request.Resource)
	name, namespace := in.Request.Name, in.Request.Namespace
	if name == "" {
		name, _ = metadata["name"].(string)
	}
	r.readUnresolved(in.Unresolved)
	if r.placeUnknown {
		namespace = unknownNamespace
	}
	r.isNamespace = resource.Resource == "namespaces" && in.Request.SubResource == ""
	if resource == (schema.GroupVersionResource{Version: "v1", Resource: "namespaces"}) {
		// API servers take a namespace to be in itself.
		namespace = name
	}
	r.attributes = admission.NewAttributesRecord(nil, nil, r.kind, namespace, name, resource, in.Request.SubResource,
		admission.Operation(in.Request.Operation), nil, in.Request.DryRun != nil && *in.Request.DryRun, nil)
	r.exempt = isExempt(resource.GroupResource())
	r.labels = labelsOf(metadata)
	if in.OldObject != nil {
		metadata, _ := in.OldObject["metadata"].(map[string]any)
		r.oldLabels, r.hasOld = labelsOf(metadata), true
	}
	switch {
	case r.isNamespace:
		r.namespaceLabels, r.hasNamespace = r.labels, true
	case in.Namespace != nil && !r.placeUnknown:
		r.namespaceLabels, r.hasNamespace = in.Namespace.Labels, true
	}
	return r
}

// readUnresolved finds what match rules read among what waits for something.
func (r *request) readUnresolved(fields []policies.UnresolvedField) {
	for i := range fields {
		path := fields[i].Path
		if len(path) == 0 || path[0] != "metadata" {
			continue
		}
		switch {
		case len(path) == 1:
			r.allPending, r.nameUnknown, r.placeUnknown = true, true, true
		case path[1] == "name":
			r.nameUnknown = true
		case path[1] == "namespace":
			r.placeUnknown = true
		case path[1] == "labels" && len(path) == 2:
			r.allPending = true
		case path[1] == "labels":
			if key, ok := path[2].(string); ok {
				if r.pending == nil {
					r.pending = map[string]bool{}
				}
				r.pending[key] = true
			}
		}
	}
}

// labelsOf are an object's labels. What is no text is left out: no API server would store it.
func labelsOf(metadata map[string]any) labels.Set {
	fields, _ := metadata["labels"].(map[string]any)
	if len(fields) == 0 {
		return nil
	}
	set := make(labels.Set, len(fields))
	for key, value := range fields {
		if text, ok := value.(string); ok {
			set[key] = text
		}
	}
	return set
}

// isInstance reports whether the input is an instance itself, and no resource that it expands into.
func isInstance(in *policies.Input) bool {
	return reflect.ValueOf(in.Instance).Pointer() == reflect.ValueOf(in.Object).Pointer()
}

// isExempt reports whether API servers ask no policy of the cluster about a resource: the policies themselves, lest nobody could undo
// a mistake, and the reviews that all access depends on.
func isExempt(resource schema.GroupResource) bool {
	switch resource.Group {
	case "admissionregistration.k8s.io":
		switch resource.Resource {
		case "validatingadmissionpolicies", "validatingadmissionpolicybindings", "mutatingadmissionpolicies",
			"mutatingadmissionpolicybindings":
			return true
		}
	case "authentication.k8s.io":
		return resource.Resource == "selfsubjectreviews" || resource.Resource == "tokenreviews"
	case "authorization.k8s.io":
		switch resource.Resource {
		case "localsubjectaccessreviews", "selfsubjectaccessreviews", "selfsubjectrulesreviews", "subjectaccessreviews":
			return true
		}
	}
	return false
}
