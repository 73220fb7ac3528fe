package policies

import (
	"context"

	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/authorization/authorizer"
)

// InputOptions are what an Input is built of. The maps are kept, not copied, and must not change afterwards.
type InputOptions struct {
	// Request is the admission request; nil, as offline, is a CREATE by nobody of Object.
	Request *admissionv1.AdmissionRequest
	// Object and OldObject are the judged object and its former state, decoded from JSON.
	Object, OldObject map[string]any
	// Instance is the instance where Object is one of its rendered resources; nil where Object is the instance.
	Instance map[string]any
	// Namespace is the instance's namespace; nil only where the instance is cluster-scoped. It must not change afterwards, either: a
	// Set remembers by the object which guardrails match in it. The same object for the same namespace is what makes it fast.
	Namespace *corev1.Namespace
	// OfferingName and Offering are the offering; empty and nil where the RGD is unknown.
	OfferingName string
	Offering     map[string]any
	// ProjectName and Project are the project; empty and nil where there is none.
	ProjectName string
	Project     map[string]any
	// Unresolved are the fields of Object that nobody can tell yet.
	Unresolved []UnresolvedField
	// Renderer tells what the instance expands into; nil where nobody can. It is asked when a guardrail needs it, and once.
	Renderer Renderer
	// Authorizer answers CEL's authorizer calls; nil has no opinion.
	Authorizer authorizer.Authorizer
}

// NewInput builds an Input. What the API server always says of a request, and an offline caller may not, is filled in:
// the operation, dryRun, and the request's own kind and resource.
func NewInput(options InputOptions) *Input {
	in := &Input{
		Request:      completeRequest(options),
		Object:       options.Object,
		OldObject:    options.OldObject,
		Namespace:    options.Namespace,
		Project:      options.Project,
		Offering:     options.Offering,
		Instance:     options.Instance,
		Unresolved:   options.Unresolved,
		Authorizer:   options.Authorizer,
		OfferingName: options.OfferingName,
		ProjectName:  options.ProjectName,
		renderer:     options.Renderer,
	}
	if in.Object == nil {
		in.Object = map[string]any{}
	}
	if in.Instance == nil {
		in.Instance = in.Object
	}
	if in.Authorizer == nil {
		in.Authorizer = noOpinion{}
	}
	return in
}

// completeRequest copies the request without object and oldObject, which guardrails see decoded.
func completeRequest(options InputOptions) *admissionv1.AdmissionRequest {
	request := admissionv1.AdmissionRequest{}
	if options.Request != nil {
		request = *options.Request
	} else {
		request.Name = stringAt(options.Object, "metadata", "name")
		request.Namespace = stringAt(options.Object, "metadata", "namespace")
	}
	request.Object, request.OldObject = runtime.RawExtension{}, runtime.RawExtension{}
	if request.Operation == "" {
		request.Operation = admissionv1.Create
	}
	if request.DryRun == nil {
		request.DryRun = new(bool)
	}
	if request.RequestKind == nil {
		request.RequestKind = &request.Kind
	}
	if request.RequestResource == nil {
		request.RequestResource, request.RequestSubResource = &request.Resource, request.SubResource
	}
	return &request
}

// stringAt yields the string at a path of nested maps; "" where there is none.
func stringAt(object map[string]any, path ...string) string {
	for _, key := range path[:len(path)-1] {
		object, _ = object[key].(map[string]any)
	}
	value, _ := object[path[len(path)-1]].(string)
	return value
}

// noOpinion is the authorizer where there is nobody to ask. CEL's allowed() is then false.
type noOpinion struct{}

var _ authorizer.Authorizer = noOpinion{}

const noOpinionReason = "there is no cluster to ask"

// Authorize has no opinion.
func (noOpinion) Authorize(context.Context, authorizer.Attributes) (authorizer.Decision, string, error) {
	return authorizer.DecisionNoOpinion, noOpinionReason, nil
}

// ConditionsAwareAuthorize has no opinion.
func (noOpinion) ConditionsAwareAuthorize(context.Context, authorizer.Attributes) authorizer.ConditionsAwareDecision {
	return authorizer.ConditionsAwareDecisionNoOpinion(noOpinionReason, nil)
}

// EvaluateConditions refuses: it never made a conditional decision.
func (noOpinion) EvaluateConditions(
	context.Context, authorizer.ConditionsAwareDecision, authorizer.ConditionsData,
) (authorizer.Decision, string, error) {
	return authorizer.DecisionDeny, "", authorizer.ErrorConditionEvaluationNotSupported
}
