package manifests_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utiljson "k8s.io/apimachinery/pkg/util/json"

	"github.com/kroguard/kroguard/internal/manifests"
	"github.com/kroguard/kroguard/policies"
	"github.com/kroguard/kroguard/policies/cel"
)

const admission = `
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: replicas}
spec:
  paramKind: {apiVersion: example.com/v1, kind: Limit}
  matchConstraints: {resourceRules: [{apiGroups: [kro.run], apiVersions: [v1alpha1], resources: [apps], operations: [CREATE]}]}
  validations: [{expression: object.spec.replicas <= params.max, messageExpression: "'at most ' + string(params.max)"}]
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: everywhere}
spec:
  policyName: replicas
  paramRef: {name: limit, namespace: platform, parameterNotFoundAction: Deny}
  validationActions: [Deny]
---
apiVersion: example.com/v1
kind: Limit
metadata: {name: limit, namespace: platform}
max: 3
---
apiVersion: kro.run/v1alpha1
kind: App
metadata: {name: shop, namespace: left-dev}
spec: {replicas: 5}
`

func TestAdmissionPoliciesOfFilesFindTheirParams(t *testing.T) {
	driver, err := cel.New()
	if err != nil {
		t.Fatal(err)
	}
	c := new(manifests.Configuration)
	if err := c.Read(write(t, map[string]string{"a.yaml": admission})); err != nil {
		t.Fatal(err)
	}
	made, err := c.Admission(driver)
	if err != nil {
		t.Fatal(err)
	}
	if len(made) != 1 || len(c.Others) != 2 {
		t.Fatalf("got %d policies and %d other objects", len(made), len(c.Others))
	}
	request, err := c.Others[1].Request()
	if err != nil {
		t.Fatal(err)
	}
	var object map[string]any
	if err := utiljson.Unmarshal(c.Others[1].Raw, &object); err != nil {
		t.Fatal(err)
	}
	in := policies.NewInput(policies.InputOptions{Request: request.Admission, Object: object})
	if matches, err := made[0].Matches(in); err != nil || !matches {
		t.Fatalf("it does not match: %v", err)
	}
	findings, err := made[0].Program.Evaluate(t.Context(), in)
	if diff := cmp.Diff([]policies.Finding{{Message: "at most 3"}}, findings); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

func TestAdmissionPoliciesThatSayNothingAreErrors(t *testing.T) {
	driver, err := cel.New()
	if err != nil {
		t.Fatal(err)
	}
	c := new(manifests.Configuration)
	if err := c.Read(write(t, map[string]string{"a.yaml": admission})); err != nil {
		t.Fatal(err)
	}
	c.AdmissionPolicies[0].Spec.Validations[0].Expression = "nothing"
	other, dangling := c.AdmissionPolicies[0].DeepCopy(), c.AdmissionBindings[0].DeepCopy()
	other.Name, dangling.ObjectMeta, dangling.Spec.PolicyName = "other", metav1.ObjectMeta{Name: "dangling"}, "absent"
	c.AdmissionPolicies, c.AdmissionBindings = append(c.AdmissionPolicies, other), append(c.AdmissionBindings, dangling)
	const want = `ValidatingAdmissionPolicy replicas/everywhere does not compile: spec.validations[0].expression: line 1, column 1: undeclared reference to 'nothing' (in container '')
ValidatingAdmissionPolicyBinding dangling: there is no policy "absent"
ValidatingAdmissionPolicy other: there is no binding`
	if _, err := c.Admission(driver); err == nil || err.Error() != want {
		t.Errorf("got %v", err)
	}
}
