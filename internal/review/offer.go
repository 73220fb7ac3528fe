package review

import (
	"context"

	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kroguard/kroguard/internal/offering"
	"github.com/kroguard/kroguard/policies"
)

// NewInstance is the CREATE of an instance of an offering, by nobody in particular. A cluster-scoped one is in no namespace. The
// content is the request's from then on; its apiVersion, kind and namespace are set.
func NewInstance(o *offering.Offering, namespace, name string, content map[string]any) *Request {
	if o.ClusterScoped {
		namespace = ""
	}
	content["apiVersion"], content["kind"] = o.GVK.GroupVersion().String(), o.GVK.Kind
	metadata, ok := content["metadata"].(map[string]any)
	if !ok {
		metadata = map[string]any{}
		content["metadata"] = metadata
	}
	metadata["name"] = name
	if namespace != "" {
		metadata["namespace"] = namespace
	}
	return &Request{Object: content, Admission: &admissionv1.AdmissionRequest{
		Kind:      metav1.GroupVersionKind{Group: o.GVK.Group, Version: o.GVK.Version, Kind: o.GVK.Kind},
		Resource:  metav1.GroupVersionResource{Group: o.GVK.Group, Version: o.GVK.Version, Resource: o.Plural},
		Namespace: namespace, Name: name, Operation: admissionv1.Create,
	}}
}

// Refuser says why no instance of an offering is let into a namespace, whatever it contains; refused is false where some may be. What
// the namespace's project has to do with it is found out once.
func (s *Snapshot) Refuser(namespace string) func(o *offering.Offering) (reason string, refused bool) {
	inside := &Request{Admission: &admissionv1.AdmissionRequest{Namespace: namespace, Operation: admissionv1.Create}}
	place := s.locate(inside)
	return func(o *offering.Offering) (string, bool) {
		at, request := place, inside
		if o.ClusterScoped {
			request = NewInstance(o, namespace, "", map[string]any{})
			at = s.locate(request)
		}
		at.offering = o
		refusal, refused := at.refusal(s.Settings, request)
		return refusal.Message, refused
	}
}

// Rules tells of what may judge instances like that of a request.
func (s *Snapshot) Rules(ctx context.Context, request *Request) []policies.Rule {
	return s.Guardrails.Applying(ctx, s.Input(request))
}
