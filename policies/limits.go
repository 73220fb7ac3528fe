package policies

import "time"

const (
	// MaxMessageBytes is the longest message of one violation. It is what Kubernetes allows a messageExpression
	// (k8s.io/apiserver/pkg/apis/cel.MaxEvaluatedMessageExpressionSizeBytes).
	MaxMessageBytes = 5 * 1024

	// MaxFieldBytes is the longest field path and reason of one violation. It is what the Guardrail type allows a
	// fieldPath; a Rego policy may compute any.
	MaxFieldBytes = 1024

	// MaxRenderBytes is the longest text that Render yields. GitOps controllers copy a denial into a status condition,
	// whose message has at most 32768 bytes (metav1.Condition), behind words of their own.
	MaxRenderBytes = 30 * 1024

	// MaxFindingsPerGuardrail is how many findings of one guardrail on one input are kept. Nobody reads more, and a loop
	// over a large list must not crowd out what other guardrails say; a last finding says how many were left out.
	MaxFindingsPerGuardrail = 100

	// GuardrailTimeout is the time that one guardrail has for one input. Rego has no cost, so only the deadline holds it. CEL's
	// cost budget is about one second of work (k8s.io/apiserver/pkg/apis/cel.RuntimeCELCostBudget); twice that lets the cost
	// decide, which is the same on every machine, and not the clock. The webhook answers within 5 s, so that one guardrail
	// that runs away leaves time for the others.
	GuardrailTimeout = 2 * time.Second
)
