package cel_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apimachinery/pkg/api/meta"
	runtimeschema "k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/admission/plugin/policy/validating"
	"k8s.io/kube-openapi/pkg/validation/spec"

	"github.com/kroguard/kroguard/policies"
)

// schemas resolves one kind, as the API server resolves a custom resource: from its structural schema.
type schemas struct {
	gvk    runtimeschema.GroupVersionKind
	schema *spec.Schema
}

func (s schemas) ResolveSchema(gvk runtimeschema.GroupVersionKind) (*spec.Schema, error) {
	if gvk != s.gvk {
		return nil, fmt.Errorf("no schema of %s", gvk)
	}
	return s.schema, nil
}

// kubernetesTypeWarnings are what the type checker of ValidatingAdmissionPolicy says of an expression.
func kubernetesTypeWarnings(t *testing.T, object policies.ObjectType, expression string) string {
	t.Helper()
	full := *object.Schema
	full.Properties = maps.Clone(full.Properties)
	full.Properties["metadata"] = objectMeta()
	mapper := meta.NewDefaultRESTMapper([]runtimeschema.GroupVersion{object.GVK.GroupVersion()})
	mapper.Add(object.GVK, meta.RESTScopeNamespace)
	checker := validating.TypeChecker{SchemaResolver: schemas{object.GVK, full.ToKubeOpenAPI()}, RestMapper: mapper}

	policy := &admissionregistrationv1.ValidatingAdmissionPolicy{}
	rule := admissionregistrationv1.NamedRuleWithOperations{}
	rule.APIGroups, rule.APIVersions = []string{object.GVK.Group}, []string{object.GVK.Version}
	rule.Resources = []string{strings.ToLower(object.GVK.Kind) + "s"}
	policy.Spec.MatchConstraints = &admissionregistrationv1.MatchResources{
		ResourceRules: []admissionregistrationv1.NamedRuleWithOperations{rule},
	}
	policy.Spec.Validations = []admissionregistrationv1.Validation{{Expression: expression}}
	var texts []string
	for _, warning := range checker.Check(policy) {
		texts = append(texts, warning.Warning)
	}
	return strings.Join(texts, "\n")
}

// objectMeta has those fields of metadata that the expressions below read.
func objectMeta() schema.Structural {
	text := schema.Structural{Generic: schema.Generic{Type: "string"}}
	texts := schema.Structural{
		Generic: schema.Generic{Type: "object"}, AdditionalProperties: &schema.StructuralOrBool{Structural: &text},
	}
	owner := schema.Structural{
		Generic: schema.Generic{Type: "object"}, Properties: map[string]schema.Structural{"name": text, "kind": text},
	}
	return schema.Structural{Generic: schema.Generic{Type: "object"}, Properties: map[string]schema.Structural{
		"name": text, "generateName": text, "labels": texts, "ownerReferences": {Generic: schema.Generic{Type: "array"}, Items: &owner},
	}}
}

// TestKubernetesWarnsOfTheSame shows that every warning on object and oldObject is one that the type checker of
// ValidatingAdmissionPolicy makes, too, in the same place.
func TestKubernetesWarnsOfTheSame(t *testing.T) {
	object := objectType(t, webAppRGD)
	compared := 0
	for _, expression := range slices.Sorted(maps.Keys(mistakes())) {
		if strings.Contains(expression, "instance") || strings.Contains(expression, "project") || strings.Contains(expression, "offering") {
			continue // Kubernetes has none of these
		}
		compared++
		var line, column int
		if _, err := fmt.Sscanf(mistakes()[expression], "line %d, column %d", &line, &column); err != nil {
			t.Fatal(err)
		}
		place := fmt.Sprintf("<input>:%d:%d: ", line, column)
		if got := kubernetesTypeWarnings(t, object, expression); !strings.Contains(got, place) {
			t.Errorf("%s: Kubernetes says nothing at %s, but %q", expression, place, got)
		}
	}
	if compared < 10 {
		t.Errorf("compared only %d expressions", compared)
	}
	if got := kubernetesTypeWarnings(t, object, "object.spec.replicas > 1"); got != "" {
		t.Errorf("Kubernetes warns of what is in order: %q", got)
	}
}
