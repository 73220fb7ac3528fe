// Package policies is the guardrail engine: it compiles Guardrails and GuardrailExceptions into an immutable Set and
// evaluates a Set against an Input, which yields a Verdict with every violation at once.
//
// Languages are drivers, passed in by the caller (policies/cel, policies/rego); nothing registers itself. The package
// knows neither a cluster nor a client: the webhook, the command line and the audit call the same code.
package policies
