package webhook

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
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

// realistic is the body of a CREATE, or with old of an UPDATE, as an API server sends it after a server-side apply: an instance of
// some 3 KiB with metadata, managedFields of the same size, and the groups of a user of an identity provider.
func realistic(tb testing.TB, old bool) []byte {
	tb.Helper()
	instance := realisticInstance()
	request := &admissionv1.AdmissionRequest{
		UID: "705ab4f5-6393-11e8-b7cc-42010a800002", Operation: admissionv1.Create, Namespace: "payments-dev", Name: "shop",
		Kind:            metav1.GroupVersionKind{Group: "kro.run", Version: "v1alpha1", Kind: "WebApp"},
		Resource:        metav1.GroupVersionResource{Group: "kro.run", Version: "v1alpha1", Resource: "webapps"},
		RequestKind:     &metav1.GroupVersionKind{Group: "kro.run", Version: "v1alpha1", Kind: "WebApp"},
		RequestResource: &metav1.GroupVersionResource{Group: "kro.run", Version: "v1alpha1", Resource: "webapps"},
		UserInfo: authenticationv1.UserInfo{
			Username: "oidc:jane@example.com", UID: "1b1a7b4e-0a8c-4b9e-9f0e-0e7b1c0a2b3c",
			Groups: []string{"oidc:developers", "oidc:team-payments", "oidc:on-call", "system:authenticated"},
			Extra:  map[string]authenticationv1.ExtraValue{"authentication.kubernetes.io/credential-id": {"JTI=8d3c5c2e-7a55-4a6e-9a1b"}},
		},
		DryRun:  new(bool),
		Object:  runtime.RawExtension{Raw: instance},
		Options: runtime.RawExtension{Raw: []byte(`{"kind":"PatchOptions","apiVersion":"meta.k8s.io/v1","force":true,"fieldManager":"kubectl"}`)},
	}
	if old {
		request.Operation = admissionv1.Update
		request.OldObject.Raw = instance
	}
	body, err := json.Marshal(admissionv1.AdmissionReview{
		TypeMeta: metav1.TypeMeta{APIVersion: "admission.k8s.io/v1", Kind: "AdmissionReview"}, Request: request,
	})
	if err != nil {
		tb.Fatal(err)
	}
	return body
}

func realisticInstance() []byte {
	var env, fields []string
	for n := range 25 {
		env = append(env, fmt.Sprintf(`{"name":"SETTING_%02d","value":"a value of usual length, number %02d","enabled":true,"weight":%d}`, n, n, n))
		fields = append(fields, fmt.Sprintf(`"k:{\"name\":\"SETTING_%02d\"}":{".":{},"f:name":{},"f:value":{},"f:enabled":{},"f:weight":{}}`, n))
	}
	return fmt.Appendf(nil, `{"apiVersion":"kro.run/v1alpha1","kind":"WebApp","metadata":{"name":"shop","namespace":"payments-dev",`+
		`"uid":"0f6c2a3e-6393-11e8-b7cc-42010a800002","resourceVersion":"182734","generation":4,"creationTimestamp":"2030-01-01T12:00:00Z",`+
		`"labels":{"cost-center":"CC-1","kroguard.io/project":"payments","kroguard.io/offering":"webapp","app":"shop","env":"dev"},`+
		`"annotations":{"kroguard.io/created-by":"jane","example.com/ticket":"PAY-1234"},"finalizers":["kro.run/finalizer"],`+
		`"managedFields":[{"manager":"kubectl","operation":"Apply","apiVersion":"kro.run/v1alpha1","time":"2030-01-01T12:00:00Z",`+
		`"fieldsType":"FieldsV1","fieldsV1":{"f:spec":{"f:image":{},"f:replicas":{},"f:env":{%s}}}}]},`+
		`"spec":{"image":"registry.example.com/shop:1.4.2","replicas":3,"port":8080,"logging":{"level":"info","format":"json"},`+
		`"resources":{"cpu":"500m","memory":"512Mi"},"ingress":{"public":true,"hosts":["shop.example.com","www.example.com"]},"env":[%s]}}`,
		strings.Join(fields, ","), strings.Join(env, ","))
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
	recorder := send(handler, body)
	var answer admissionv1.AdmissionReview
	if err := json.Unmarshal(recorder.Body.Bytes(), &answer); err != nil {
		return nil, fmt.Errorf("the answer is no admission review: %w: %s", err, recorder.Body.String())
	}
	if answer.Response == nil {
		return nil, fmt.Errorf("the answer has no response: %s", recorder.Body.String())
	}
	return answer.Response, nil
}

// send sends a body through a handler as the API server does.
func send(handler http.Handler, body []byte) *httptest.ResponseRecorder {
	request := httptest.NewRequestWithContext(context.Background(), http.MethodPost, "/", bytes.NewReader(body))
	request.Header.Set("Content-Type", "application/json")
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, request)
	return recorder
}

func mustPost(tb testing.TB, handler http.Handler, body []byte) *admissionv1.AdmissionResponse {
	tb.Helper()
	response, err := post(handler, body)
	if err != nil {
		tb.Fatal(err)
	}
	return response
}

// mustServe sends any HTTP request and returns the response in the answer.
func mustServe(t *testing.T, handler http.Handler, request *http.Request) *admissionv1.AdmissionResponse {
	t.Helper()
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, request)
	var answer admissionv1.AdmissionReview
	if err := json.Unmarshal(recorder.Body.Bytes(), &answer); err != nil {
		t.Fatal(err)
	}
	if answer.Response == nil || answer.APIVersion != "admission.k8s.io/v1" || answer.Kind != "AdmissionReview" {
		t.Fatalf("no admission review: %s", recorder.Body)
	}
	return answer.Response
}

func rawObject(raw []byte) runtime.RawExtension { return runtime.RawExtension{Raw: raw} }
