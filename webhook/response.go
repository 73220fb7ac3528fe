package webhook

import (
	"net/http"

	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"
)

// forbid refuses a request: always 403 Forbidden, whatever the finding. GitOps controllers take 422 Invalid and 409 Conflict
// as leave to delete and recreate the object (Flux does with force: true), which no guardrail may cause.
func forbid(message string, causes []metav1.StatusCause) admission.Response {
	return admission.Response{AdmissionResponse: admissionv1.AdmissionResponse{
		Allowed: false,
		Result:  forbidden(message, causes),
	}}
}

// forbidden is the status of a refused request.
func forbidden(message string, causes []metav1.StatusCause) *metav1.Status {
	status := &metav1.Status{
		Status:  metav1.StatusFailure,
		Code:    http.StatusForbidden,
		Reason:  metav1.StatusReasonForbidden,
		Message: message,
	}
	if len(causes) > 0 {
		status.Details = &metav1.StatusDetails{Causes: causes}
	}
	return status
}

// allow admits a request with warnings; nil for none.
func allow(warnings []string) admission.Response {
	return admission.Response{AdmissionResponse: admissionv1.AdmissionResponse{Allowed: true, Warnings: warnings}}
}
