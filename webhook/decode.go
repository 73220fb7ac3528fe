package webhook

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"

	admissionv1 "k8s.io/api/admission/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/json"

	"github.com/kroguard/kroguard/internal/review"
)

const (
	// maxBodyBytes is the largest admission review that is read: two objects of 3 MiB each, which is what an API server accepts
	// in a write (k8s.io/apiserver pkg/server.Config.MaxRequestBodyBytes), and 1 MiB for all else. It is controller-runtime's limit,
	// too (pkg/webhook/admission).
	maxBodyBytes = 7 << 20
	// maxPooledBytes is the largest buffer that is kept for the next request. Instances have a few KiB; a rare large one must not
	// stay in memory for ever.
	maxPooledBytes = 128 << 10
)

// statusError is a request that can't be read, with the code that says whose fault it is.
type statusError struct {
	code int32
	error
}

// reviewBody is an AdmissionReview of which the objects are decoded in the same pass over the body as all else. Fields are those of
// admissionv1.AdmissionReview and AdmissionRequest; unknown ones are ignored, as everywhere in Kubernetes, so that a newer API
// server may send more.
type reviewBody struct {
	metav1.TypeMeta `json:",inline"`

	Request *requestBody `json:"request"`
}

type requestBody struct {
	UID                types.UID                    `json:"uid"`
	Kind               metav1.GroupVersionKind      `json:"kind"`
	Resource           metav1.GroupVersionResource  `json:"resource"`
	SubResource        string                       `json:"subResource"`
	RequestKind        *metav1.GroupVersionKind     `json:"requestKind"`
	RequestResource    *metav1.GroupVersionResource `json:"requestResource"`
	RequestSubResource string                       `json:"requestSubResource"`
	Name               string                       `json:"name"`
	Namespace          string                       `json:"namespace"`
	Operation          admissionv1.Operation        `json:"operation"`
	UserInfo           authenticationv1.UserInfo    `json:"userInfo"`
	Object             any                          `json:"object"`
	OldObject          any                          `json:"oldObject"`
	DryRun             *bool                        `json:"dryRun"`
	Options            runtime.RawExtension         `json:"options"`
}

// admission is the request without its objects.
func (r *requestBody) admission() *admissionv1.AdmissionRequest {
	return &admissionv1.AdmissionRequest{
		UID: r.UID, Kind: r.Kind, Resource: r.Resource, SubResource: r.SubResource,
		RequestKind: r.RequestKind, RequestResource: r.RequestResource, RequestSubResource: r.RequestSubResource,
		Name: r.Name, Namespace: r.Namespace, Operation: r.Operation, UserInfo: r.UserInfo,
		DryRun: r.DryRun, Options: r.Options,
	}
}

// decodeReview reads the body of an admission review. The UID is that of the request as far as it could be read, also where there
// is an error: an answer needs it.
func decodeReview(body []byte) (*review.Request, types.UID, error) {
	var sent reviewBody
	err := json.UnmarshalCaseSensitivePreserveInts(body, &sent)
	var uid types.UID
	if sent.Request != nil {
		uid = sent.Request.UID
	}
	want := admissionv1.SchemeGroupVersion
	switch {
	case err != nil:
		return nil, uid, fmt.Errorf("the body is no admission review: %w", err)
	case sent.APIVersion != want.String() || sent.Kind != "AdmissionReview":
		return nil, uid, fmt.Errorf("the body is apiVersion %q, kind %q, expected %q, %q", sent.APIVersion, sent.Kind, want.String(), "AdmissionReview")
	case sent.Request == nil:
		return nil, uid, errors.New("the admission review has no request")
	}
	object, err := asObject("object", sent.Request.Object)
	if err != nil {
		return nil, uid, err
	}
	old, err := asObject("oldObject", sent.Request.OldObject)
	if err != nil {
		return nil, uid, err
	}
	request, err := review.NewDecodedRequest(sent.Request.admission(), object, old)
	return request, uid, err
}

// asObject yields nil for what is absent or null.
func asObject(field string, value any) (map[string]any, error) {
	if value == nil {
		return nil, nil
	}
	object, ok := value.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("request.%s is no JSON object", field)
	}
	return object, nil
}

// bodies lends buffers for bodies: nothing that is decoded points into them.
type bodies struct{ pool sync.Pool }

// read yields the body in a buffer that goes back to put.
func (b *bodies) read(r *http.Request) (*bytes.Buffer, error) {
	if mediaType := r.Header.Get("Content-Type"); mediaType != "application/json" {
		return nil, statusError{http.StatusBadRequest, fmt.Errorf("contentType=%s, expected application/json", mediaType)}
	}
	buffer, ok := b.pool.Get().(*bytes.Buffer)
	if !ok {
		buffer = new(bytes.Buffer)
	}
	read, err := buffer.ReadFrom(io.LimitReader(r.Body, maxBodyBytes+1))
	switch {
	case err != nil:
		err = statusError{http.StatusBadRequest, fmt.Errorf("reading the body: %w", err)}
	case read > maxBodyBytes:
		err = statusError{http.StatusRequestEntityTooLarge, fmt.Errorf("the body has more than %d bytes", maxBodyBytes)}
	case read == 0:
		err = statusError{http.StatusBadRequest, errors.New("the body is empty")}
	}
	if err != nil {
		b.put(buffer)
		return nil, err
	}
	return buffer, nil
}

func (b *bodies) put(buffer *bytes.Buffer) {
	if buffer.Cap() <= maxPooledBytes {
		buffer.Reset()
		b.pool.Put(buffer)
	}
}
