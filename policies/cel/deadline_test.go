package cel_test

import (
	"context"
	"sync/atomic"
	"testing"

	"github.com/kroguard/kroguard/policies"
)

// expiring is a context that is canceled after it was asked so often.
type expiring struct {
	context.Context

	left atomic.Int64
}

// Err is nil so often.
func (e *expiring) Err() error {
	if e.left.Add(-1) < 0 {
		return context.Canceled
	}
	return nil
}

// Whenever the time is up, before the last validation was run or after: the object is not let through unjudged.
func TestTimeThatIsUpBetweenValidationsIsAnError(t *testing.T) {
	program := mustCompile(t, newDriver(t), guardrail(checks("true", "true", "object.spec.replicas == 1")))
	for asked := range int64(12) {
		ctx := &expiring{Context: context.Background()}
		ctx.left.Store(asked)
		findings, err := program.Evaluate(ctx, policies.NewInput(review()))
		if err == nil && len(findings) != 1 {
			t.Errorf("time for %d questions: got %v and %v, want the violation or an error", asked, findings, err)
		}
	}
}
