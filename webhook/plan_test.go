package webhook

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	jsonpatch "github.com/evanphx/json-patch/v5"
	"github.com/google/go-cmp/cmp"
	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utiljson "k8s.io/apimachinery/pkg/util/json"

	"github.com/kroguard/kroguard/internal/kroexamples"
	"github.com/kroguard/kroguard/internal/labeling"
	"github.com/kroguard/kroguard/internal/manifests"
	"github.com/kroguard/kroguard/internal/plan"
	"github.com/kroguard/kroguard/internal/review"
	"github.com/kroguard/kroguard/policies"
	"github.com/kroguard/kroguard/policies/cel"
	"github.com/kroguard/kroguard/policies/rego"
	"github.com/kroguard/kroguard/policies/v1alpha1"
)

// telling refuses everything and says what it sees.
func telling() []*v1alpha1.Guardrail {
	resources := &v1alpha1.Guardrail{ObjectMeta: metav1.ObjectMeta{Name: "resources"}}
	resources.Spec.Evaluate = v1alpha1.EvaluateResources
	resources.Spec.CEL = &v1alpha1.CELPolicy{Validations: []v1alpha1.CELValidation{{
		Expression: "false", MessageExpression: "object.kind + ' ' + object.metadata.name + ' of ' + instance.kind",
	}}}
	warning := &v1alpha1.Guardrail{ObjectMeta: metav1.ObjectMeta{Name: "warning"}}
	warning.Spec.ValidationActions = []v1alpha1.ValidationAction{v1alpha1.ActionWarn}
	warning.Spec.CEL = &v1alpha1.CELPolicy{Validations: []v1alpha1.CELValidation{{
		Expression: "false", MessageExpression: "string(resources.size()) + ' resources of ' + object.metadata.labels['kroguard.io/offering']",
	}}}
	return []*v1alpha1.Guardrail{resources, warning}
}

// What is planned is what the webhooks do, for all instances among kro's examples.
func TestPlansAreWhatTheWebhooksDo(t *testing.T) {
	driver, err := cel.New()
	if err != nil {
		t.Fatal(err)
	}
	platform := kroexamples.Read(t)
	platform.Guardrails = telling()
	platform.AddNamespacesOf(platform.Others)
	if err := platform.SetNamespace("default"); err != nil {
		t.Fatal(err)
	}
	platform.AddNamespacesOf(platform.Others)
	snapshot, err := platform.Snapshot(t.Context(), policies.NewCompiler(driver, driver, rego.New(rego.Options{})),
		review.Settings{LabelKeys: labeling.DefaultKeys(), KroUsers: []string{kroUser}})
	if snapshot == nil {
		t.Fatal(err)
	}
	store := review.NewStore()
	store.Publish(snapshot)
	instances := &Instances{Store: store, Wait: time.Nanosecond}
	planned, rendered := 0, 0
	for i := range platform.Others {
		object := &platform.Others[i]
		request, err := object.Request()
		if err != nil {
			t.Fatal(err)
		}
		if !snapshot.IsInstance(request) {
			continue
		}
		made, err := plan.Make(t.Context(), snapshot, request, nil, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		planned++
		if made.RenderError == "" {
			rendered += len(made.Resources)
		}
		admitted, response := applied(t, instances, snapshot, object)
		if diff := cmp.Diff(admitted, made.Admitted); diff != "" {
			t.Errorf("%s: the instance (-webhook +plan):\n%s", object.Source, diff)
		}
		if response.Allowed != made.Allowed || !made.Allowed && response.Result.Message != made.Message {
			t.Errorf("%s: the webhook says %q, the plan %q", object.Source, response.Result.Message, made.Message)
		}
		if diff := cmp.Diff(response.Warnings, made.Warnings); diff != "" {
			t.Errorf("%s: warnings (-webhook +plan):\n%s", object.Source, diff)
		}
	}
	if planned < 20 || rendered < 100 {
		t.Errorf("only %d instances with %d resources: too few to show anything", planned, rendered)
	}
	t.Logf("%d instances, %d resources", planned, rendered)
}

// applied sends an instance through both webhooks, as an API server does after kubectl apply.
func applied(
	t *testing.T, instances *Instances, snapshot *review.Snapshot, written *manifests.Object,
) (map[string]any, *admissionv1.AdmissionResponse) {
	t.Helper()
	request, err := written.Request()
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(request.Object)
	if err != nil {
		t.Fatal(err)
	}
	snapshot.Default(request)
	metadata := request.Object["metadata"].(map[string]any)
	annotations, _ := metadata["annotations"].(map[string]any)
	if annotations == nil {
		annotations = map[string]any{}
		metadata["annotations"] = annotations
	}
	annotations[corev1.LastAppliedConfigAnnotation] = string(text)
	object, err := json.Marshal(request.Object)
	if err != nil {
		t.Fatal(err)
	}
	send := func(handler http.Handler, raw []byte) *admissionv1.AdmissionResponse {
		review := admissionv1.AdmissionReview{
			TypeMeta: metav1.TypeMeta{APIVersion: "admission.k8s.io/v1", Kind: "AdmissionReview"}, Request: request.Admission.DeepCopy(),
		}
		review.Request.UID, review.Request.Object.Raw = "u", raw
		body, err := json.Marshal(review)
		if err != nil {
			t.Fatal(err)
		}
		return mustPost(t, handler, body)
	}
	if response := send(instances.Mutate(), object); len(response.Patch) > 0 {
		patch, err := jsonpatch.DecodePatch(response.Patch)
		if err != nil {
			t.Fatal(err)
		}
		if object, err = patch.Apply(object); err != nil {
			t.Fatal(err)
		}
	}
	response := send(instances.Validate(), object)
	var admitted map[string]any
	if err := utiljson.Unmarshal(object, &admitted); err != nil {
		t.Fatal(err)
	}
	annotations = admitted["metadata"].(map[string]any)["annotations"].(map[string]any)
	delete(annotations, corev1.LastAppliedConfigAnnotation)
	if len(annotations) == 0 {
		delete(admitted["metadata"].(map[string]any), "annotations")
	}
	return admitted, response
}
