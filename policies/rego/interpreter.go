package rego

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/metrics"
	opa "github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/storage"
	"github.com/open-policy-agent/opa/v1/topdown"

	"github.com/kroguard/kroguard/policies"
)

// preparedRule is a finding rule that is ready to be evaluated.
type preparedRule struct {
	findingRule
	query opa.PreparedEvalQuery
}

// interpreter is a guardrail that OPA's interpreter runs, since the machine can't: with, documents of whole packages, rule heads
// with variables amid their path. Nothing but stuck changes after Compile.
type interpreter struct {
	guardrail string
	// rules are evaluated one after the other, each by a query of its own, so that an error in one leaves the findings of the
	// others.
	rules []preparedRule
	// parameters are what input has besides what all guardrails share.
	parameters pair
	// prefixes are those of the document, which compiled guardrails of the same input read by.
	prefixes []prefix
	deadline time.Duration
	print    PrintFunc
	// readsResources says that the policy reads the rendered resources.
	readsResources bool

	// stuck counts evaluations that were given up and still run.
	stuck atomic.Int32
}

var _ policies.Program = (*interpreter)(nil)

// prepare prepares a query for each rule.
func prepare(ctx context.Context, compiler *ast.Compiler, store storage.Store, rules []findingRule) ([]preparedRule, error) {
	prepared := make([]preparedRule, 0, len(rules))
	for _, rule := range rules {
		query, err := opa.New(
			opa.ParsedQuery(ast.NewBody(ast.NewExpr(ast.NewTerm(rule.path)))),
			opa.Compiler(compiler),
			opa.Store(store),
			opa.Target("rego"),
			opa.GenerateJSON(keepTerm),
		).PrepareForEval(ctx)
		if err != nil {
			return nil, fmt.Errorf("preparing %s: %w", rule.path, err)
		}
		prepared = append(prepared, preparedRule{findingRule: rule, query: query})
	}
	return prepared, nil
}

// keepTerm makes a query yield OPA's own term. What a policy puts out is measured before it is converted.
func keepTerm(term *ast.Term, _ *opa.EvalContext) (any, error) { return term, nil }

// Evaluate judges the input. Findings are those of deny, violation and warn, in this order. An error is an *EvaluationError where
// the policy is at fault, a *DeadlineError where the time ran out, a *StuckError where that happened too often; findings that
// were made until then are returned with it.
func (p *interpreter) Evaluate(ctx context.Context, input *policies.Input) ([]policies.Finding, error) {
	shared, err := documentFor(ctx, p.rules[0].violations, input, p.prefixes, false)
	if err != nil {
		return nil, err
	}
	further := []pair{p.parameters}
	partial := len(input.Unresolved) > 0
	if p.readsResources {
		resources, err := shared.part(partResources)
		if err != nil {
			return nil, err
		}
		further = append(further, pair{ast.InternedTerm(keyResources), resources})
		partial = partial || shared.partialResources()
	}
	document, err := shared.with(further...)
	if err != nil {
		return nil, err
	}
	b := bound{work: "evaluation", limit: p.deadline, grace: stopGrace, stuck: &p.stuck}
	findings, err := runBounded(ctx, b, func(ctx context.Context) ([]policies.Finding, error) {
		return p.judge(ctx, document)
	})
	if partial {
		return p.partial(findings, err)
	}
	return findings, err
}

// partial is the outcome where there is something that nobody can tell yet. What the interpreter has looked at isn't known, so all of it
// may turn out otherwise.
func (p *interpreter) partial(findings []policies.Finding, err error) ([]policies.Finding, error) {
	if failed, ok := errors.AsType[*EvaluationError](err); ok {
		findings, err = append(findings, policies.Finding{Message: failed.Error()}), nil
	}
	unsure(findings, nil)
	return findings, err
}

// judge evaluates all rules. The error is that of the first rule that has one; its findings and those of the other rules
// are returned with it.
func (p *interpreter) judge(ctx context.Context, document *ast.Term) ([]policies.Finding, error) {
	cancel := topdown.NewCancel()
	stop := context.AfterFunc(ctx, cancel.Cancel)
	defer stop()

	var found collector
	var first error
	current := p.newEvaluation(document, cancel)
	for i := range p.rules {
		value, err := current.query(ctx, &p.rules[i])
		if err == nil {
			err = found.add(&p.rules[i].findingRule, value)
		}
		if err == nil {
			continue
		}
		if first == nil {
			first = err
		}
		if ctx.Err() != nil {
			break
		}
		current = p.newEvaluation(document, cancel) // what a failed rule left in the cache may be half done
	}
	return found.findings, first
}

// evaluation is one run of a program. It belongs to one goroutine.
type evaluation struct {
	*interpreter
	options []opa.EvalOption
	// failures are the built-ins that failed in the rule that is evaluated.
	failures []topdown.Error
}

func (p *interpreter) newEvaluation(document *ast.Term, cancel topdown.Cancel) *evaluation {
	e := &evaluation{interpreter: p}
	e.options = []opa.EvalOption{
		opa.EvalParsedInput(document.Value),
		opa.EvalExternalCancel(cancel),
		opa.EvalMetrics(metrics.NoOp()),
	}
	if len(p.rules) > 1 {
		// What one rule computed by way of other rules, the next one need not compute again.
		e.options = append(e.options, opa.EvalVirtualCache(topdown.NewVirtualCache()))
	}
	if p.print != nil {
		e.options = append(e.options,
			opa.EvalPrintHook(&printer{guardrail: p.guardrail, print: p.print}),
			opa.EvalBuiltinErrorList(&e.failures))
	}
	return e
}

// query evaluates one rule. It yields nil where the rule is undefined.
func (e *evaluation) query(ctx context.Context, rule *preparedRule) (*ast.Term, error) {
	results, err := rule.query.Eval(ctx, e.options...)
	if e.print != nil {
		printFailures(ctx, e.guardrail, e.print, e.failures)
		e.failures = nil
	}
	if err != nil {
		return nil, evaluationError(err)
	}
	if len(results) == 0 {
		return nil, nil
	}
	value, ok := results[0].Expressions[0].Value.(*ast.Term)
	if !ok {
		return nil, fmt.Errorf("rule %s yields no term", rule.name) // it does by keepTerm
	}
	return value, nil
}
