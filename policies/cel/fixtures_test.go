package cel_test

import (
	"context"
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admission/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/authorization/authorizer"

	"github.com/kroguard/kroguard/policies"
	"github.com/kroguard/kroguard/policies/cel"
	"github.com/kroguard/kroguard/policies/v1alpha1"
)

// newDriver builds the driver, which works or fails for all tests alike.
func newDriver(tb testing.TB) *cel.Driver {
	tb.Helper()
	driver, err := cel.New()
	if err != nil {
		tb.Fatal(err)
	}
	return driver
}

// webApp is an instance as a developer writes it, decoded as the webhook decodes it.
func webApp() map[string]any {
	return map[string]any{
		"apiVersion": "kro.run/v1alpha1",
		"kind":       "WebApp",
		"metadata": map[string]any{
			"name":      "shop",
			"namespace": "payments-prod",
			"labels":    map[string]any{"team": "payments"},
		},
		"spec": map[string]any{
			"replicas": int64(5),
			"ratio":    0.5,
			"image":    "registry.example.com/shop:1.4.2",
			"memory":   "512Mi",
			"host":     "https://shop.example.com:8443/cart",
			"address":  "10.1.2.3",
			"public":   true,
			"text":     strings.Repeat("x", 3400),
			"ports":    []any{int64(80), int64(443)},
			"env":      []any{map[string]any{"name": "A", "value": "1"}, map[string]any{"name": "B"}},
		},
	}
}

// review is a CREATE of webApp by a developer of a project.
func review() policies.InputOptions {
	kind := metav1.GroupVersionKind{Group: "kro.run", Version: "v1alpha1", Kind: "WebApp"}
	resource := metav1.GroupVersionResource{Group: "kro.run", Version: "v1alpha1", Resource: "webapps"}
	return policies.InputOptions{
		Request: &admissionv1.AdmissionRequest{
			UID:             "705ab4f5-6393-11e8-b7cc-42010a800002",
			Kind:            kind,
			Resource:        resource,
			RequestKind:     &kind,
			RequestResource: &resource,
			Name:            "shop",
			Namespace:       "payments-prod",
			Operation:       admissionv1.Create,
			UserInfo: authenticationv1.UserInfo{
				Username: "ada",
				UID:      "42",
				Groups:   []string{"developers", "system:authenticated"},
				Extra:    map[string]authenticationv1.ExtraValue{"scopes": {"read", "write"}},
			},
			DryRun: new(bool),
		},
		Object: webApp(),
		Namespace: &corev1.Namespace{
			ObjectMeta: metav1.ObjectMeta{
				Name:        "payments-prod",
				Labels:      map[string]string{"env": "prod"},
				Annotations: map[string]string{"owner": "ada"},
			},
			Status: corev1.NamespaceStatus{Phase: corev1.NamespaceActive},
		},
		OfferingName: "webapp",
		Offering:     map[string]any{"name": "webapp", "category": "web"},
		ProjectName:  "payments",
		Project: map[string]any{
			"name":       "payments",
			"parameters": map[string]any{"maxReplicas": int64(3)},
		},
	}
}

// params is spec.params.
func params(text string) *apiextensionsv1.JSON {
	if text == "" {
		return nil
	}
	return &apiextensionsv1.JSON{Raw: []byte(text)}
}

// guardrail wraps a policy.
func guardrail(policy *v1alpha1.CELPolicy) *v1alpha1.Guardrail {
	return &v1alpha1.Guardrail{ObjectMeta: metav1.ObjectMeta{Name: "test"}, Spec: v1alpha1.GuardrailSpec{CEL: policy}}
}

// checks is a policy of validations that have no message.
func checks(expressions ...string) *v1alpha1.CELPolicy {
	policy := &v1alpha1.CELPolicy{}
	for _, expression := range expressions {
		policy.Validations = append(policy.Validations, v1alpha1.CELValidation{Expression: expression})
	}
	return policy
}

// mustCompile compiles a policy that is in order.
func mustCompile(tb testing.TB, driver *cel.Driver, g *v1alpha1.Guardrail) policies.Program {
	tb.Helper()
	program, warnings, err := driver.Compile(context.Background(), g)
	if err != nil {
		tb.Fatalf("the policy does not compile: %v", err)
	}
	if len(warnings) != 0 {
		tb.Fatalf("unexpected warnings: %v", warnings)
	}
	return program
}

// errorText is the text of an error; "" for nil.
func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// grants is an authorizer that allows what it lists, as "user verb group/resource namespace/name", and counts the questions.
type grants struct {
	allowed map[string]bool
	asked   int
}

func (g *grants) Authorize(
	_ context.Context, a authorizer.Attributes,
) (authorizer.Decision, string, error) {
	g.asked++
	if !a.IsResourceRequest() {
		if g.allowed[a.GetUser().GetName()+" "+a.GetVerb()+" "+a.GetPath()] {
			return authorizer.DecisionAllow, "", nil
		}
		return authorizer.DecisionDeny, "", nil
	}
	key := a.GetUser().GetName() + " " + a.GetVerb() + " " + a.GetAPIGroup() + "/" + a.GetResource() + " " +
		a.GetNamespace() + "/" + a.GetName()
	if g.allowed[key] {
		return authorizer.DecisionAllow, "", nil
	}
	return authorizer.DecisionDeny, "not granted", nil
}

func (g *grants) ConditionsAwareAuthorize(
	ctx context.Context, a authorizer.Attributes,
) authorizer.ConditionsAwareDecision {
	return authorizer.ConditionsAwareDecisionFromParts(g.Authorize(ctx, a))
}

func (g *grants) EvaluateConditions(
	context.Context, authorizer.ConditionsAwareDecision, authorizer.ConditionsData,
) (authorizer.Decision, string, error) {
	return authorizer.DecisionDeny, "", authorizer.ErrorConditionEvaluationNotSupported
}
