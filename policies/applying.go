package policies

import "github.com/kroguard/kroguard/policies/v1alpha1"

// Rule tells people of a guardrail.
type Rule struct {
	Name        string                    `json:"name"`
	Title       string                    `json:"title"`
	Severity    v1alpha1.Severity         `json:"severity"`
	Action      v1alpha1.ValidationAction `json:"action"`
	Remediation string                    `json:"remediation,omitempty"`
	DocsURL     string                    `json:"docsURL,omitempty"`
	// Resources says that the guardrail judges what an instance becomes, and not the instance.
	Resources bool `json:"resources,omitempty"`
}

// Applying tells of the guardrails that may judge an instance of the input's offering in its namespace, in name order. What they ask
// of the instance's name and labels, and their conditions, is left out of account: another instance may meet it.
func (s *Set) Applying(in *Input) []Rule {
	rules := []Rule{}
	if s == nil {
		return rules
	}
	sub := newSubject(in)
	for i := range s.guardrails {
		g := &s.guardrails[i]
		if !g.matcher.matchesPlace(&sub) {
			continue
		}
		rules = append(rules, Rule{
			Name: g.info.Name, Title: g.violation.Title, Severity: g.violation.Severity, Action: g.violation.Action,
			Remediation: g.violation.Remediation, DocsURL: g.violation.DocsURL, Resources: g.resources != nil,
		})
	}
	return rules
}
