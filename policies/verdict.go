package policies

import (
	"github.com/kroguard/kroguard/policies/v1alpha1"
)

// Violation is one finding of one guardrail, with all that a person needs to act on it.
type Violation struct {
	// Guardrail is the guardrail's name.
	Guardrail string `json:"guardrail"`
	// Title is the guardrail's title; its name where it has none.
	Title string `json:"title"`
	// Severity is the guardrail's severity.
	Severity v1alpha1.Severity `json:"severity"`
	// Action is what the violation does. A guardrail with two actions yields one Violation with the stronger one
	// (Deny, Warn, Audit in this order).
	Action v1alpha1.ValidationAction `json:"action"`
	// Resource is what was judged.
	Resource ResourceRef `json:"resource"`
	// Field is the path of the field at fault, as ".spec.replicas"; empty if unknown.
	Field string `json:"field,omitempty"`
	// Reason is machine-readable.
	Reason string `json:"reason,omitempty"`
	// Message is the policy's message; one line, at most MaxMessageBytes.
	Message string `json:"message"`
	// Remediation and DocsURL are the guardrail's; empty where Failed, since they are about its subject.
	Remediation string `json:"remediation,omitempty"`
	DocsURL     string `json:"docsURL,omitempty"`
	// Details is free JSON of the policy.
	Details any `json:"details,omitempty"`
	// Unknown marks a violation that depends on fields which nobody can tell yet; onUnknown has decided on its Action.
	Unknown bool `json:"unknown,omitempty"`
	// Source is where a policy that is no Guardrail comes from, as Policy.Source; empty for guardrails.
	Source string `json:"source,omitempty"`
	// Failed marks a violation that stands for a guardrail that could not be evaluated (failurePolicy Fail).
	Failed bool `json:"failed,omitempty"`
	// Exception is the name of the GuardrailException that waives the violation; empty if none does.
	Exception string `json:"exception,omitempty"`
}

// ResourceRef names what was judged.
type ResourceRef struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Namespace  string `json:"namespace,omitempty"`
	// Name is empty on a CREATE with generateName before the API server chose a name.
	Name string `json:"name,omitempty"`
	// Node is the kro node of a rendered resource, as RenderedResource.Node; empty for the instance.
	Node string `json:"node,omitempty"`
}

// Verdict is the outcome of all guardrails on one input.
type Verdict struct {
	// Denied are the violations that refuse the request.
	Denied []Violation `json:"denied,omitempty"`
	// Warned are the violations that only warn.
	Warned []Violation `json:"warned,omitempty"`
	// Audited are the violations that are only recorded.
	Audited []Violation `json:"audited,omitempty"`
	// Waived are the violations that an exception waives.
	Waived []Violation `json:"waived,omitempty"`
	// Ignored are the errors of guardrails whose failurePolicy is Ignore, for logs and metrics.
	Ignored []GuardrailError `json:"-"`
}

// GuardrailError is an evaluation error of one guardrail.
type GuardrailError struct {
	Guardrail string
	Err       error
}

// sort is what the policy is, for messages: "guardrail" or its source.
func (v *Violation) sort() string { return orElse(v.Source, noun) }

// noun is what it is within its source.
func (v *Violation) noun() string {
	if v.Source == "" {
		return noun
	}
	return "policy"
}

// noun is what a policy is that comes from nowhere else.
const noun = "guardrail"

// Allowed reports whether no violation refuses the request.
func (v *Verdict) Allowed() bool { return len(v.Denied) == 0 }
