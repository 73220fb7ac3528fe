package webhook

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/go-logr/logr"
	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"
	admissionmetrics "sigs.k8s.io/controller-runtime/pkg/webhook/admission/metrics"

	"github.com/kroguard/kroguard/internal/review"
)

// instanceHandler serves one of the two webhooks on instances. It answers what controller-runtime's admission.Webhook answers, for less:
// that one scans a body three times and leaves the objects encoded, which another two scans decode; here it takes two in all.
// Another difference is that what comes of a panic is for the webhook to say.
//
// It is safe for concurrent use.
type instanceHandler struct {
	// handle judges a request.
	handle func(context.Context, *review.Request) admission.Response
	// failed is the answer to a request whose judgement panicked.
	failed func(*review.Request, error) admission.Response
	log    logr.Logger
	bodies bodies
}

var _ http.Handler = (*instanceHandler)(nil)

// ServeHTTP answers an admission review. Whatever comes, the answer is an AdmissionReview with HTTP status 200: the API server
// shows the message of nothing else.
func (h *instanceHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	uid, response := h.answer(r)
	if err := response.Complete(admission.Request{AdmissionRequest: admissionv1.AdmissionRequest{UID: uid}}); err != nil {
		h.log.Error(err, "the response can't be encoded", "uid", uid)
		response = admission.Errored(http.StatusInternalServerError, fmt.Errorf("encoding the response: %w", err))
		response.UID = uid
	}
	text, err := json.Marshal(admissionv1.AdmissionReview{
		TypeMeta: metav1.TypeMeta{APIVersion: admissionv1.SchemeGroupVersion.String(), Kind: "AdmissionReview"},
		Response: &response.AdmissionResponse,
	})
	if err != nil {
		// Strings, numbers and maps of strings always encode.
		h.log.Error(err, "the response can't be encoded", "uid", uid)
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if _, err := w.Write(text); err != nil {
		h.log.V(1).Info("the API server did not wait for the response", "uid", uid, "error", err.Error())
	}
}

// answer reads and judges a request.
func (h *instanceHandler) answer(r *http.Request) (types.UID, admission.Response) {
	body, err := h.bodies.read(r)
	if err != nil {
		return "", h.unreadable("", err)
	}
	request, uid, err := decodeReview(body.Bytes())
	h.bodies.put(body)
	if err != nil {
		return uid, h.unreadable(uid, err)
	}
	return uid, h.judge(r.Context(), request)
}

// judge has the request judged; a panic is an error of this request alone.
func (h *instanceHandler) judge(ctx context.Context, request *review.Request) (response admission.Response) {
	defer func() {
		cause := recover()
		if cause == nil {
			return
		}
		admissionmetrics.WebhookPanics.WithLabelValues().Inc()
		for _, handle := range utilruntime.PanicHandlers {
			handle(ctx, cause)
		}
		response = h.failed(request, fmt.Errorf("panic: %v [recovered]", cause))
	}()
	return h.handle(ctx, request)
}

// unreadable refuses what is no admission review on an instance. No API server sends such a thing.
func (h *instanceHandler) unreadable(uid types.UID, err error) admission.Response {
	h.log.Error(err, "a request could not be read", "uid", uid)
	code := int32(http.StatusBadRequest)
	if status, ok := errors.AsType[statusError](err); ok {
		code = status.code
	}
	return admission.Errored(code, err)
}
