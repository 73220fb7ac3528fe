package admissionpolicy

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/kroguard/kroguard/test/e2e/harness"
)

// suite is a policy with its bindings, as the API server has them.
type suite struct {
	name     string
	policy   *admissionregistrationv1.ValidatingAdmissionPolicy
	bindings []*admissionregistrationv1.ValidatingAdmissionPolicyBinding
}

// suiteOf decodes a policy and its bindings, which do what the action says.
func suiteOf(t *testing.T, name string, action admissionregistrationv1.ValidationAction, texts ...string) *suite {
	t.Helper()
	s := &suite{name: name, policy: &admissionregistrationv1.ValidatingAdmissionPolicy{ObjectMeta: metav1.ObjectMeta{Name: name}}}
	decode(t, "spec:\n"+texts[0], s.policy)
	for i, text := range texts[1:] {
		b := &admissionregistrationv1.ValidatingAdmissionPolicyBinding{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("%s-%d", name, i)}}
		decode(t, text, &b.Spec)
		b.Spec.PolicyName = name
		b.Spec.ValidationActions = []admissionregistrationv1.ValidationAction{action}
		s.bindings = append(s.bindings, b)
	}
	return s
}

func decode(t *testing.T, text string, into any) {
	t.Helper()
	if err := yaml.UnmarshalStrict([]byte(text), into); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
}

// sentinel is a policy on objects that no other policy is for: what it says tells that all before it are in force.
const sentinel = "  matchConstraints: {resourceRules: [{apiGroups: [coordination.k8s.io], apiVersions: [v1], resources: [leases], operations: [CREATE], resourceNames: [sentinel]}]}\n" +
	"  validations: [{expression: 'false', message: in force}]\n"

// enforce makes the suites' objects and returns when they are in force. Remove takes them away again: where other ones are in force
// afterwards, these are not, since the API server learns of bindings in the order of their changes.
func enforce(t *testing.T, suites []*suite) (remove func()) {
	t.Helper()
	mark := suiteOf(t, "sentinel-"+suites[0].name, admissionregistrationv1.Deny, sentinel, "{}")
	all := append(slices.Clone(suites), mark)
	var made []client.Object
	for _, one := range all {
		made = append(made, one.policy)
	}
	for _, one := range all {
		for _, b := range one.bindings {
			made = append(made, b)
		}
	}
	for _, object := range made {
		if err := admin.Create(t.Context(), object); err != nil {
			t.Fatalf("%s: %v", object.GetName(), err)
		}
	}
	harness.Eventually(t, eventually, func(ctx context.Context) error {
		lease := &unstructured.Unstructured{}
		decode(t, "apiVersion: coordination.k8s.io/v1\nkind: Lease\nmetadata: {name: sentinel, namespace: platform}\n", &lease.Object)
		err := admin.Create(ctx, lease, client.DryRunAll)
		if err == nil || !strings.Contains(err.Error(), "'"+mark.name+"'") {
			return fmt.Errorf("%s is not in force", mark.name)
		}
		return nil
	})
	return func() {
		for _, object := range made {
			if err := admin.Delete(t.Context(), object); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// tried is an object as the API server has it when it asks the policies: with all that it fills in.
type tried struct {
	object, old map[string]any
}

// written is an object as it is rendered, without what the API server fills in.
func written(t *testing.T, text string, old map[string]any) *tried {
	t.Helper()
	object := map[string]any{}
	decode(t, text, &object)
	raw, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	clear(object)
	if err := utiljson.Unmarshal(raw, &object); err != nil {
		t.Fatal(err)
	}
	return &tried{object: object, old: old}
}

// try sends an object as a dry run, as kro would.
func try(t *testing.T, text string) (*tried, error) {
	t.Helper()
	object := &unstructured.Unstructured{}
	decode(t, text, &object.Object)
	if object.GetName() != "stored" {
		err := kro.Create(t.Context(), object, client.DryRunAll)
		return &tried{object: object.Object}, err
	}
	old := object.DeepCopy()
	if err := admin.Get(t.Context(), client.ObjectKeyFromObject(object), old); err != nil {
		t.Fatal(err)
	}
	object.SetResourceVersion(old.GetResourceVersion())
	object.SetUID(old.GetUID())
	err := kro.Update(t.Context(), object, client.DryRunAll)
	return &tried{object: object.Object, old: old.Object}, err
}

// answer is what the API server said: the warnings in any order, and the one message of a refusal.
type answer struct {
	Warned []string
	Denied string
}

// answerOf reads the API server's answer.
func answerOf(t *testing.T, texts []string, err error) answer {
	t.Helper()
	var a answer
	for _, text := range texts {
		text, ok := strings.CutPrefix(text, "Validation failed for ValidatingAdmissionPolicy '")
		if !ok {
			t.Fatalf("unexpected warning %q", text)
		}
		a.Warned = append(a.Warned, strings.Replace(text, "' with binding '", "/", 1))
	}
	for i := range a.Warned {
		a.Warned[i] = strings.Replace(a.Warned[i], "': ", ": ", 1)
	}
	if err == nil {
		return a
	}
	status, ok := err.(apierrors.APIStatus)
	if !ok {
		t.Fatal(err)
	}
	causes := status.Status().Details.Causes
	if len(causes) != 1 {
		t.Fatalf("no policy refused: %v", err)
	}
	message := strings.TrimPrefix(causes[0].Message, "ValidatingAdmissionPolicy '")
	message = strings.Replace(message, "' with binding '", "/", 1)
	a.Denied = strings.Replace(message, "' denied request: ", ": ", 1)
	return a
}
