package rego

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kroguard/kroguard/policies"
	"github.com/kroguard/kroguard/policies/rego/machine"
)

// maxBytes is about how much memory the values may take that one evaluation builds. Realistic guardrails build some kilobytes; a
// policy that needs more than this is one that runs away.
const maxBytes = 32 << 20

// program is a guardrail that the machine runs. Nothing but stuck changes after Compile.
type program struct {
	guardrail string
	// rules are evaluated one after the other, so that an error in one leaves the findings of the others. They are the roots of
	// compiled, in the same order.
	rules    []findingRule
	compiled *machine.Program
	// prefixes are what compiled was given, by their place.
	prefixes []prefix
	// runs holds machine.Runs.
	runs     *sync.Pool
	deadline time.Duration
	// printer is nil where nobody listens.
	printer *printer
	// inventory is data.inventory of one of Gatekeeper's templates; nil for guardrails.
	inventory *Inventory
	// readsResources says that the policy reads the rendered resources.
	readsResources bool

	// stuck counts calls of built-ins that were given up and still run.
	stuck atomic.Int32
}

var (
	_ policies.Program   = (*program)(nil)
	_ machine.Supervisor = (*program)(nil)
)

// Evaluate judges the input. Findings are those of deny, violation and warn, in this order. An error is an *EvaluationError where
// the policy is at fault, a *DeadlineError where the time ran out, a *StuckError where that happened too often, a
// *machine.LimitError where the memory did; findings that were made until then are returned with it.
func (p *program) Evaluate(ctx context.Context, input *policies.Input) ([]policies.Finding, error) {
	partial := isPartial(input, p.readsResources)
	shared, err := documentFor(ctx, p.rules[0].violations, input, p.prefixes, partial)
	if err != nil {
		return nil, err
	}
	run, ok := p.runs.Get().(*machine.Run)
	if !ok {
		return nil, errors.New("the pool holds no run") // it does by New
	}
	var findings []policies.Finding
	limit, err := p.start(ctx, run, shared)
	if err == nil {
		findings, err = p.judge(ctx, run, shared, limit)
	}
	// A run that panicked is not used again.
	run.Finish()
	p.runs.Put(run)
	return findings, err
}

// start begins the run, and yields how long it may take.
func (p *program) start(ctx context.Context, run *machine.Run, shared *document) (time.Duration, error) {
	now, limit := time.Now(), p.deadline
	if requested, ok := ctx.Deadline(); ok {
		limit = min(limit, requested.Sub(now))
	}
	if err := run.Start(ctx, p.compiled, shared, machine.Limits{Deadline: now.Add(limit), Bytes: maxBytes}); err != nil {
		return 0, err
	}
	if p.inventory != nil {
		inventory, err := p.inventory.term()
		if err != nil {
			return 0, fmt.Errorf("converting data.inventory: %w", err)
		}
		run.Documents(inventory)
	}
	run.Supervise(p)
	if p.printer != nil {
		run.Print(p.printer)
	}
	return limit, nil
}

// Supervise gives up on work at the deadline, and lets it run on where it can't be stopped.
func (p *program) Supervise(ctx context.Context, deadline time.Time, work func() error) error {
	b := bound{work: "evaluation", limit: time.Until(deadline), grace: stopGrace, stuck: &p.stuck}
	_, err := runBounded(ctx, b, func(context.Context) (struct{}, error) { return struct{}{}, work() })
	return err
}

// judge evaluates all rules. The error is that of the first rule that has one; its findings and those of the other rules
// are returned with it.
func (p *program) judge(
	ctx context.Context, run *machine.Run, shared *document, limit time.Duration,
) ([]policies.Finding, error) {
	var found collector
	var first error
	for i := range p.rules {
		outcome, err := run.Outcome(i)
		if p.printer != nil {
			printFailures(ctx, p.guardrail, p.printer.print, run.Failures())
		}
		if err == nil {
			err = found.add(&p.rules[i], outcome.Certain)
		} else {
			err = explained(ctx, limit, err)
		}
		if outcome.Touched != 0 {
			err = found.addUncertain(&p.rules[i], &outcome, shared, err)
		}
		if first == nil {
			first = err
		}
	}
	return found.findings, first
}

// explained says in words that the time ran out, and where the policy is at fault.
func explained(ctx context.Context, limit time.Duration, err error) error {
	switch {
	case errors.As(err, new(*DeadlineError)):
		return err
	case errors.Is(err, context.DeadlineExceeded):
		return &DeadlineError{Work: "evaluation", Limit: max(limit, 0)}
	case ctx.Err() != nil && errors.Is(err, ctx.Err()):
		return fmt.Errorf("evaluation was canceled: %w", ctx.Err())
	default:
		return evaluationError(err)
	}
}
