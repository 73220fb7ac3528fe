package rego

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/open-policy-agent/opa/v1/topdown"
)

const (
	// stopGrace is how long work may take to notice that its time is up. OPA's interpreter asks before each expression; what it
	// found until then is worth the wait.
	stopGrace = 50 * time.Millisecond

	// maxStuck is how many runs of one guardrail may go on after they were given up. Some built-ins never ask whether they were
	// canceled (a regular expression over a large string); more of them would take the processors from other reviews.
	maxStuck = 4

	// limitPrecision rounds the time in a DeadlineError.
	limitPrecision = time.Millisecond
)

// DeadlineError says that work took longer than it may. It is a context.DeadlineExceeded.
type DeadlineError struct {
	// Work is what was done: "evaluation", "compilation".
	Work string
	// Limit is how long it was allowed to take.
	Limit time.Duration
}

// Error names the work and the limit.
func (e *DeadlineError) Error() string {
	return fmt.Sprintf("%s took longer than %s", e.Work, e.Limit.Round(limitPrecision))
}

// Unwrap returns context.DeadlineExceeded.
func (*DeadlineError) Unwrap() error { return context.DeadlineExceeded }

// PanicError says that the Rego engine panicked.
type PanicError struct {
	// Work is what was done: "evaluation", "compilation".
	Work string
	// Value is what was panicked with.
	Value any
	// Stack is the goroutine's stack, for the log.
	Stack []byte
}

// Error names the work and the panic's value, without the stack: it may reach a developer.
func (e *PanicError) Error() string {
	return fmt.Sprintf("%s failed within the Rego engine: %v", e.Work, e.Value)
}

// StuckError says that work was not begun, because too much of its kind was given up and still runs.
type StuckError struct {
	// Work is what was to be done: "evaluation", "compilation".
	Work string
	// Runs is how many still run.
	Runs int
}

// Error names the work and how much of it still runs.
func (e *StuckError) Error() string {
	return fmt.Sprintf("%s not begun: %d earlier ones ran over their deadline and have not stopped yet", e.Work, e.Runs)
}

// bound is what holds work to its time.
type bound struct {
	// work names the work in errors.
	work string
	// limit is how long the work may take, besides its context's deadline.
	limit time.Duration
	// grace is how long the work may take to notice that its time is up.
	grace time.Duration
	// stuck counts runs that were given up and have not stopped.
	stuck *atomic.Int32
}

// outcome is what work yields.
type outcome[T any] struct {
	value T
	err   error
}

// runBounded runs work and returns what it yields, or gives up on it when the limit is reached or the context ends. Work that was given
// up may go on, so it must not touch anything that its caller changes later; beyond maxStuck such runs, no further one is
// begun. A panic in work becomes an error: work has a goroutine of its own, where none of the callers' recovers would catch it.
func runBounded[T any](ctx context.Context, b bound, work func(context.Context) (T, error)) (T, error) {
	var none T
	if n := b.stuck.Load(); n >= maxStuck {
		return none, &StuckError{Work: b.work, Runs: int(n)}
	}
	if deadline, ok := ctx.Deadline(); ok {
		b.limit = min(b.limit, time.Until(deadline))
	}
	ctx, cancel := context.WithTimeout(ctx, b.limit)
	defer cancel()

	done := make(chan outcome[T], 1)
	go func() {
		growStack(reservedStack - 1)
		done <- recovered(ctx, b.work, work)
	}()

	select {
	case result := <-done:
		return result.value, b.ended(ctx, result.err)
	case <-ctx.Done():
	}
	grace := time.NewTimer(b.grace)
	defer grace.Stop()
	select {
	case result := <-done:
		return result.value, b.ended(ctx, result.err)
	case <-grace.C:
	}
	b.stuck.Add(1)
	go func() {
		<-done
		b.stuck.Add(-1)
	}()
	return none, b.ended(ctx, ctx.Err())
}

// recovered runs work and turns its panic into an error.
func recovered[T any](ctx context.Context, name string, work func(context.Context) (T, error)) (result outcome[T]) {
	defer func() {
		if cause := recover(); cause != nil {
			result.err = &PanicError{Work: name, Value: cause, Stack: debug.Stack()}
		}
	}()
	result.value, result.err = work(ctx)
	return result
}

// ended says in words why work failed, where the reason is that its context ended: OPA's own error then says no more than that
// it was canceled. Any other error is returned as it is.
func (b bound) ended(ctx context.Context, err error) error {
	cause := ctx.Err()
	if cause == nil || (!errors.Is(err, cause) && !topdown.IsCancel(err)) {
		return err
	}
	if errors.Is(cause, context.DeadlineExceeded) {
		return &DeadlineError{Work: b.work, Limit: max(b.limit, 0)}
	}
	return fmt.Errorf("%s was canceled: %w", b.work, cause)
}
