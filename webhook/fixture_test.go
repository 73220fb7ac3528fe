package webhook

import (
	"bufio"
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	krov1alpha1 "github.com/kubernetes-sigs/kro/api/v1alpha1"
	admissionv1 "k8s.io/api/admission/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"

	"github.com/kroguard/kroguard/internal/labeling"
	"github.com/kroguard/kroguard/internal/offering"
	"github.com/kroguard/kroguard/internal/project"
	"github.com/kroguard/kroguard/internal/review"
	"github.com/kroguard/kroguard/policies"
	"github.com/kroguard/kroguard/policies/cel"
	"github.com/kroguard/kroguard/policies/rego"
	"github.com/kroguard/kroguard/policies/v1alpha1"
)

//go:embed testdata/platform.yaml
var platform []byte

// configuration is what a snapshot is built of.
type configuration struct {
	offerings  []*offering.Offering
	claims     []*project.Claim
	namespaces map[string]*corev1.Namespace
	guardrails []*v1alpha1.Guardrail
}

// newStore publishes a snapshot of testdata/platform.yaml with further guardrails.
func newStore(tb testing.TB, guardrails ...*v1alpha1.Guardrail) *review.Store {
	tb.Helper()
	c := configuration{namespaces: map[string]*corev1.Namespace{}, guardrails: guardrails}
	documents := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(platform)))
	for {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			tb.Fatal(err)
		}
		c.add(tb, document)
	}
	var namespaces []project.Namespace
	for _, namespace := range c.namespaces {
		namespaces = append(namespaces, project.Namespace{Name: namespace.Name, Labels: namespace.Labels})
	}
	store := review.NewStore()
	store.Publish(&review.Snapshot{
		Offerings:  offering.NewCatalog(c.offerings),
		Projects:   project.NewIndex(c.claims, namespaces),
		Guardrails: newCompiler(tb).Compile(tb.Context(), c.guardrails, nil),
		Namespaces: c.namespaces,
		Settings:   review.Settings{KroUsers: []string{kroUser}, LabelKeys: labeling.DefaultKeys()},
	})
	return store
}

func (c *configuration) add(tb testing.TB, document []byte) {
	tb.Helper()
	var meta metav1.TypeMeta
	decode(tb, document, &meta)
	switch meta.Kind {
	case "Namespace":
		namespace := new(corev1.Namespace)
		decode(tb, document, namespace)
		c.namespaces[namespace.Name] = namespace
	case "Project":
		object := new(v1alpha1.Project)
		decode(tb, document, object)
		claim, errs := project.FromProject(object)
		if len(errs) > 0 {
			tb.Fatal(errs)
		}
		c.claims = append(c.claims, claim)
	case "ResourceGraphDefinition":
		rgd := new(krov1alpha1.ResourceGraphDefinition)
		decode(tb, document, rgd)
		parsed, problems, _ := offering.Parse(rgd)
		if len(problems) > 0 {
			tb.Fatal(problems)
		}
		c.offerings = append(c.offerings, parsed)
	case "Guardrail":
		guardrail := new(v1alpha1.Guardrail)
		decode(tb, document, guardrail)
		c.guardrails = append(c.guardrails, guardrail)
	default:
		tb.Fatalf("unexpected kind %q", meta.Kind)
	}
}

func decode(tb testing.TB, document []byte, into any) {
	tb.Helper()
	if err := yaml.Unmarshal(document, into); err != nil {
		tb.Fatal(err)
	}
}

func newCompiler(tb testing.TB) *policies.Compiler {
	tb.Helper()
	driver, err := cel.New()
	if err != nil {
		tb.Fatal(err)
	}
	return policies.NewCompiler(driver, driver, rego.New(rego.Options{}))
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
