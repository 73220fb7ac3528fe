package cel

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kroguard/kroguard/policies"
	"github.com/kroguard/kroguard/policies/cel"
	"github.com/kroguard/kroguard/policies/v1alpha1"
)

// judge evaluates guardrails on what the API server judges by its policies.
type judge struct {
	compiler  *policies.Compiler
	params    []byte
	namespace *corev1.Namespace
	user      authenticationv1.UserInfo
}

func newJudge(t *testing.T) *judge {
	t.Helper()
	driver, err := cel.New()
	if err != nil {
		t.Fatal(err)
	}
	j := &judge{compiler: policies.NewCompiler(driver, driver), namespace: &corev1.Namespace{}}
	if err := admin.Get(t.Context(), client.ObjectKey{Name: "payments"}, j.namespace); err != nil {
		t.Fatal(err)
	}
	limits := &unstructured.Unstructured{}
	limits.SetAPIVersion("example.com/v1")
	limits.SetKind("Limit")
	if err := admin.Get(t.Context(), client.ObjectKey{Namespace: "payments", Name: "limits"}, limits); err != nil {
		t.Fatal(err)
	}
	if j.params, err = json.Marshal(limits.Object); err != nil {
		t.Fatal(err)
	}
	// Whom the API server takes ada for, it says itself.
	self := &authenticationv1.SelfSubjectReview{}
	if err := ada.Create(t.Context(), self); err != nil {
		t.Fatal(err)
	}
	j.user = self.Status.UserInfo
	return j
}

// compile makes a guardrail of a policy. It reports whether that compiles.
func (j *judge) compile(p policy) (*policies.Set, bool) {
	set := j.compiler.Compile(context.Background(), []*v1alpha1.Guardrail{{
		ObjectMeta: metav1.ObjectMeta{Name: p.name},
		Spec: v1alpha1.GuardrailSpec{
			// An ignored error is told as it is, where a failed guardrail makes a sentence of it.
			FailurePolicy:   v1alpha1.FailurePolicyIgnore,
			MatchConditions: p.conditions,
			Params:          &apiextensionsv1.JSON{Raw: j.params},
			CEL:             &p.CELPolicy,
		},
	}}, nil)
	return set, set.Guardrails()[0].Err == nil
}

// outcome is what the guardrail says of an object as the API server had it.
func (j *judge) outcome(t *testing.T, set *policies.Set, p policy, object, old map[string]any) outcome {
	t.Helper()
	dryRun := true
	kind := metav1.GroupVersionKind{Group: "example.com", Version: "v1", Kind: "Sample"}
	resource := metav1.GroupVersionResource{Group: "example.com", Version: "v1", Resource: "samples"}
	name, _, _ := unstructured.NestedString(object, "metadata", "name")
	request := &admissionv1.AdmissionRequest{
		Kind: kind, Resource: resource, RequestKind: &kind, RequestResource: &resource,
		Name: name, Namespace: "payments", Operation: admissionv1.Create, UserInfo: j.user, DryRun: &dryRun,
		Options: runtime.RawExtension{Raw: []byte(`{"kind":"CreateOptions","apiVersion":"meta.k8s.io/v1","dryRun":["All"]}`)},
	}
	if old != nil {
		request.Operation = admissionv1.Update
		request.Options.Raw = []byte(`{"kind":"UpdateOptions","apiVersion":"meta.k8s.io/v1","dryRun":["All"]}`)
	}
	verdict := set.Evaluate(t.Context(), policies.NewInput(policies.InputOptions{
		Request: request, Object: object, OldObject: old, Namespace: j.namespace, Authorizer: rights,
	}), time.Now())
	var o outcome
	for i := range verdict.Denied {
		o.Denied = append(o.Denied, verdict.Denied[i].Message)
	}
	for _, ignored := range verdict.Ignored {
		o.Failed = append(o.Failed, failures(p, ignored.Err)...)
	}
	return o
}

// failures are the expressions that failed, with their causes.
func failures(p policy, err error) []string {
	if errors.Is(err, cel.ErrOutOfBudget) {
		return []string{outOfBudget}
	}
	if condition, ok := errors.AsType[cel.EvaluationError](err); ok && strings.HasPrefix(condition.Field, "spec.matchConditions") {
		return []string{failedConditions}
	}
	list, ok := errors.AsType[cel.EvaluationErrors](err)
	if !ok {
		return []string{err.Error()}
	}
	places := make(map[string]string, len(p.Validations))
	for i, v := range p.Validations {
		places[fmt.Sprintf("spec.cel.validations[%d].expression", i)] = v.Expression
	}
	var failed []string
	for _, e := range list {
		failed = append(failed, places[e.Field]+" -> "+invalidTimestamp.ReplaceAllLiteralString(e.Err.Error(), noTimestamp))
	}
	return failed
}
