package webhook

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kroguard/kroguard/internal/review"
	"github.com/kroguard/kroguard/policies"
	"github.com/kroguard/kroguard/policies/cel"
	"github.com/kroguard/kroguard/policies/rego"
	"github.com/kroguard/kroguard/policies/v1alpha1"
)

func TestGuardrailsAreCheckedAgainstTheTypesOfInstances(t *testing.T) {
	driver, err := cel.New()
	if err != nil {
		t.Fatal(err)
	}
	compiler := policies.NewCompiler(driver, driver, rego.New(rego.Options{}))
	inCEL := func(expression string, offerings ...string) *v1alpha1.Guardrail {
		g := &v1alpha1.Guardrail{}
		g.Spec.Match.Offerings = offerings
		g.Spec.CEL = &v1alpha1.CELPolicy{Validations: []v1alpha1.CELValidation{{Expression: expression}}}
		return g
	}
	inRego := &v1alpha1.Guardrail{}
	inRego.Spec.Rego = &v1alpha1.RegoPolicy{Modules: []v1alpha1.RegoModule{{
		Name: "main.rego", Source: "package x\n\nimport data.lib\n\ndeny contains \"no\" if input.review.object.spec.replcas > 3\n",
	}}}
	tests := map[string]struct {
		store     *review.Store
		guardrail *v1alpha1.Guardrail
		want      []string
	}{
		"CEL": {newStore(t), inCEL("object.spec.replcas > 3"), []string{
			"spec.cel.validations[0].expression: line 1, column 12: undefined field replcas in object.spec; did you mean replicas? (WebApp.spec of offering webapp)",
		}},
		"Rego, before what strict mode objects to": {newStore(t), inRego, []string{
			"spec.rego.modules[main.rego].source: line 5, column 48: undefined field replcas in input.review.object.spec; did you mean replicas? (WebApp of offering webapp)",
			"spec.rego.modules[main.rego].source: line 3, column 1: import data.lib unused",
		}},
		"in order":                        {newStore(t), inCEL("object.spec.replicas > 3"), nil},
		"for an offering that is to come": {newStore(t), inCEL("object.spec.replcas > 3", "later"), nil},
		"before there is a snapshot":      {review.NewStore(), inCEL("object.spec.replcas > 3"), nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			refusals, warnings := checkGuardrail(compiler, test.store)(t.Context(), nil, test.guardrail)
			if len(refusals) > 0 {
				t.Errorf("refused: %v", refusals)
			}
			if diff := cmp.Diff(test.want, warnings); diff != "" && len(test.want)+len(warnings) > 0 {
				t.Errorf("warnings (-want +got):\n%s", diff)
			}
		})
	}
}
