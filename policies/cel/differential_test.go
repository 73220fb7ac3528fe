package cel_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/admission"
	plugincel "k8s.io/apiserver/pkg/admission/plugin/cel"
	"k8s.io/apiserver/pkg/admission/plugin/policy/validating"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/cel/environment"

	"github.com/kroguard/kroguard/policies"
	"github.com/kroguard/kroguard/policies/cel"
	"github.com/kroguard/kroguard/policies/v1alpha1"
)

// The judge is the evaluator of ValidatingAdmissionPolicy itself, put together as the API server does it.
func kubernetesValidator(tb testing.TB, policy *v1alpha1.CELPolicy) validating.Validator {
	tb.Helper()
	compiler, err := plugincel.NewCompositedCompiler(environment.MustBaseEnvSet(environment.DefaultCompatibilityVersion()))
	if err != nil {
		tb.Fatal(err)
	}
	withAuthorizer := plugincel.OptionalVariableDeclarations{HasParams: true, HasAuthorizer: true}
	withoutAuthorizer := plugincel.OptionalVariableDeclarations{HasParams: true}
	for _, v := range policy.Variables {
		compiler.CompileAndStoreVariable(&validating.Variable{Name: v.Name, Expression: v.Expression},
			withAuthorizer, environment.StoredExpressions)
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
		compiler.CompileCondition(messages, withoutAuthorizer, environment.StoredExpressions), nil, nil)
}

// kubernetesOutcome is what Kubernetes says: the denials in order, then the errors.
func kubernetesOutcome(
	t *testing.T, policy *v1alpha1.CELPolicy, params map[string]any, in policies.InputOptions, auth *grants,
) string {
	t.Helper()
	validator := kubernetesValidator(t, policy)
	result := validator.Validate(context.Background(), schema.GroupVersionResource(in.Request.Resource),
		kubernetesAttributes(in), &unstructured.Unstructured{Object: params}, in.Namespace,
		celconfig.RuntimeCELCostBudget, auth)
	var outcome []string
	failed, outOfBudget := 0, false
	for _, decision := range result.Decisions {
		switch decision.Evaluation {
		case validating.EvalDeny:
			outcome = append(outcome, "deny: "+decision.Message)
		case validating.EvalError:
			if strings.HasPrefix(decision.Message, "failed messageExpression") {
				// Each validation that did not fail says so; here, they do together.
				outOfBudget = true
				continue
			}
			failed++
		}
	}
	if outOfBudget {
		failed++
	}
	for range failed {
		outcome = append(outcome, "error")
	}
	return strings.Join(outcome, "\n")
}

func kubernetesAttributes(in policies.InputOptions) *admission.VersionedAttributes {
	kind := schema.GroupVersionKind(in.Request.Kind)
	extra := map[string][]string{}
	for key, value := range in.Request.UserInfo.Extra {
		extra[key] = value
	}
	who := &user.DefaultInfo{
		Name: in.Request.UserInfo.Username, UID: in.Request.UserInfo.UID, Groups: in.Request.UserInfo.Groups, Extra: extra,
	}
	object := &unstructured.Unstructured{Object: in.Object}
	attributes := &admission.VersionedAttributes{VersionedKind: kind, VersionedObject: admission.NewLazyObject(object)}
	if in.OldObject == nil {
		attributes.Attributes = admission.NewAttributesRecord(object, nil, kind, in.Request.Namespace, in.Request.Name,
			schema.GroupVersionResource(in.Request.Resource), "", admission.Create, &metav1.CreateOptions{}, false, who)
		return attributes
	}
	old := &unstructured.Unstructured{Object: in.OldObject}
	attributes.VersionedOldObject = admission.NewLazyObject(old)
	attributes.Attributes = admission.NewAttributesRecord(object, old, kind, in.Request.Namespace, in.Request.Name,
		schema.GroupVersionResource(in.Request.Resource), "", admission.Update, &metav1.UpdateOptions{}, false, who)
	return attributes
}

// outcome is what the driver says, in the same words. A policy that does not compile is an error for each validation, since
// failurePolicy then decides.
func outcome(driver *cel.Driver, g *v1alpha1.Guardrail, in policies.InputOptions, auth *grants) string {
	in.Authorizer = auth
	program, _, err := driver.Compile(context.Background(), g)
	if err != nil {
		return strings.TrimSuffix(strings.Repeat("error\n", len(g.Spec.CEL.Validations)), "\n")
	}
	findings, err := program.Evaluate(context.Background(), policies.NewInput(in))
	var outcome []string
	for _, finding := range findings {
		outcome = append(outcome, "deny: "+finding.Message)
	}
	if failed, ok := errors.AsType[cel.EvaluationErrors](err); ok {
		for range failed {
			outcome = append(outcome, "error")
		}
	} else if err != nil {
		outcome = append(outcome, fmt.Sprintf("unexpected: %v", err))
	}
	return strings.Join(outcome, "\n")
}

func TestOutcomesEqualThoseOfValidatingAdmissionPolicy(t *testing.T) {
	expressions := []string{
		"true", "false", "1 == 1.0", "object.spec.replicas <= params.max", "object.spec.replicas > params.max",
		"object.spec.absent == 1", "has(object.spec.absent)", "object.?spec.?absent.orValue(1) == 1", "object == null",
		"oldObject == null", "oldObject.spec.replicas == 2", "has(oldObject.spec)", "object.spec.public", "'text'", "nothing == 1",
		"object.metadata.labels.all(k, v, k == 'team')", "object.spec.ports.exists_one(p, p == 80)",
		"object.spec.env.filter(e, !has(e.value)).size() == 1", "object.spec.ports.map(p, string(p)).join(',') == '80,443'",
		"quantity(object.spec.memory).compareTo(quantity('0.5Gi')) == 0", "isQuantity(object.spec.image)",
		"url(object.spec.host).getHostname() == 'shop.example.com'", "ip(object.spec.address).isGlobalUnicast()",
		"cidr('10.0.0.0/8').containsIP(ip('11.0.0.1'))", "object.spec.image.findAll('[0-9]+').size() == 3",
		"semver('1.2.3').major() == 1", "sets.intersects(request.userInfo.groups, ['admins', 'developers'])",
		"request.userInfo.extra['scopes'][1] == 'write'", "request.operation in ['CREATE', 'UPDATE']", "request.dryRun",
		"request.name == object.metadata.name && request.namespace == object.metadata.namespace",
		"request.resource == request.requestResource", "request.subResource == ''", "has(request.requestSubResource)",
		"request.kind.version == 'v1alpha1'", "request.uid == ''", "request.object == null", "dyn(request).object == null",
		"namespaceObject.metadata.name == 'payments-prod'", "namespaceObject.metadata.labels.env == 'prod'",
		"namespaceObject.metadata.UID == ''", "has(namespaceObject.metadata.creationTimestamp)", "namespaceObject == null",
		"namespaceObject.metadata.annotations.exists(k, k == 'owner')", "namespaceObject.status.phase == 'Active'",
		"size(namespaceObject.spec.finalizers) == 0", "namespaceObject.metadata.ownerReferences == []",
		"authorizer.requestResource.check('create').allowed()", "authorizer.requestResource.check('delete').allowed()",
		"authorizer.group('').resource('pods').subresource('log').namespace('x').check('get').allowed()",
		"authorizer.path('/healthz').check('get').reason() == ''", "authorizer.requestResource.check('').errored()",
		"variables.small == 4", "variables.failing == 1", "variables.failing == 1 || true", "variables.list[0] == 1",
		"variables.list[0] == 'x'", "variables.map['a'].startsWith('b')", "variables.unknown == 1", "dyn(variables).unknown == 1",
		"has(variables.small)", "variables.small + variables.list.size() == 6", "variables.optional.hasValue()", bomb, expensive,
		"type(object.spec.ratio) == double", "duration('1h') > duration('59m')", "timestamp('2024-01-01T00:00:00Z').getFullYear() == 2024",
		"object.spec.ports == [80, 443]", "object.spec.ports == [80.0, 443.0]", "object.spec.address.matches('[')",
		"string(object.spec.replicas) + 'x' == '5x'", "object.spec['replicas'] == 5", "object.spec.replicas / 0 == 1",
		"9223372036854775807 + object.spec.replicas > 0", "[1, 'a'] == []", "{'a': 1}.b == 1", "params.min == 1",
		"object.metadata.name.format([]) == ''", "'%s'.format([object.metadata.name]) == 'shop'", "base64.decode('aa') == b''",
		"cel.bind(x, object.spec.replicas, x == 5)", "math.greatest(1, 2) == 2", "object.spec.image.lowerAscii() == object.spec.image",
		"optional.of(1).value() == 1", "object.spec.__absent__ == 1", "object.spec.namespace == 1",
	}
	// Those that do not compile are left out: Kubernetes refuses them when the policy is written.
	messages := []string{
		"", "'is ' + string(object.spec.replicas)", "string(object.spec.absent)", "''", "' '", "'a\\nb'", "'a\\n'",
		"'small ' + string(variables.small)", "string(variables.failing)",
	}

	auth := &grants{allowed: map[string]bool{"ada create kro.run/webapps payments-prod/shop": true, "ada get /healthz": true}}
	update := review()
	update.OldObject = webApp()
	update.OldObject["spec"].(map[string]any)["replicas"] = int64(2)
	update.Request.Operation = "UPDATE"
	clusterScoped := review()
	clusterScoped.Namespace, clusterScoped.Request.Namespace = nil, ""
	inputs := map[string]policies.InputOptions{"create": review(), "update": update, "cluster-scoped": clusterScoped}

	driver := newDriver(t)
	compare := func(t *testing.T, policy *v1alpha1.CELPolicy) {
		t.Helper()
		for name, in := range inputs {
			g := guardrail(policy)
			g.Spec.Params = params(`{"max":3}`)
			want, got := kubernetesOutcome(t, policy, map[string]any{"max": int64(3)}, in, auth), outcome(driver, g, in, auth)
			if got != want {
				t.Errorf("%s: got %q, Kubernetes says %q", name, got, want)
			}
		}
	}
	shared := variables("small", "4", "failing", "object.spec.absent", "list", "[1, 2]", "map", "{'a': 'bc'}",
		"optional", "object.?spec.?absent")
	for _, expression := range expressions {
		t.Run(expression, func(t *testing.T) {
			policy := checks(expression)
			policy.Variables = shared
			compare(t, policy)
		})
	}
	for _, expression := range messages {
		t.Run("message "+expression, func(t *testing.T) {
			compare(t, &v1alpha1.CELPolicy{
				Variables: shared,
				Validations: []v1alpha1.CELValidation{
					{Expression: " false ", MessageExpression: expression},
					{Expression: "false", MessageExpression: expression, Message: " a message "},
				},
			})
		})
	}
	t.Run("several validations", func(t *testing.T) {
		compare(t, &v1alpha1.CELPolicy{Variables: shared, Validations: []v1alpha1.CELValidation{
			{Expression: "object.spec.replicas == 1"}, {Expression: "true"},
			{Expression: "variables.small == 5", MessageExpression: "'n=' + string(variables.small)"},
			{Expression: "object.spec.absent == 1"},
		}})
	})
}
