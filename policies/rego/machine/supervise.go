package machine

import (
	"context"
	"strings"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"
)

const (
	// unwatchedText and unwatchedElements are how much text and how many elements the operands of a built-in may have, together, for it to
	// be done within milliseconds: most built-ins take nanoseconds a byte.
	unwatchedText     = 256 << 10
	unwatchedElements = 10_000
	// unwatchedPattern is unwatchedText for built-ins with patterns. A pattern of a thousand states takes a thousand times as long as a
	// plain search.
	unwatchedPattern = 8 << 10
	// unwatchedDigits is how many digits a number may have: arithmetic is quadratic in them, and a number's text may name many more
	// by an exponent.
	unwatchedDigits = 32
)

// Supervisor runs work that can't be interrupted and may take long.
type Supervisor interface {
	// Supervise returns an error at the deadline, or when the context ends, although the work still runs. Work touches nothing
	// of the run.
	Supervise(ctx context.Context, deadline time.Time, work func() error) error
}

// Supervise makes the run call built-ins with large operands by way of the supervisor. Call it after Start.
func (r *Run) Supervise(supervisor Supervisor) { r.supervisor = supervisor }

// supervised calls a built-in, under watch where it may take long.
func (m *machine) supervised(b *builtinCall, operands []*ast.Term, yield func(*ast.Term) error) error {
	if m.supervisor == nil || !slow(b.name, operands) {
		return b.implementation(m.builtin, operands, yield)
	}
	// It may still run when the run is long over: what it is given is its own, and so is what it yields until it has returned.
	builtin := m.builtin
	builtin.Cancel = topdown.NewCancel()
	var results []*ast.Term
	var failure error
	err := m.supervisor.Supervise(m.builtin.Context, m.limits.Deadline, func() error {
		failure = b.implementation(builtin, operands, func(term *ast.Term) error {
			results = append(results, term)
			return nil
		})
		return nil
	})
	if err != nil {
		builtin.Cancel.Cancel()
		m.fail(err)
		return nil
	}
	for _, result := range results {
		if err := yield(result); err != nil {
			return err
		}
	}
	return failure
}

// slow reports whether the operands are large enough for a built-in to take long.
func slow(name string, operands []*ast.Term) bool {
	text, count := 0, 0
	for _, operand := range operands {
		switch value := operand.Value.(type) {
		case ast.String:
			text += len(value)
		case ast.Number:
			if len(value) > unwatchedDigits || strings.ContainsAny(string(value), "eE") {
				return true
			}
		case *ast.Array:
			count += value.Len()
		case ast.Set:
			count += value.Len()
		case ast.Object:
			count += value.Len()
		}
	}
	if strings.HasPrefix(name, "regex.") || strings.HasPrefix(name, "glob.") {
		return text+count*len(name) > unwatchedPattern
	}
	if strings.HasPrefix(name, "units.") {
		return text > unwatchedDigits || exponent(operands[0])
	}
	return text > unwatchedText || count > unwatchedElements
}

// exponent reports whether a text may name a number by an exponent.
func exponent(operand *ast.Term) bool {
	text, ok := operand.Value.(ast.String)
	return ok && strings.ContainsAny(string(text), "eE")
}
