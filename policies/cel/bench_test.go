package cel_test

import (
	"context"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	celconfig "k8s.io/apiserver/pkg/apis/cel"

	"github.com/kroguard/kroguard/internal/racedetector"
	"github.com/kroguard/kroguard/policies"
	"github.com/kroguard/kroguard/policies/v1alpha1"
)

// usual are policies as platform teams write them, and the allocations that each may make where it holds.
func usual() map[string]struct {
	policy *v1alpha1.CELPolicy
	allocs float64
} {
	message := checks("object.spec.replicas <= params.max + 5")
	message.Validations[0].MessageExpression = "'at most ' + string(params.max)"
	withVariables := checks("variables.wanted <= variables.most")
	withVariables.Variables = variables("most", "params.?max.orValue(3) + 5", "wanted", "object.spec.replicas")
	type usualPolicy = struct {
		policy *v1alpha1.CELPolicy
		allocs float64
	}
	return map[string]usualPolicy{
		"number":      {checks("object.spec.replicas <= 10"), 0},
		"text":        {checks("!object.spec.image.endsWith(':latest')"), 1},
		"regex":       {checks("object.spec.image.matches('^registry[.]example[.]com/[a-z/-]+:[0-9.]+$')"), 3},
		"quantity":    {checks("quantity(object.spec.memory).compareTo(quantity('4Gi')) <= 0"), 6},
		"loop":        {checks("object.spec.env.all(e, has(e.name))"), 4},
		"in":          {checks("request.operation in ['CREATE', 'UPDATE']"), 1},
		"has":         {checks("has(object.metadata.labels) && 'team' in object.metadata.labels"), 2},
		"namespace":   {checks("namespaceObject.metadata.labels[?'env'].orValue('') == 'prod'"), 2},
		"variables":   {withVariables, 1},
		"message":     {message, 0},
		"authorizer":  {checks("authorizer.requestResource.check('create').allowed()"), 18},
		"eight tests": {&v1alpha1.CELPolicy{Validations: repeat("object.spec.replicas <= 10", 8)}, 0},
	}
}

// Allocations are what a guardrail costs that holds: they are stable where times are not.
func TestUsualPoliciesAllocateLittle(t *testing.T) {
	if testing.CoverMode() != "" || racedetector.Enabled {
		t.Skip("coverage counters and the race detector allocate")
	}
	driver := newDriver(t)
	for name, test := range usual() {
		t.Run(name, func(t *testing.T) {
			g := guardrail(test.policy)
			g.Spec.Params = params(`{"max":3}`)
			program := mustCompile(t, driver, g)
			options := review()
			options.Authorizer = &grants{allowed: map[string]bool{"ada create kro.run/webapps payments-prod/shop": true}}
			in := policies.NewInput(options)
			run := func() {
				if findings, err := program.Evaluate(context.Background(), in); err != nil || len(findings) > 0 {
					t.Fatalf("got %v and %v", findings, err)
				}
			}
			run()
			if allocs := testing.AllocsPerRun(100, run); allocs > test.allocs {
				t.Errorf("it allocates %v times, want at most %v", allocs, test.allocs)
			}
		})
	}
}

// BenchmarkEvaluate compares one guardrail with Kubernetes' own evaluation of the same policy. What both do once for a request,
// converting it, counts in Kubernetes' figure only, which does it once for a policy.
func BenchmarkEvaluate(b *testing.B) {
	driver := newDriver(b)
	auth := &grants{allowed: map[string]bool{"ada create kro.run/webapps payments-prod/shop": true}}
	for name, test := range usual() {
		options := review()
		options.Authorizer = auth
		b.Run(name+"/kroguard", func(b *testing.B) {
			g := guardrail(test.policy)
			g.Spec.Params = params(`{"max":3}`)
			program := mustCompile(b, driver, g)
			in, ctx := policies.NewInput(options), context.Background()
			b.ReportAllocs()
			for b.Loop() {
				if findings, err := program.Evaluate(ctx, in); err != nil || len(findings) > 0 {
					b.Fatalf("got %v and %v", findings, err)
				}
			}
		})
		b.Run(name+"/kubernetes", func(b *testing.B) {
			validator := kubernetesValidator(b, test.policy)
			parameters := &unstructured.Unstructured{Object: map[string]any{"max": int64(3)}}
			attributes, ctx := kubernetesAttributes(options), context.Background()
			b.ReportAllocs()
			for b.Loop() {
				result := validator.Validate(ctx, schema.GroupVersionResource(options.Request.Resource), attributes, parameters,
					options.Namespace, celconfig.RuntimeCELCostBudget, auth)
				if result.Decisions[0].Message != "" {
					b.Fatal(result.Decisions[0].Message)
				}
			}
		})
	}
}
