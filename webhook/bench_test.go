package webhook

import (
	"context"
	"fmt"
	"net/http"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/kroguard/kroguard/internal/review"
	"github.com/kroguard/kroguard/policies/v1alpha1"
)

// BenchmarkHandler measures the whole way of a request, JSON in and JSON out, as the API server sends it: a handler that does
// nothing is the floor, which is decoding the review and encoding the answer.
func BenchmarkHandler(b *testing.B) {
	guardrails := make([]*v1alpha1.Guardrail, 0, 48)
	for n := range cap(guardrails) {
		guardrails = append(guardrails, benchGuardrail(n))
	}
	none := review.NewStore()
	bare := *newStore(b).Load()
	bare.Guardrails = nil
	none.Publish(&bare)
	few, many := &Instances{Store: newStore(b)}, &Instances{Store: newStore(b, guardrails...)}
	create, unchanged := realistic(b, false), realistic(b, true)
	nothing := admission.HandlerFunc(func(context.Context, admission.Request) admission.Response { return allow(nil) })
	for _, bench := range []struct {
		name    string
		handler http.Handler
		body    []byte
	}{
		{"noop", &admission.Webhook{Handler: nothing}, create},
		{"mutate", few.Mutate(), create},
		{"validate-0", (&Instances{Store: none}).Validate(), create},
		{"validate-2", few.Validate(), create},
		{"validate-50", many.Validate(), create},
		{"validate-unchanged", many.Validate(), unchanged},
	} {
		b.Run(bench.name, func(b *testing.B) {
			if response := mustPost(b, bench.handler, bench.body); !response.Allowed {
				b.Fatal(response.Result.Message)
			}
			b.ReportAllocs()
			b.SetBytes(int64(len(bench.body)))
			for b.Loop() {
				send(bench.handler, bench.body)
			}
		})
	}
}

// benchGuardrail is one of many that hold: even ones in CEL, odd ones in Rego.
func benchGuardrail(n int) *v1alpha1.Guardrail {
	guardrail := &v1alpha1.Guardrail{}
	guardrail.Name = fmt.Sprintf("bench-%02d", n)
	if n%2 == 0 {
		guardrail.Spec.CEL = &v1alpha1.CELPolicy{Validations: []v1alpha1.CELValidation{{
			Expression: fmt.Sprintf("!has(object.spec.replicas) || object.spec.replicas <= %d", 10+n), Message: "too many replicas",
		}}}
		return guardrail
	}
	guardrail.Spec.Rego = &v1alpha1.RegoPolicy{Modules: []v1alpha1.RegoModule{{Name: "main.rego", Source: fmt.Sprintf(`package bench
deny contains msg if {
	input.review.object.spec.replicas > %d
	msg := "too many replicas"
}`, 10+n)}}}
	return guardrail
}
