package admissionpolicy

import (
	"context"
	"errors"
	"fmt"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"

	"github.com/kroguard/kroguard/policies"
	"github.com/kroguard/kroguard/policies/cel"
)

// binding is a policy with one of its bindings. It is immutable.
type binding struct {
	policy      *policy
	name        string
	actions     []admissionregistrationv1.ValidationAction
	constraints constraints
	params      paramRef
	// errs are what is wrong with it.
	errs policies.CompileErrors
	// instances says that instances are judged, too.
	instances bool
}

// policy is a ValidatingAdmissionPolicy. It is immutable.
type policy struct {
	name        string
	constraints constraints
	// compiled is nil where errs say why.
	compiled *cel.AdmissionPolicy
	errs     policies.CompileErrors
	ignore   bool
}

// matches reports whether the binding has a say. What may match matches.
func (b *binding) matches(in *policies.Input) (bool, error) {
	r, err := requestOf(in)
	if err != nil {
		return false, err
	}
	found, _ := b.match(r)
	return found != no, nil
}

func (b *binding) match(r *request) (answer, version) {
	if r.exempt || !b.instances && isInstance(r.in) {
		return no, version{}
	}
	found, as := b.policy.constraints.matches(r)
	if found == no || !b.params.isKnown() {
		// An API server refuses then what the policy alone is for.
		return found, as
	}
	bound, _ := b.constraints.matches(r)
	return found.and(bound), as
}

// what is the part of a binding's work that a program does.
type what int

const (
	// validations are the validations, whose findings the validationActions decide on.
	validations what = 1 << iota
	// configuration is what an API server refuses a request for whatever the validationActions are: params that are not found,
	// auditAnnotations that fail.
	configuration
)

// program judges by a policy and a binding.
type program struct {
	*binding

	does what
}

var _ policies.Program = (*program)(nil)

// Evaluate judges by each of the params.
func (p *program) Evaluate(ctx context.Context, in *policies.Input) ([]policies.Finding, error) {
	r, err := requestOf(in)
	if err != nil {
		return nil, err
	}
	found, as := p.match(r)
	unsure := ""
	switch {
	case found == no:
		return nil, nil
	case found == maybe:
		unsure = "whether the policy is for this can't be told yet"
	case !p.policy.compiled.ReadsNamespace():
	case r.placeUnknown:
		unsure = "its namespace can't be told yet"
	case !r.hasNamespace && r.attributes.GetNamespace() != "":
		// An API server would refuse what is in no namespace, so that by then there is one.
		unsure = fmt.Sprintf("namespace %q can't be told of yet", r.in.Request.Namespace)
	}
	converted := as.in(r)
	if converted == nil {
		return []policies.Finding{unknown(fmt.Sprintf("the policy is about %s, as which only an API server can read the object",
			as.kind.GroupVersion()))}, nil
	}
	all, err := p.params.find(r)
	if err != nil {
		if p.does&configuration == 0 {
			return nil, nil
		}
		return p.policy.settle(nil, err, unsure)
	}
	findings, err := p.evaluateAll(ctx, converted, all)
	return p.policy.settle(findings, err, unsure)
}

// evaluateAll judges by all params, with the errors of all.
func (p *program) evaluateAll(ctx context.Context, in *policies.Input, all []map[string]any) ([]policies.Finding, error) {
	var findings []policies.Finding
	var failed cel.EvaluationErrors
	for _, params := range all {
		if ctx.Err() != nil {
			return findings, context.Cause(ctx)
		}
		found, err := p.evaluate(ctx, in, params)
		if p.params.selector != nil {
			for i := range found {
				found[i].Details = map[string]any{"params": referenceOf(params)}
			}
		}
		findings = append(findings, found...)
		if many, ok := errors.AsType[cel.EvaluationErrors](err); ok {
			failed = append(failed, many...)
		} else if one, ok := errors.AsType[cel.EvaluationError](err); ok {
			failed = append(failed, one)
		} else if err != nil {
			return findings, err
		}
	}
	if len(failed) > 0 {
		return findings, failed
	}
	return findings, nil
}

// evaluate judges by one of the params; nil is null.
func (p *program) evaluate(ctx context.Context, in *policies.Input, params map[string]any) ([]policies.Finding, error) {
	compiled := p.policy.compiled
	if params != nil {
		compiled = compiled.With(params)
	}
	holds, err := compiled.Match(ctx, in)
	unsure, isUnsure := errors.AsType[*policies.UnknownError](err)
	if !isUnsure && (err != nil || !holds) {
		if p.does&validations == 0 {
			err = nil // the other program tells
		}
		return nil, err
	}
	var findings []policies.Finding
	var failed error
	if p.does&validations != 0 {
		findings, failed = compiled.Validate(ctx, in)
	}
	if p.does&configuration != 0 {
		err := compiled.Annotate(ctx, in)
		if errors.Is(err, cel.ErrOutOfBudget) {
			// An API server forgets the validations then.
			return nil, err
		}
		failed = joined(failed, err)
	}
	if isUnsure {
		return doubted(findings, failed, unsure), nil
	}
	return findings, failed
}

// doubted are the findings and the error of a policy of which nobody can tell whether it applies: each is unknown.
func doubted(findings []policies.Finding, failed error, unsure *policies.UnknownError) []policies.Finding {
	for i := range findings {
		findings[i].Unknown = true
		findings[i].DependsOn = append(findings[i].DependsOn, unsure.DependsOn...)
	}
	if failed != nil {
		findings = append(findings, unknown(unsure.Error()+": "+failed.Error()))
	}
	return findings
}

// joined are the expressions that failed in two runs. An error of another sort wins.
func joined(a, b error) error {
	if a == nil || b == nil {
		if a == nil {
			return b
		}
		return a
	}
	first, ok := errors.AsType[cel.EvaluationErrors](a)
	if !ok {
		return a
	}
	second, ok := errors.AsType[cel.EvaluationErrors](b)
	if !ok {
		return b
	}
	return append(first, second...)
}

// referenceOf names params.
func referenceOf(object map[string]any) map[string]any {
	metadata, _ := object["metadata"].(map[string]any)
	reference := map[string]any{}
	for _, field := range []string{"namespace", "name"} {
		if text, ok := metadata[field].(string); ok && text != "" {
			reference[field] = text
		}
	}
	return reference
}
