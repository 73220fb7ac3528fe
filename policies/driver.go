package policies

import (
	"context"
	"strings"

	"github.com/kroguard/kroguard/policies/v1alpha1"
)

// Driver compiles the guardrails of one language.
type Driver interface {
	// Engine is the language's name, as status.engine shows it: "CEL", "Rego".
	Engine() string

	// Handles reports whether the guardrail is written in the driver's language.
	Handles(guardrail *v1alpha1.Guardrail) bool

	// Compile compiles the guardrail's policy. It must not keep the guardrail. A policy that does not compile yields a
	// CompileErrors; warnings are findings of the type checker and come with a usable Program.
	Compile(ctx context.Context, guardrail *v1alpha1.Guardrail) (Program, []v1alpha1.ExpressionWarning, error)
}

// Program is a compiled policy. It is immutable and safe for concurrent use.
type Program interface {
	// Evaluate judges the input and returns every finding, in the order of the policy's text. An error means that the
	// policy could not be evaluated to its end: it counts by the guardrail's failurePolicy, together with the findings
	// that were made until then.
	Evaluate(ctx context.Context, input *Input) ([]Finding, error)
}

// ConditionCompiler compiles matchConditions. They are CEL whatever the guardrail's language.
type ConditionCompiler interface {
	// CompileConditions compiles spec.matchConditions. It yields nil for none, and CompileErrors for what does not compile.
	CompileConditions(ctx context.Context, guardrail *v1alpha1.Guardrail) (Conditions, error)
}

// Conditions are the compiled matchConditions of a guardrail. They are immutable and safe for concurrent use.
type Conditions interface {
	// Match reports whether all conditions hold. A false one wins over one that fails; the error is that of the first
	// that failed when none is false. Where none is false nor fails and nobody can tell of one, it is an UnknownError.
	Match(ctx context.Context, input *Input) (bool, error)
}

// Finding is what a policy says of an input: a violation, or a warning of a Rego warn rule.
type Finding struct {
	// Message is for the developer; one line.
	Message string
	// Field is the path of the field at fault, as ".spec.replicas"; empty if the policy names none.
	Field string
	// Reason is machine-readable; empty if the policy gives none.
	Reason string
	// Details is free JSON of the policy; nil if there is none.
	Details any
	// WarnOnly marks a finding that warns whatever the guardrail's validationActions say.
	WarnOnly bool
	// Unknown marks a finding that depends on fields which nobody can tell yet (Input.Unresolved): it may or may not hold once they
	// are known, and counts by onUnknown.
	Unknown bool
	// DependsOn are paths of these fields, as FieldPath renders them; empty for any of them.
	DependsOn []string
}

// UnknownError says that nobody can tell yet whether a condition holds: it depends on fields that wait for something.
type UnknownError struct {
	// DependsOn is as Finding.DependsOn.
	DependsOn []string
}

// Error says so.
func (e *UnknownError) Error() string {
	return "nobody can tell yet whether it applies: it depends on " + strings.Join(e.DependsOn, ", ")
}
