package apiserver

import (
	"bytes"
	"context"
	_ "embed"
	"fmt"
	"regexp"
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/json"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kroguard/kroguard/policies/v1alpha1"
	"github.com/kroguard/kroguard/test/bench/engines"
	"github.com/kroguard/kroguard/test/bench/sets"
	"github.com/kroguard/kroguard/test/e2e/harness"
)

//go:embed platform.yaml
var platform []byte

// paramsKind is the kind of ValidatingAdmissionPolicies' parameters.
const paramsKind = "PolicyParams"

// entries are the policies of the instance set that hold for its object: what is refused never gets to the end.
func entries() (*sets.Set, []sets.Entry, error) {
	set, err := sets.Instance()
	if err != nil {
		return nil, nil, err
	}
	holding := set.Without("image-tags", "backup-retention")
	list, err := holding.Cycle(Size)
	return holding, list, err
}

// publish installs offerings, kinds, guardrails and policies.
func publish(ctx context.Context, h *harness.Harness) error {
	if err := h.Publish(ctx, string(platform), "webapp", "regoapp"); err != nil {
		return err
	}
	if err := createKinds(ctx, h.Client); err != nil {
		return err
	}
	_, list, err := entries()
	if err != nil {
		return err
	}
	if err := createGuardrails(ctx, h, list); err != nil {
		return err
	}
	for i := range list {
		for _, object := range validatingAdmissionPolicy(&list[i]) {
			if err := h.Client.Create(ctx, object); err != nil {
				return fmt.Errorf("ValidatingAdmissionPolicy %s: %w", list[i].Name, err)
			}
		}
	}
	return nil
}

// createKinds creates the kinds that are no kro instances, with the schema that kro generated for WebApp.
func createKinds(ctx context.Context, c client.Client) error {
	generated := &apiextensionsv1.CustomResourceDefinition{}
	if err := c.Get(ctx, client.ObjectKey{Name: "webapps.kro.run"}, generated); err != nil {
		return err
	}
	for _, kind := range []string{"Plain", "Intercepted", "Validated", paramsKind} {
		plural := strings.ToLower(kind) + "s"
		crd := &apiextensionsv1.CustomResourceDefinition{ObjectMeta: metav1.ObjectMeta{Name: plural + "." + group}}
		crd.Spec = *generated.Spec.DeepCopy()
		crd.Spec.Group = group
		crd.Spec.Names = apiextensionsv1.CustomResourceDefinitionNames{Plural: plural, Kind: kind}
		if kind == paramsKind {
			crd.Spec.Names.Plural = strings.ToLower(kind)
			crd.Name = crd.Spec.Names.Plural + "." + group
			crd.Spec.Scope = apiextensionsv1.ClusterScoped
			crd.Spec.Versions[0].AdditionalPrinterColumns = nil
			crd.Spec.Versions[0].Schema.OpenAPIV3Schema = &apiextensionsv1.JSONSchemaProps{
				Type: "object", XPreserveUnknownFields: ptr.To(true),
			}
		}
		if err := c.Create(ctx, crd); err != nil {
			return fmt.Errorf("CRD %s: %w", crd.Name, err)
		}
		if err := eventually(ctx, func(ctx context.Context) error {
			list := &unstructured.UnstructuredList{}
			list.SetAPIVersion(group + "/" + version)
			list.SetKind(kind + "List")
			return c.List(ctx, list)
		}); err != nil {
			return fmt.Errorf("CRD %s: %w", crd.Name, err)
		}
	}
	return nil
}

// createGuardrails creates the policies in CEL for one offering and in Rego for the other.
func createGuardrails(ctx context.Context, h *harness.Harness, list []sets.Entry) error {
	for offering, language := range map[string]engines.Language{"webapp": engines.CEL, "regoapp": engines.Rego} {
		for _, guardrail := range engines.Guardrails(list, language, false) {
			guardrail.Name += "-" + strings.ToLower(string(language))
			guardrail.Spec.Match.Offerings = []string{offering}
			if err := h.Client.Create(ctx, guardrail); err != nil {
				return fmt.Errorf("guardrail %s: %w", guardrail.Name, err)
			}
		}
	}
	return nil
}

// waitCompiled returns when every guardrail is Ready.
func waitCompiled(ctx context.Context, h *harness.Harness) error {
	return eventually(ctx, func(ctx context.Context) error {
		list := &v1alpha1.GuardrailList{}
		if err := h.Client.List(ctx, list); err != nil {
			return err
		}
		for i := range list.Items {
			if !ready(list.Items[i].Status.Conditions) {
				return fmt.Errorf("guardrail %s is not Ready: %v", list.Items[i].Name, list.Items[i].Status.Conditions)
			}
		}
		return nil
	})
}

func ready(conditions []metav1.Condition) bool {
	for i := range conditions {
		if conditions[i].Type == "Ready" {
			return conditions[i].Status == metav1.ConditionTrue
		}
	}
	return false
}

// validatingAdmissionPolicy is the entry as a policy, its parameters and the binding.
func validatingAdmissionPolicy(entry *sets.Entry) []client.Object {
	params := &unstructured.Unstructured{Object: map[string]any{}}
	params.SetAPIVersion(group + "/" + version)
	params.SetKind(paramsKind)
	params.SetName(entry.Name)
	var values map[string]any
	// The set generated it from YAML.
	if err := json.Unmarshal(entry.Params, &values); err == nil {
		params.Object["spec"] = values
	}
	policy := &admissionregistrationv1.ValidatingAdmissionPolicy{ObjectMeta: metav1.ObjectMeta{Name: entry.Name}}
	policy.Spec.FailurePolicy = ptr.To(admissionregistrationv1.Fail)
	policy.Spec.ParamKind = &admissionregistrationv1.ParamKind{APIVersion: group + "/" + version, Kind: paramsKind}
	policy.Spec.MatchConstraints = &admissionregistrationv1.MatchResources{
		ResourceRules: []admissionregistrationv1.NamedRuleWithOperations{{RuleWithOperations: rule("validateds")}},
	}
	bare := regexp.MustCompile(`\bparams\.`)
	rename := func(expression string) string { return bare.ReplaceAllString(expression, "params.spec.") }
	for _, v := range entry.CEL.Variables {
		policy.Spec.Variables = append(policy.Spec.Variables,
			admissionregistrationv1.Variable{Name: v.Name, Expression: rename(v.Expression)})
	}
	for _, v := range entry.CEL.Validations {
		policy.Spec.Validations = append(policy.Spec.Validations, admissionregistrationv1.Validation{
			Expression: rename(v.Expression), Message: v.Message, MessageExpression: rename(v.MessageExpression),
		})
	}
	binding := &admissionregistrationv1.ValidatingAdmissionPolicyBinding{ObjectMeta: metav1.ObjectMeta{Name: entry.Name}}
	binding.Spec.PolicyName = entry.Name
	binding.Spec.ValidationActions = []admissionregistrationv1.ValidationAction{admissionregistrationv1.Deny}
	binding.Spec.ParamRef = &admissionregistrationv1.ParamRef{
		Name: entry.Name, ParameterNotFoundAction: ptr.To(admissionregistrationv1.DenyAction),
	}
	return []client.Object{params, policy, binding}
}

func rule(plural string) admissionregistrationv1.RuleWithOperations {
	return admissionregistrationv1.RuleWithOperations{
		Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.Create, admissionregistrationv1.Update},
		Rule: admissionregistrationv1.Rule{
			APIGroups: []string{group}, APIVersions: []string{version}, Resources: []string{plural},
		},
	}
}

// body is the set's object as somebody creates it: without what the API server writes.
func body(set *sets.Set, t *target, change func(spec map[string]any)) ([]byte, error) {
	object := map[string]any{}
	if err := json.Unmarshal(set.Object, &object); err != nil {
		return nil, err
	}
	u := &unstructured.Unstructured{Object: object}
	u.SetAPIVersion(t.apiVersion)
	u.SetKind(t.kind)
	for _, field := range []string{"managedFields", "uid", "creationTimestamp", "generation"} {
		unstructured.RemoveNestedField(object, "metadata", field)
	}
	// kroguard writes them, and would refuse another offering's.
	for _, label := range []string{"kroguard.io/offering", "kroguard.io/project"} {
		unstructured.RemoveNestedField(object, "metadata", "labels", label)
	}
	unstructured.RemoveNestedField(object, "metadata", "annotations", "kroguard.io/created-by")
	spec, ok := object["spec"].(map[string]any)
	if !ok {
		return nil, fmt.Errorf("the object of the set has no spec")
	}
	if change != nil {
		change(spec)
	}
	text, err := json.Marshal(object)
	return bytes.TrimSpace(text), err
}
