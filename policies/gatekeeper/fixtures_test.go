package gatekeeper_test

import (
	"testing"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/yaml"

	"github.com/kroguard/kroguard/policies"
	"github.com/kroguard/kroguard/policies/cel"
	"github.com/kroguard/kroguard/policies/gatekeeper"
	"github.com/kroguard/kroguard/policies/rego"
)

func newCompiler(tb testing.TB) *gatekeeper.Compiler {
	tb.Helper()
	driver, err := cel.New()
	if err != nil {
		tb.Fatal(err)
	}
	compiler, err := gatekeeper.NewCompiler(driver, rego.New(rego.Options{}))
	if err != nil {
		tb.Fatal(err)
	}
	return compiler
}

// object decodes an object as the webhook does.
func object(tb testing.TB, text string) map[string]any {
	tb.Helper()
	raw, err := yaml.YAMLToJSON([]byte(text))
	if err != nil {
		tb.Fatal(err)
	}
	var decoded map[string]any
	if err := utiljson.Unmarshal(raw, &decoded); err != nil {
		tb.Fatal(err)
	}
	return decoded
}

// named is an object that the API server has stored.
func named(tb testing.TB, text, uid string, generation int64) map[string]any {
	tb.Helper()
	u := &unstructured.Unstructured{Object: object(tb, text)}
	u.SetUID(types.UID(uid))
	u.SetGeneration(generation)
	return u.Object
}

// says is a template whose violation says something.
func says(kind, lowercase, rego string) string {
	return `
apiVersion: templates.gatekeeper.sh/v1
kind: ConstraintTemplate
metadata: {name: ` + lowercase + `}
spec:
  crd: {spec: {names: {kind: ` + kind + `}, validation: {openAPIV3Schema: {type: object, properties: {say: {type: string}}}}}}
  targets:
  - target: admission.k8s.gatekeeper.sh
    rego: |
      package x
      ` + rego + `
`
}

func constraint(kind, name, spec string) string {
	return "apiVersion: constraints.gatekeeper.sh/v1beta1\nkind: " + kind + "\nmetadata: {name: " + name + "}\nspec: " + spec + "\n"
}

// deployment is the CREATE of a Deployment in namespace payments.
func deployment(tb testing.TB) policies.InputOptions {
	tb.Helper()
	return policies.InputOptions{
		Object: object(tb, `
apiVersion: apps/v1
kind: Deployment
metadata: {name: shop, namespace: payments, labels: {app: shop}}
spec: {replicas: 3}
`),
		Request: &admissionv1.AdmissionRequest{
			Kind: metav1.GroupVersionKind{Group: "apps", Version: "v1", Kind: "Deployment"}, Name: "shop", Namespace: "payments",
			Operation: admissionv1.Create, UserInfo: authenticationv1.UserInfo{Username: "anna"},
		},
		Namespace: &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "payments", Labels: map[string]string{"env": "prod"}}},
	}
}

// violation is one of a verdict.
type violation struct {
	Policy, Message string
	// Does is what it does: "deny", "warn", "audit", or "ignored" for an error that counts as none.
	Does    string
	Unknown bool
}

// judge evaluates policies.
func judge(tb testing.TB, list []policies.Policy, options policies.InputOptions) []violation {
	tb.Helper()
	verdict := (*policies.Set)(nil).With(list, nil).Evaluate(tb.Context(), policies.NewInput(options), time.Now())
	var all []violation
	for _, group := range []struct {
		does string
		of   []policies.Violation
	}{{"deny", verdict.Denied}, {"warn", verdict.Warned}, {"audit", verdict.Audited}} {
		for i := range group.of {
			v := &group.of[i]
			all = append(all, violation{Policy: v.Source + " " + v.Guardrail, Message: v.Message, Does: group.does, Unknown: v.Unknown})
		}
	}
	for _, ignored := range verdict.Ignored {
		all = append(all, violation{Policy: ignored.Guardrail, Message: ignored.Err.Error(), Does: "ignored"})
	}
	return all
}
