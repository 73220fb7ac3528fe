package policies

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/types"

	"github.com/kroguard/kroguard/policies/v1alpha1"
)

// Reasons of a violation that stands for a guardrail which could not be evaluated.
const (
	// ReasonDoesNotCompile says that the guardrail does not compile.
	ReasonDoesNotCompile = "GuardrailDoesNotCompile"
	// ReasonEvaluationFailed says that the guardrail's evaluation failed or ran over its cost or time.
	ReasonEvaluationFailed = "GuardrailEvaluationFailed"
)

// CompiledInfo is what a Set knows of one guardrail, for its status.
type CompiledInfo struct {
	// Source is that of a Policy; empty for a guardrail.
	Source string
	// Name, UID and Generation are the guardrail's; the latter two are empty offline.
	Name       string
	UID        types.UID
	Generation int64
	// Engine is the language, as Driver.Engine names it; empty where no driver handles the guardrail.
	Engine string
	// Err is a CompileErrors; nil where the guardrail compiled.
	Err error
	// Warnings are the type checker's.
	Warnings []v1alpha1.ExpressionWarning
}

// compiledGuardrail is a guardrail or policy ready to be evaluated, or with the error that keeps it from being so. It is immutable.
type compiledGuardrail struct {
	info    CompiledInfo
	matcher guardrailMatcher
	// conditions is nil for none, and where they do not compile: then they hold.
	conditions Conditions
	program    Program
	// observer is nil where nobody wants to know.
	observer Observer

	// violation is what all violations of the guardrail have in common.
	violation Violation
	ignore    bool
	// onUnknown is what a finding does at most that depends on what nobody can tell yet.
	onUnknown v1alpha1.ValidationAction
	// resources is nil where the instance is judged.
	resources *resourceFilter
	// matches is that of a Policy; nil for a guardrail.
	matches func(in *Input) (bool, error)
}

// newCompiledGuardrail takes over what needs no compilation.
func newCompiledGuardrail(guardrail *v1alpha1.Guardrail) *compiledGuardrail {
	spec := &guardrail.Spec
	return &compiledGuardrail{
		info: CompiledInfo{Name: guardrail.Name, UID: guardrail.UID, Generation: guardrail.Generation},
		violation: Violation{
			Guardrail:   guardrail.Name,
			Title:       oneLine(orElse(spec.Title, guardrail.Name), MaxFieldBytes),
			Severity:    orElse(spec.Severity, v1alpha1.SeverityMedium),
			Action:      strongest(spec.ValidationActions),
			Remediation: oneLine(spec.Remediation, MaxMessageBytes),
			DocsURL:     oneLine(spec.DocsURL, MaxFieldBytes),
		},
		ignore:    spec.FailurePolicy == v1alpha1.FailurePolicyIgnore,
		onUnknown: actionOf(spec.OnUnknown),
		resources: newResourceFilter(spec),
	}
}

// orElse yields value, or fallback where value is empty.
func orElse[T ~string](value, fallback T) T {
	if value == "" {
		return fallback
	}
	return value
}

// strongest yields the action that decides: Deny, Warn, Audit in this order. None, as the API's default, is Deny; so is
// what is no action at all.
func strongest(actions []v1alpha1.ValidationAction) v1alpha1.ValidationAction {
	for _, action := range []v1alpha1.ValidationAction{v1alpha1.ActionDeny, v1alpha1.ActionWarn, v1alpha1.ActionAudit} {
		if slices.Contains(actions, action) {
			return action
		}
	}
	return v1alpha1.ActionDeny
}

// weakest yields the action that decides less.
func weakest(a, b v1alpha1.ValidationAction) v1alpha1.ValidationAction {
	if strongest([]v1alpha1.ValidationAction{a, b}) == a {
		return b
	}
	return a
}

// actionOf is what a finding does at most that depends on what nobody can tell yet. None, as the API's default, is Warn.
func actionOf(unknown v1alpha1.OnUnknown) v1alpha1.ValidationAction {
	switch unknown {
	case v1alpha1.OnUnknownAllow:
		return v1alpha1.ActionAudit
	case v1alpha1.OnUnknownDeny:
		return v1alpha1.ActionDeny
	default:
		return v1alpha1.ActionWarn
	}
}

// evaluate runs conditions and program within the guardrail's time. It yields nothing where the conditions do not hold.
func (g *compiledGuardrail) evaluate(clock *watch, in *Input) ([]Finding, error) {
	parent := clock.parent
	if parent.Err() != nil {
		return nil, fmt.Errorf("the request's time was up before it: %w", context.Cause(parent))
	}
	ctx := clock.context()
	findings, err := g.run(ctx, in)
	switch {
	case err == nil:
	case parent.Err() != nil:
		err = fmt.Errorf("the request's time was up: %w", err)
	case ctx.Err() != nil:
		err = fmt.Errorf("it took longer than %s: %w", GuardrailTimeout, err)
	}
	return findings, err
}

// run is evaluate without the clock. Conditions that compile narrow even a guardrail that does not: it then fails for
// those requests alone that it was meant for.
func (g *compiledGuardrail) run(ctx context.Context, in *Input) ([]Finding, error) {
	holds, err := g.applies(ctx, in)
	unknown, isUnknown := errors.AsType[*UnknownError](err)
	if !isUnknown && (err != nil || !holds) {
		return nil, err
	}
	if g.info.Err != nil {
		return nil, g.info.Err
	}
	findings, err := runProgram(ctx, g.program, in)
	if isUnknown {
		for i := range findings {
			findings[i].Unknown = true
			findings[i].DependsOn = append(findings[i].DependsOn, unknown.DependsOn...)
		}
	}
	return findings, err
}

// applies reports whether the guardrail or policy is for the input, but for what its matcher says. The error may be an
// UnknownError.
func (g *compiledGuardrail) applies(ctx context.Context, in *Input) (holds bool, err error) {
	defer recoverAs(&err, "evaluating what it matches")
	if g.matches != nil {
		if holds, err = g.matches(in); err != nil || !holds {
			return holds, err
		}
	}
	if g.conditions == nil {
		return true, nil
	}
	return g.conditions.Match(ctx, in)
}

func runProgram(ctx context.Context, program Program, in *Input) (findings []Finding, err error) {
	defer recoverAs(&err, "evaluating the policy")
	return program.Evaluate(ctx, in)
}

// violationOf makes a finding a violation of the guardrail.
func (g *compiledGuardrail) violationOf(resource ResourceRef, finding *Finding) Violation {
	v := g.violation
	v.Resource = resource
	v.Message = oneLine(finding.Message, MaxMessageBytes)
	v.Field = oneLine(finding.Field, MaxFieldBytes)
	v.Reason = oneLine(finding.Reason, MaxFieldBytes)
	v.Details = finding.Details
	if finding.WarnOnly {
		v.Action = v1alpha1.ActionWarn
	}
	if finding.Unknown {
		v.Unknown = true
		v.Action = weakest(v.Action, g.onUnknown)
	}
	return v
}

// failure is the violation that stands for a guardrail that could not be evaluated. The guardrail's remediation and docs
// are about its subject, which is not what went wrong.
func (g *compiledGuardrail) failure(resource ResourceRef, err error) Violation {
	v := g.violation
	v.Resource = resource
	v.Failed = true
	v.Remediation, v.DocsURL = "", ""
	what := "could not be evaluated"
	v.Reason = ReasonEvaluationFailed
	if g.info.Err != nil && errors.As(err, new(CompileErrors)) {
		what = "does not compile"
		v.Reason = ReasonDoesNotCompile
	}
	// Whom to ask comes first: the error may be long, and what is too long is cut.
	v.Message = oneLine(fmt.Sprintf("%s %q %s, so nobody knows whether this is allowed; ask the platform team that "+
		"owns the %s: %s", v.sort(), g.info.Name, what, v.noun(), err), MaxMessageBytes)
	return v
}

// limited yields at most MaxFindingsPerGuardrail findings; the last says how many there are besides. It refuses if one of
// them does.
func limited(findings []Finding) []Finding { return limitedTo(findings, MaxFindingsPerGuardrail) }

// limitedTo is limited for another limit.
func limitedTo(findings []Finding, limit int) []Finding {
	if len(findings) <= limit {
		return findings
	}
	rest := findings[limit-1:]
	all := func(is func(*Finding) bool) bool {
		return !slices.ContainsFunc(rest, func(f Finding) bool { return !is(&f) })
	}
	last := Finding{
		Message:  fmt.Sprintf("%d more findings of this guardrail are not shown", len(rest)),
		WarnOnly: all(func(f *Finding) bool { return f.WarnOnly }),
		Unknown:  all(func(f *Finding) bool { return f.Unknown }),
	}
	return append(slices.Clone(findings[:limit-1]), last)
}
