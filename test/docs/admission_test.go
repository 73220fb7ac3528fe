package docs

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	admissionv1 "k8s.io/api/admission/v1"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/kroguard/kroguard/policies"
	"github.com/kroguard/kroguard/policies/admissionpolicy"
	"github.com/kroguard/kroguard/policies/cel"
)

// admissionOf reads the ValidatingAdmissionPolicies of a page, their bindings, and what may be their params.
func admissionOf(t *testing.T, p *Page) (
	definitions []*admissionregistrationv1.ValidatingAdmissionPolicy,
	bindings []*admissionregistrationv1.ValidatingAdmissionPolicyBinding, params []map[string]any,
) {
	t.Helper()
	for _, block := range p.Blocks {
		if block.Language != "yaml" {
			continue
		}
		all, err := documents(block.Text)
		if err != nil {
			t.Fatalf("%s:%d: %v", p.Name, block.Line, err)
		}
		for _, document := range all {
			var object map[string]any
			read := func(into any) {
				if err := yaml.UnmarshalStrict(document, into); err != nil {
					t.Errorf("%s:%d: %v", p.Name, block.Line, err)
				}
			}
			if err := yaml.Unmarshal(document, &object); err != nil {
				continue
			}
			switch object["kind"] {
			case "ValidatingAdmissionPolicy":
				definition := new(admissionregistrationv1.ValidatingAdmissionPolicy)
				read(definition)
				definitions = append(definitions, definition)
			case "ValidatingAdmissionPolicyBinding":
				binding := new(admissionregistrationv1.ValidatingAdmissionPolicyBinding)
				read(binding)
				bindings = append(bindings, binding)
			case "ConfigMap":
				params = append(params, object)
			}
		}
	}
	return definitions, bindings, params
}

// TestAPolicyAndItsTranslationSayTheSame compares the policy of the page, on what an instance expands into, with the guardrail that
// the page makes of it, whose answer on the instance the page shows.
func TestAPolicyAndItsTranslationSayTheSame(t *testing.T) {
	p := page(t, "docs/coming-from-validatingadmissionpolicy.md")
	definitions, bindings, params := admissionOf(t, p)
	driver, err := cel.New()
	if err != nil {
		t.Fatal(err)
	}
	made := admissionpolicy.NewCompiler(admissionpolicy.Options{Driver: driver, Params: admissionpolicy.NewObjects(params)}).
		Compile(definitions, bindings)
	if len(made) != 1 || made[0].Err != nil || made[0].Name != "replica-limit/replica-limit-dev" {
		t.Fatalf("got %+v", made)
	}
	judge := func(replicas int64, env string) []policies.Finding {
		in := policies.NewInput(policies.InputOptions{
			Request: &admissionv1.AdmissionRequest{
				Kind:     metav1.GroupVersionKind{Group: "apps", Version: "v1", Kind: "Deployment"},
				Resource: metav1.GroupVersionResource{Group: "apps", Version: "v1", Resource: "deployments"},
				Name:     "checkout", Namespace: "payments-dev", Operation: admissionv1.Create,
				UserInfo: authenticationv1.UserInfo{Username: "system:serviceaccount:kro-system:kro", Groups: []string{"system:authenticated"}},
			},
			Object:    map[string]any{"apiVersion": "apps/v1", "kind": "Deployment", "spec": map[string]any{"replicas": replicas}},
			Instance:  map[string]any{"kind": "WebApp"},
			Namespace: &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "payments-dev", Labels: map[string]string{"env": env}}},
		})
		if matches, err := made[0].Matches(in); err != nil || !matches {
			return nil
		}
		findings, err := made[0].Program.Evaluate(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		return findings
	}
	denied := []policies.Finding{{Message: "replicas is 50, at most 5 are allowed", Reason: "Forbidden"}}
	if diff := cmp.Diff(denied, judge(50, "dev")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := append(judge(50, "prod"), judge(5, "dev")...); got != nil {
		t.Errorf("got %v", got)
	}
	const shown = "replicas is 50, at most 5 are allowed (Forbidden)."
	for _, block := range p.Blocks {
		if block.Language == "text" && strings.Contains(oneLine(block.Text), shown) {
			return
		}
	}
	t.Errorf("the page does not show that the guardrail says %q", shown)
}
