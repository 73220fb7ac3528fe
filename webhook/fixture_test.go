package webhook

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	admissionv1 "k8s.io/api/admission/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"

	"github.com/kroguard/kroguard/internal/labeling"
	"github.com/kroguard/kroguard/internal/review"
	"github.com/kroguard/kroguard/internal/review/reviewtest"
	"github.com/kroguard/kroguard/policies/v1alpha1"
)

//go:embed testdata/platform.yaml
var platform []byte

// newStore publishes a snapshot of testdata/platform.yaml with further guardrails.
func newStore(tb testing.TB, guardrails ...*v1alpha1.Guardrail) *review.Store {
	tb.Helper()
	store := review.NewStore()
	store.Publish(reviewtest.NewSnapshot(tb, platform, review.Settings{KroUsers: []string{kroUser}, LabelKeys: labeling.DefaultKeys()}, guardrails...))
	return store
}

const (
	kroUser   = "system:serviceaccount:kro-system:kro"
	developer = "jane"
)

// webApp is an instance as YAML; its spec is what the developer writes.
func webApp(spec string) string {
	return "apiVersion: kro.run/v1alpha1\nkind: WebApp\nmetadata: {name: shop, namespace: payments-dev}\nspec: " + spec
}

// reviewOf is the body of an admission review of a CREATE, or with old of an UPDATE.
func reviewOf(tb testing.TB, user, object, old string) []byte {
	tb.Helper()
	request := &admissionv1.AdmissionRequest{
		UID: "u", Operation: admissionv1.Create, Namespace: "payments-dev", Name: "shop",
		Kind:     metav1.GroupVersionKind{Group: "kro.run", Version: "v1alpha1", Kind: "WebApp"},
		Resource: metav1.GroupVersionResource{Group: "kro.run", Version: "v1alpha1", Resource: "webapps"},
		UserInfo: authenticationv1.UserInfo{Username: user},
		Object:   runtime.RawExtension{Raw: asJSON(tb, object)},
	}
	if old != "" {
		request.Operation = admissionv1.Update
		request.OldObject.Raw = asJSON(tb, old)
	}
	body, err := json.Marshal(admissionv1.AdmissionReview{
		TypeMeta: metav1.TypeMeta{APIVersion: "admission.k8s.io/v1", Kind: "AdmissionReview"}, Request: request,
	})
	if err != nil {
		tb.Fatal(err)
	}
	return body
}

func asJSON(tb testing.TB, text string) []byte {
	tb.Helper()
	raw, err := yaml.YAMLToJSON([]byte(text))
	if err != nil {
		tb.Fatal(err)
	}
	return raw
}

// post sends a body through a handler as the API server does, and returns the response.
func post(handler http.Handler, body []byte) (*admissionv1.AdmissionResponse, error) {
	request := httptest.NewRequestWithContext(context.Background(), http.MethodPost, "/", bytes.NewReader(body))
	request.Header.Set("Content-Type", "application/json")
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, request)
	var answer admissionv1.AdmissionReview
	if err := json.Unmarshal(recorder.Body.Bytes(), &answer); err != nil {
		return nil, fmt.Errorf("the answer is no admission review: %w: %s", err, recorder.Body.String())
	}
	if answer.Response == nil {
		return nil, fmt.Errorf("the answer has no response: %s", recorder.Body.String())
	}
	return answer.Response, nil
}

func mustPost(tb testing.TB, handler http.Handler, body []byte) *admissionv1.AdmissionResponse {
	tb.Helper()
	response, err := post(handler, body)
	if err != nil {
		tb.Fatal(err)
	}
	return response
}
