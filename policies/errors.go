package policies

import (
	"errors"
	"fmt"
	"strings"
)

// CompileError is one place where a guardrail does not compile.
type CompileError struct {
	// Field is the path in the Guardrail: spec.cel.validations[0].expression, spec.rego.modules[main.rego].source
	Field string
	// Line and Column count from 1 within that field's text; 0 where the compiler gives no place.
	Line, Column int
	// Message says what is wrong, in one line or with the compiler's own excerpt below it.
	Message string
}

// Error renders the place and the message.
func (e CompileError) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("%s: %s", e.Field, e.Message)
	}
	return fmt.Sprintf("%s: line %d, column %d: %s", e.Field, e.Line, e.Column, e.Message)
}

// CompileErrors are all places where a guardrail does not compile, in the order of its text.
type CompileErrors []CompileError

// Error renders all places, separated by semicolons.
func (e CompileErrors) Error() string {
	parts := make([]string, len(e))
	for i := range e {
		parts[i] = e[i].Error()
	}
	return strings.Join(parts, "; ")
}

// asCompileErrors yields the places of an error; one that names none is about field as a whole.
func asCompileErrors(field string, err error) CompileErrors {
	if err == nil {
		return nil
	}
	if places, ok := errors.AsType[CompileErrors](err); ok && len(places) > 0 {
		return places
	}
	if place, ok := errors.AsType[CompileError](err); ok {
		return CompileErrors{place}
	}
	return CompileErrors{{Field: field, Message: err.Error()}}
}

// recoverAs turns a panic into an error. A driver runs code that users write: whatever it does, it is that guardrail's
// failure and no other's. Defer it.
func recoverAs(err *error, doing string) {
	if cause := recover(); cause != nil {
		*err = fmt.Errorf("internal error while %s: %v", doing, cause)
	}
}
