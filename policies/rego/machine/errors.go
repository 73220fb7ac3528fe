package machine

import (
	"fmt"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// UnsupportedError says that the machine can't run a policy, which is no fault of the policy.
type UnsupportedError struct {
	// What is the construct, where it stands, if known.
	What     string
	Location *ast.Location
}

// Error names the construct and its place.
func (e *UnsupportedError) Error() string {
	if e.Location == nil {
		return "not compiled: " + e.What
	}
	return fmt.Sprintf("not compiled: %s (%s:%d)", e.What, e.Location.File, e.Location.Row)
}

func unsupported(location *ast.Location, format string, args ...any) error {
	return &UnsupportedError{What: fmt.Sprintf(format, args...), Location: location}
}

// LimitError says that an evaluation would take more memory than it may.
type LimitError struct {
	// Bytes is the limit.
	Bytes int
	// Location is the call or rule that exceeds it; it may be nil.
	Location *ast.Location
}

// Error names the limit.
func (e *LimitError) Error() string {
	return fmt.Sprintf("evaluation needs more than %d MiB of memory", e.Bytes>>20)
}

// conflictObject is the message of OPA's interpreter.
const conflictObject = "object keys must be unique"

func conflict(message string, location *ast.Location) error {
	return &topdown.Error{Code: topdown.ConflictErr, Message: message, Location: location}
}

// maxConflictValue is how much of a value the message of a conflict shows.
const maxConflictValue = 64

// conflictOfValues says which definitions of a rule yield different values.
func conflictOfValues(path ast.Ref, first *state, second *ast.Term, at *ast.Location) error {
	return conflict(fmt.Sprintf("%s produced conflicting values: %s and %s", path, valueAt(first.value, first.by), valueAt(second, at)), at)
}

func valueAt(value *ast.Term, at *ast.Location) string {
	text := "a large value"
	if textOf(value, maxConflictValue) <= maxConflictValue {
		text = value.String()
	}
	if at == nil {
		return text
	}
	return fmt.Sprintf("%s at %s:%d", text, at.File, at.Row)
}
