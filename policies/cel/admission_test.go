package cel_test

import (
	"errors"
	"strings"
	"testing"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"

	"github.com/kroguard/kroguard/policies"
	"github.com/kroguard/kroguard/policies/cel"
)

// admissionPolicy is the compiled policy of one validation, with params.
func admissionPolicy(t *testing.T, expression string) *cel.AdmissionPolicy {
	t.Helper()
	compiled, err := newDriver(t).CompileAdmissionPolicy(&admissionregistrationv1.ValidatingAdmissionPolicySpec{
		ParamKind:   &admissionregistrationv1.ParamKind{APIVersion: "v1", Kind: "ConfigMap"},
		Validations: []admissionregistrationv1.Validation{{Expression: expression}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return compiled
}

// TestCostsOfParamsAreBoundedByTheirSize shows that one compilation serves params of any size: the cost of expressions is counted
// where the params are so large that it can matter, though the object is small.
func TestCostsOfParamsAreBoundedByTheirSize(t *testing.T) {
	compiled := admissionPolicy(t, "params.list.all(a, params.list.all(b, a == b))")
	in := policies.NewInput(review())
	for name, test := range map[string]struct {
		size    int
		refused bool
	}{"small": {3, false}, "large": {1500, true}} {
		list := make([]any, test.size)
		for i := range list {
			list[i] = "x"
		}
		findings, err := compiled.With(map[string]any{"list": list}).Validate(t.Context(), in)
		if len(findings) != 0 || (err != nil) != test.refused {
			t.Errorf("%s: got %v, %v", name, findings, err)
		}
		if err != nil && !strings.Contains(err.Error(), "cost limit exceeded") {
			t.Errorf("%s: got %v", name, err)
		}
	}
	// Params of one binding are not those of the next.
	if findings, err := compiled.Validate(t.Context(), in); len(findings) != 0 || err == nil {
		t.Errorf("without params: got %v, %v", findings, err)
	}
}

func TestBudgetsOfAnnotationsAreTheirOwn(t *testing.T) {
	many := make([]admissionregistrationv1.AuditAnnotation, 100)
	for i := range many {
		many[i] = admissionregistrationv1.AuditAnnotation{Key: "a", ValueExpression: expensive + " ? 'a' : ''"}
	}
	compiled, err := newDriver(t).CompileAdmissionPolicy(&admissionregistrationv1.ValidatingAdmissionPolicySpec{
		Validations: []admissionregistrationv1.Validation{{Expression: "true"}}, AuditAnnotations: many,
	})
	if err != nil {
		t.Fatal(err)
	}
	in := policies.NewInput(review())
	if _, err := compiled.Validate(t.Context(), in); err != nil {
		t.Error(err)
	}
	if err := compiled.Annotate(t.Context(), in); !errors.Is(err, cel.ErrOutOfBudget) {
		t.Errorf("got %v", err)
	}
}
