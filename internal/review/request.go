package review

import (
	"errors"
	"fmt"

	admissionv1 "k8s.io/api/admission/v1"
	runtimeschema "k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/json"
)

// Request is one admission request on an instance, decoded once. It is read-only: reviews never modify the objects.
type Request struct {
	// Admission is the request as the API server sent it.
	Admission *admissionv1.AdmissionRequest
	// Object is the instance; OldObject the one before an UPDATE, nil on CREATE. Integers are int64.
	Object, OldObject map[string]any
}

// errNoObject says that a request on an instance carries no object.
var errNoObject = errors.New("the admission request carries no object")

// NewDecodedRequest takes objects that are decoded already, as NewRequest decodes them: integers are int64.
func NewDecodedRequest(admission *admissionv1.AdmissionRequest, object, oldObject map[string]any) (*Request, error) {
	if object == nil {
		return nil, errNoObject
	}
	return &Request{Admission: admission, Object: object, OldObject: oldObject}, nil
}

// NewRequest decodes the objects of an admission request. Anything but a JSON object is an error that says which of the two
// it was.
func NewRequest(admission *admissionv1.AdmissionRequest) (*Request, error) {
	request := &Request{Admission: admission}
	if len(admission.Object.Raw) == 0 {
		return nil, errNoObject
	}
	if err := json.Unmarshal(admission.Object.Raw, &request.Object); err != nil {
		return nil, fmt.Errorf("decoding object: %w", err)
	}
	if request.Object == nil {
		return nil, errNoObject
	}
	if len(admission.OldObject.Raw) > 0 {
		if err := json.Unmarshal(admission.OldObject.Raw, &request.OldObject); err != nil {
			return nil, fmt.Errorf("decoding oldObject: %w", err)
		}
	}
	return request, nil
}

// GroupVersionKind is the kind of the instance.
func (r *Request) GroupVersionKind() runtimeschema.GroupVersionKind {
	kind := r.Admission.Kind
	return runtimeschema.GroupVersionKind{Group: kind.Group, Version: kind.Version, Kind: kind.Kind}
}

// deleting reports whether the instance is on its way out: what is being deleted is never blocked nor patched. The old object
// tells, for anybody can write a deletionTimestamp into a manifest.
func (r *Request) deleting() bool {
	timestamp, ok := metadata(r.OldObject)["deletionTimestamp"]
	return ok && timestamp != nil
}

// metadata returns the object's metadata; nil, which reads as empty, where it has none.
func metadata(object map[string]any) map[string]any {
	m, _ := object["metadata"].(map[string]any)
	return m
}
