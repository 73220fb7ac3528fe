package policies

import (
	"context"

	"github.com/kroguard/kroguard/policies/v1alpha1"
)

// Rule tells people of a guardrail, or of a policy of another engine.
type Rule struct {
	// Source is that of a Policy; empty for a guardrail.
	Source      string                    `json:"source,omitempty"`
	Name        string                    `json:"name"`
	Title       string                    `json:"title"`
	Severity    v1alpha1.Severity         `json:"severity"`
	Action      v1alpha1.ValidationAction `json:"action"`
	Remediation string                    `json:"remediation,omitempty"`
	DocsURL     string                    `json:"docsURL,omitempty"`
	// Resources says that what an instance becomes is judged, and not the instance.
	Resources bool `json:"resources,omitempty"`
}

// Applying tells of the guardrails that may judge an instance of the input's offering in its namespace, in name order: what they ask of
// the instance's name and labels, and their conditions, is left out of account, since another instance may meet it. The policies of other
// engines come after them, by source and name: those that match the instance, or one of the resources that it expands into.
func (s *Set) Applying(ctx context.Context, in *Input) []Rule {
	rules := []Rule{}
	if s == nil {
		return rules
	}
	sub := newSubject(in)
	for i := range s.guardrails {
		if g := s.guardrails[i].compiledGuardrail; g.matcher.matchesPlace(&sub) {
			rules = append(rules, g.rule(g.resources != nil))
		}
	}
	for i := range s.policies {
		p := s.policies[i].compiledGuardrail
		if p.mayApply(ctx, in) {
			rules = append(rules, p.rule(false))
		} else if p.mayApplyToResource(ctx, in) {
			rules = append(rules, p.rule(true))
		}
	}
	return rules
}

func (g *compiledGuardrail) rule(resources bool) Rule {
	return Rule{
		Source: g.info.Source, Name: g.info.Name, Title: g.violation.Title, Severity: g.violation.Severity, Action: g.violation.Action,
		Remediation: g.violation.Remediation, DocsURL: g.violation.DocsURL, Resources: resources,
	}
}

// mayApply reports whether a policy is for an object; where nobody can tell, it may be.
func (g *compiledGuardrail) mayApply(ctx context.Context, in *Input) bool {
	holds, err := g.applies(ctx, in)
	return holds || err != nil
}

// mayApplyToResource reports whether a policy is for a resource that the instance expands into, as far as that can be told.
func (g *compiledGuardrail) mayApplyToResource(ctx context.Context, in *Input) bool {
	if in.renderer == nil {
		return false
	}
	inputs, err := in.resources(ctx)
	if err != nil {
		return false
	}
	for i := range inputs.rendering.Resources {
		if inputs.rendering.Resources[i].Judged() && g.mayApply(ctx, in.forApplier(inputs, i)) {
			return true
		}
	}
	return false
}
