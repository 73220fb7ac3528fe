package rego

import (
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// EvaluationError says what went wrong in a policy while it judged an input.
type EvaluationError struct {
	// Module is the module's name; empty where the engine gives no place.
	Module string
	// Line and Column count from 1 within the module; 0 where the engine gives no place.
	Line, Column int
	// Message says what is wrong.
	Message string

	cause error
}

// Error renders the place and the message.
func (e *EvaluationError) Error() string {
	if e.Line == 0 {
		return e.Message
	}
	return fmt.Sprintf("%s:%d: %s", e.Module, e.Line, e.Message)
}

// Unwrap returns the engine's error; nil where the error is kroguard's own.
func (e *EvaluationError) Unwrap() error { return e.cause }

// evaluationError converts an error of OPA's interpreter. That of a canceled evaluation is returned as it is.
func evaluationError(err error) error {
	var engineError *topdown.Error
	if !errors.As(err, &engineError) || topdown.IsCancel(err) {
		return err
	}
	converted := errorAt(engineError.Location, engineError.Message)
	converted.cause = err
	return converted
}

// errorAt is an EvaluationError at a place; location may be nil.
func errorAt(location *ast.Location, message string) *EvaluationError {
	e := &EvaluationError{Message: message}
	if location != nil {
		e.Module, e.Line, e.Column = location.File, location.Row, location.Col
	}
	return e
}

// place is a location as a prefix of a message; location may be nil.
func place(location *ast.Location) string {
	if location == nil {
		return ""
	}
	return fmt.Sprintf("%s:%d: ", location.File, location.Row)
}

// truncated is text with at most limit bytes, cut between characters.
func truncated(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	for limit > 0 && !utf8.RuneStart(text[limit]) {
		limit--
	}
	return text[:limit] + "…"
}
