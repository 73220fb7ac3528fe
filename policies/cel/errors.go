package cel

import (
	"errors"
	"fmt"
	"strings"
)

// ErrOutOfBudget says that the expressions of one guardrail cost more than Kubernetes allows together.
var ErrOutOfBudget = errors.New("the guardrail's cost budget is used up, no further expression is run")

// EvaluationError is one expression that failed.
type EvaluationError struct {
	// Field is the path in the Guardrail: spec.cel.validations[0].expression
	Field string
	// Err is why.
	Err error
}

// Error renders the place and the cause.
func (e EvaluationError) Error() string { return fmt.Sprintf("%s: %v", e.Field, e.Err) }

// Unwrap yields the cause.
func (e EvaluationError) Unwrap() error { return e.Err }

// EvaluationErrors are all expressions of a guardrail that failed, in the order of its text.
type EvaluationErrors []EvaluationError

// Error renders all, separated by semicolons.
func (e EvaluationErrors) Error() string {
	parts := make([]string, len(e))
	for i := range e {
		parts[i] = e[i].Error()
	}
	return strings.Join(parts, "; ")
}

// Unwrap yields each.
func (e EvaluationErrors) Unwrap() []error {
	errs := make([]error, len(e))
	for i := range e {
		errs[i] = e[i]
	}
	return errs
}

// variableError is a variable that failed, for the expression that read it.
type variableError struct {
	name string
	err  error
}

// Error renders the variable and the cause.
func (e *variableError) Error() string { return fmt.Sprintf("variable %q: %v", e.name, e.err) }

// Unwrap yields the cause.
func (e *variableError) Unwrap() error { return e.err }
