package admissionpolicy_test

import (
	"context"
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admission/v1"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/yaml"

	"github.com/kroguard/kroguard/policies"
	"github.com/kroguard/kroguard/policies/admissionpolicy"
	"github.com/kroguard/kroguard/policies/cel"
)

// options are those of a compiler with a driver.
func options(tb testing.TB) admissionpolicy.Options {
	tb.Helper()
	driver, err := cel.New()
	if err != nil {
		tb.Fatal(err)
	}
	return admissionpolicy.Options{Driver: driver}
}

// policy is one that denies everything that it is for: what it matches can be told from what it says.
func policy(tb testing.TB, name, spec string) *admissionregistrationv1.ValidatingAdmissionPolicy {
	tb.Helper()
	p := &admissionregistrationv1.ValidatingAdmissionPolicy{ObjectMeta: metav1.ObjectMeta{Name: name}}
	decode(tb, spec, &p.Spec)
	if len(p.Spec.Validations) == 0 && len(p.Spec.AuditAnnotations) == 0 {
		p.Spec.Validations = []admissionregistrationv1.Validation{{Expression: "false", Message: "denied"}}
	}
	if p.Spec.MatchConstraints == nil {
		decode(tb, anyConfigMap, &p.Spec)
	}
	return p
}

// anyConfigMap is what policies are for that say nothing else.
const anyConfigMap = `
matchConstraints: {resourceRules: [{apiGroups: [""], apiVersions: [v1], resources: [configmaps], operations: [CREATE, UPDATE]}]}
`

// bindingOf binds a policy; it denies where the spec doesn't say otherwise.
func bindingOf(tb testing.TB, policy, name, spec string) *admissionregistrationv1.ValidatingAdmissionPolicyBinding {
	tb.Helper()
	b := &admissionregistrationv1.ValidatingAdmissionPolicyBinding{ObjectMeta: metav1.ObjectMeta{Name: name}}
	decode(tb, spec, &b.Spec)
	b.Spec.PolicyName = policy
	if b.Spec.ValidationActions == nil {
		b.Spec.ValidationActions = []admissionregistrationv1.ValidationAction{admissionregistrationv1.Deny}
	}
	return b
}

func decode(tb testing.TB, text string, into any) {
	tb.Helper()
	if err := yaml.UnmarshalStrict([]byte(text), into); err != nil {
		tb.Fatal(err)
	}
}

// objectOf decodes an object as the webhook does.
func objectOf(tb testing.TB, text string) map[string]any {
	tb.Helper()
	raw, err := yaml.YAMLToJSON([]byte(text))
	if err != nil {
		tb.Fatal(err)
	}
	var object map[string]any
	if err := utiljson.Unmarshal(raw, &object); err != nil {
		tb.Fatal(err)
	}
	return object
}

// kro is who creates rendered resources.
var kro = authenticationv1.UserInfo{
	Username: "system:serviceaccount:kro-system:kro",
	Groups:   []string{"system:serviceaccounts", "system:serviceaccounts:kro-system", "system:authenticated"},
}

// configMap is the CREATE of a ConfigMap in a namespace with labels.
func configMap(tb testing.TB) policies.InputOptions {
	tb.Helper()
	return policies.InputOptions{
		Request: &admissionv1.AdmissionRequest{
			Kind:     metav1.GroupVersionKind{Version: "v1", Kind: "ConfigMap"},
			Resource: metav1.GroupVersionResource{Version: "v1", Resource: "configmaps"},
			Name:     "settings", Namespace: "payments", Operation: admissionv1.Create, UserInfo: kro,
		},
		Object: objectOf(tb, `
apiVersion: v1
kind: ConfigMap
metadata: {name: settings, namespace: payments, labels: {tier: web}}
data: {size: large}
`),
		Instance:  map[string]any{"kind": "WebApp"},
		Namespace: &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "payments", Labels: map[string]string{"env": "prod"}}},
	}
}

// clusterRole is the CREATE of something that is in no namespace.
func clusterRole(tb testing.TB) policies.InputOptions {
	tb.Helper()
	return policies.InputOptions{
		Request: &admissionv1.AdmissionRequest{
			Kind:     metav1.GroupVersionKind{Group: "rbac.authorization.k8s.io", Version: "v1", Kind: "ClusterRole"},
			Resource: metav1.GroupVersionResource{Group: "rbac.authorization.k8s.io", Version: "v1", Resource: "clusterroles"},
			Name:     "reader", Operation: admissionv1.Create, UserInfo: kro,
		},
		Object:   objectOf(tb, "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: reader}\n"),
		Instance: map[string]any{"kind": "WebApp"},
	}
}

// namespaceObject is the CREATE of a namespace.
func namespaceObject(tb testing.TB) policies.InputOptions {
	tb.Helper()
	return policies.InputOptions{
		Request: &admissionv1.AdmissionRequest{
			Kind:     metav1.GroupVersionKind{Version: "v1", Kind: "Namespace"},
			Resource: metav1.GroupVersionResource{Version: "v1", Resource: "namespaces"},
			Name:     "orders", Operation: admissionv1.Create, UserInfo: kro,
		},
		Object:   objectOf(tb, "apiVersion: v1\nkind: Namespace\nmetadata: {name: orders, labels: {env: test}}\n"),
		Instance: map[string]any{"kind": "WebApp"},
	}
}

// said is what policies say of an input, a line each: "policy/binding: message".
func said(tb testing.TB, all []policies.Policy, options policies.InputOptions) []string {
	tb.Helper()
	in := policies.NewInput(options)
	var lines []string
	for i := range all {
		p := &all[i]
		matches, err := p.Matches(in)
		if err != nil {
			tb.Fatal(err)
		}
		switch {
		case !matches:
			continue
		case p.Err != nil:
			lines = append(lines, p.Name+" does not compile: "+p.Err.Error())
			continue
		}
		findings, err := p.Program.Evaluate(context.Background(), in)
		for _, finding := range findings {
			line := p.Name + ": "
			if finding.Unknown {
				line += "unknown: "
			}
			lines = append(lines, line+finding.Message)
		}
		if err != nil {
			lines = append(lines, p.Name+" failed: "+strings.ReplaceAll(err.Error(), "\n", " "))
		}
	}
	return lines
}

// gvk and gvr are short for what tables repeat.
func gvk(group, version, kind string) schema.GroupVersionKind {
	return schema.GroupVersionKind{Group: group, Version: version, Kind: kind}
}

func gvr(group, version, resource string) schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: group, Version: version, Resource: resource}
}

type (
	definitions = []*admissionregistrationv1.ValidatingAdmissionPolicy
	bindings    = []*admissionregistrationv1.ValidatingAdmissionPolicyBinding
)
