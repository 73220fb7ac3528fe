package policies_test

import (
	"context"
	"sync"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kroguard/kroguard/policies"
	"github.com/kroguard/kroguard/policies/v1alpha1"
)

// evaluate is a policy as a function.
type evaluate func(ctx context.Context, in *policies.Input) ([]policies.Finding, error)

func (e evaluate) Evaluate(ctx context.Context, in *policies.Input) ([]policies.Finding, error) {
	return e(ctx, in)
}

// says is a policy that always finds the same.
func says(findings ...policies.Finding) evaluate {
	return func(context.Context, *policies.Input) ([]policies.Finding, error) { return findings, nil }
}

// scripted is a driver whose policies are written in Go: the name of a guardrail leads to its policy, to the error of its
// compilation, or to nothing, which is a policy that always denies.
type scripted struct {
	policies map[string]evaluate
	errors   map[string]error
	warnings map[string][]v1alpha1.ExpressionWarning
	panics   map[string]bool

	mu       sync.Mutex
	compiled []string
}

func (s *scripted) Engine() string { return "Scripted" }

func (s *scripted) Handles(g *v1alpha1.Guardrail) bool { return g.Spec.CEL != nil }

func (s *scripted) Compile(
	_ context.Context, g *v1alpha1.Guardrail,
) (policies.Program, []v1alpha1.ExpressionWarning, error) {
	s.mu.Lock()
	s.compiled = append(s.compiled, g.Name)
	s.mu.Unlock()
	if s.panics[g.Name] {
		panic("compiler bug")
	}
	if err := s.errors[g.Name]; err != nil {
		return nil, nil, err
	}
	if policy, ok := s.policies[g.Name]; ok {
		return policy, s.warnings[g.Name], nil
	}
	return says(policies.Finding{Message: "no"}), s.warnings[g.Name], nil
}

// conditionResult is compiled matchConditions with a fixed answer.
type conditionResult struct {
	holds bool
	err   error
}

func (c conditionResult) Match(context.Context, *policies.Input) (bool, error) { return c.holds, c.err }

// scriptedConditions compiles matchConditions whose expression is a key.
type scriptedConditions map[string]conditionResult

func (s scriptedConditions) CompileConditions(
	_ context.Context, g *v1alpha1.Guardrail,
) (policies.Conditions, error) {
	result, ok := s[g.Spec.MatchConditions[0].Expression]
	if !ok {
		return nil, policies.CompileErrors{{Field: "spec.matchConditions[0].expression", Line: 1, Column: 1, Message: "unknown"}}
	}
	return result, nil
}

// guardrail builds one with an always denying policy, unless the driver knows its name.
func guardrail(name string, change ...func(*v1alpha1.GuardrailSpec)) *v1alpha1.Guardrail {
	g := &v1alpha1.Guardrail{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec:       v1alpha1.GuardrailSpec{CEL: &v1alpha1.CELPolicy{}},
	}
	for _, c := range change {
		c(&g.Spec)
	}
	return g
}

func actions(actions ...v1alpha1.ValidationAction) func(*v1alpha1.GuardrailSpec) {
	return func(spec *v1alpha1.GuardrailSpec) { spec.ValidationActions = actions }
}

func ignore(spec *v1alpha1.GuardrailSpec) { spec.FailurePolicy = v1alpha1.FailurePolicyIgnore }

func condition(expression string) func(*v1alpha1.GuardrailSpec) {
	return func(spec *v1alpha1.GuardrailSpec) {
		spec.MatchConditions = []v1alpha1.MatchCondition{{Name: "c", Expression: expression}}
	}
}

func match(m v1alpha1.GuardrailMatch) func(*v1alpha1.GuardrailSpec) {
	return func(spec *v1alpha1.GuardrailSpec) { spec.Match = m }
}

// exception waives guardrails for the instance of review until a minute after noon.
func exception(name string, guardrails ...string) *v1alpha1.GuardrailException {
	return &v1alpha1.GuardrailException{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: v1alpha1.GuardrailExceptionSpec{
			Guardrails: guardrails,
			Match:      v1alpha1.ExceptionMatch{InstanceMatch: v1alpha1.InstanceMatch{Names: []string{"shop"}}},
			ExpiresAt:  metav1.NewTime(noon().Add(time.Minute)),
		},
	}
}

func noon() time.Time { return time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC) }

// review is the CREATE of a WebApp in a project's namespace.
func review() policies.InputOptions {
	return policies.InputOptions{
		Request: &admissionv1.AdmissionRequest{Operation: admissionv1.Create, Name: "shop", Namespace: "payments-prod"},
		Object: map[string]any{
			"apiVersion": "kro.run/v1alpha1",
			"kind":       "WebApp",
			"metadata": map[string]any{
				"name": "shop", "namespace": "payments-prod", "labels": map[string]any{"tier": "web"},
			},
		},
		Namespace: &corev1.Namespace{
			ObjectMeta: metav1.ObjectMeta{Name: "payments-prod", Labels: map[string]string{"env": "prod"}},
		},
		OfferingName: "webapp",
		ProjectName:  "payments",
	}
}

// shop is what review judges.
func shop() policies.ResourceRef {
	return policies.ResourceRef{APIVersion: "kro.run/v1alpha1", Kind: "WebApp", Namespace: "payments-prod", Name: "shop"}
}

// violation is what an always denying guardrail yields on review.
func violation(name string, change ...func(*policies.Violation)) policies.Violation {
	v := policies.Violation{
		Guardrail: name, Title: name, Severity: v1alpha1.SeverityMedium, Action: v1alpha1.ActionDeny,
		Resource: shop(), Message: "no",
	}
	for _, c := range change {
		c(&v)
	}
	return v
}

// judge compiles and evaluates.
func judge(
	tb testing.TB, driver *scripted, options policies.InputOptions, exceptions []*v1alpha1.GuardrailException,
	guardrails ...*v1alpha1.Guardrail,
) *policies.Verdict {
	tb.Helper()
	conditions := scriptedConditions{
		"true": {holds: true}, "false": {}, "fails": {err: errFailing},
	}
	set := policies.NewCompiler(conditions, driver).Compile(context.Background(), guardrails, exceptions)
	return set.Evaluate(context.Background(), policies.NewInput(options), noon())
}
