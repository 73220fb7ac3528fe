package engines

import (
	"context"
	"fmt"

	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/json"
	"k8s.io/apiserver/pkg/admission"
	plugincel "k8s.io/apiserver/pkg/admission/plugin/cel"
	"k8s.io/apiserver/pkg/admission/plugin/policy/validating"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/cel/environment"

	"github.com/kroguard/kroguard/policies/v1alpha1"
	"github.com/kroguard/kroguard/test/bench/sets"
)

// kubernetesPolicy is a compiled ValidatingAdmissionPolicy with the parameters of its binding.
type kubernetesPolicy struct {
	name      string
	validator validating.Validator
	params    *unstructured.Unstructured
}

// NewKubernetes is the evaluator of ValidatingAdmissionPolicies in the API server, put together as the API server does it. It
// has less to do than there: which bindings match, and finding their parameters, is left out.
func NewKubernetes(set *sets.Set, entries []sets.Entry) (*Engine, error) {
	compiled := make([]kubernetesPolicy, len(entries))
	for i := range entries {
		params := &unstructured.Unstructured{}
		if err := json.Unmarshal(entries[i].Params, &params.Object); err != nil {
			return nil, err
		}
		validator, err := kubernetesValidator(&entries[i].CEL)
		if err != nil {
			return nil, fmt.Errorf("policy %s: %w", entries[i].Name, err)
		}
		compiled[i] = kubernetesPolicy{name: entries[i].Name, validator: validator, params: params}
	}
	request, namespace := set.Request(), set.Namespace()
	judge := func(ctx context.Context, found func(policy string)) error {
		return kubernetesReview(ctx, request, namespace, compiled, found)
	}
	return &Engine{
		Name: NameKubernetes,
		N:    len(entries),
		Review: func(ctx context.Context) (int, error) {
			n := 0
			err := judge(ctx, func(string) { n++ })
			return n, err
		},
		Count: func(ctx context.Context) (map[string]int, error) {
			counts := map[string]int{}
			err := judge(ctx, func(policy string) { counts[policy]++ })
			return counts, err
		},
	}, nil
}

func kubernetesValidator(policy *v1alpha1.CELPolicy) (validating.Validator, error) {
	compiler, err := plugincel.NewCompositedCompiler(environment.MustBaseEnvSet(environment.DefaultCompatibilityVersion()))
	if err != nil {
		return nil, err
	}
	withAuthorizer := plugincel.OptionalVariableDeclarations{HasParams: true, HasAuthorizer: true}
	withoutAuthorizer := plugincel.OptionalVariableDeclarations{HasParams: true}
	for _, v := range policy.Variables {
		result := compiler.CompileAndStoreVariable(&validating.Variable{Name: v.Name, Expression: v.Expression},
			withAuthorizer, environment.StoredExpressions)
		if result.Error != nil {
			return nil, result.Error
		}
	}
	conditions := make([]plugincel.ExpressionAccessor, len(policy.Validations))
	messages := make([]plugincel.ExpressionAccessor, len(policy.Validations))
	for i, v := range policy.Validations {
		conditions[i] = &validating.ValidationCondition{Expression: v.Expression, Message: v.Message}
		if v.MessageExpression != "" {
			messages[i] = &validating.MessageExpressionCondition{MessageExpression: v.MessageExpression}
		}
	}
	none := compiler.CompileCondition(nil, withoutAuthorizer, environment.StoredExpressions)
	return validating.NewValidator(
		compiler.CompileCondition(conditions, withAuthorizer, environment.StoredExpressions), nil, none,
		compiler.CompileCondition(messages, withoutAuthorizer, environment.StoredExpressions), nil, nil), nil
}

// kubernetesReview decodes the object, which the API server has done already when it comes to policies, and runs every
// policy on it.
func kubernetesReview(ctx context.Context, request *admissionv1.AdmissionRequest, namespace *corev1.Namespace,
	compiled []kubernetesPolicy, found func(policy string),
) error {
	object := &unstructured.Unstructured{}
	if err := object.UnmarshalJSON(request.Object.Raw); err != nil {
		return err
	}
	kind, resource := schema.GroupVersionKind(request.Kind), schema.GroupVersionResource(request.Resource)
	attributes := &admission.VersionedAttributes{
		Attributes: admission.NewAttributesRecord(object, nil, kind, request.Namespace, request.Name, resource, "",
			admission.Create, &metav1.CreateOptions{}, false,
			&user.DefaultInfo{Name: request.UserInfo.Username, Groups: request.UserInfo.Groups}),
		VersionedKind: kind, VersionedObject: admission.NewLazyObject(object),
	}
	for i := range compiled {
		policy := &compiled[i]
		result := policy.validator.Validate(ctx, resource, attributes, policy.params, namespace, celconfig.RuntimeCELCostBudget, nil)
		for _, decision := range result.Decisions {
			switch {
			case decision.Evaluation == validating.EvalError:
				return fmt.Errorf("policy %s: %s", policy.name, decision.Message)
			case decision.Action == validating.ActionDeny:
				found(policy.name)
			}
		}
	}
	return nil
}
