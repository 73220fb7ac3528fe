package policies

import (
	"cmp"
	"slices"

	"github.com/kroguard/kroguard/policies/v1alpha1"
)

// Policy is a policy that is no Guardrail: a constraint of Gatekeeper, a binding of a ValidatingAdmissionPolicy. A Set judges
// instances and rendered resources by policies as by guardrails. Program, Matches and what they refer to are immutable and safe
// for concurrent use.
type Policy struct {
	// Source is where the policy comes from, as messages and metrics name it: "Gatekeeper", "ValidatingAdmissionPolicy". It is
	// one of few.
	Source string
	// Name is unique within the source: "K8sAllowedRepos/prod-repos".
	Name string
	// Title, Severity, Remediation and DocsURL are as a Guardrail's; all may be empty.
	Title                string
	Severity             v1alpha1.Severity
	Remediation, DocsURL string
	// Actions say what a violation does; the strongest counts. None is Deny.
	Actions []v1alpha1.ValidationAction
	// Ignore counts an error as no violation.
	Ignore bool
	// OnUnknown says what a finding does that depends on what nobody can tell yet; empty is Warn.
	OnUnknown v1alpha1.OnUnknown

	// Engine is the language: "CEL", "Rego".
	Engine string
	// Err is why the policy can't be evaluated; it then counts as failed wherever it matches.
	Err error
	// Matches reports whether the policy is for the object of the input, which is an instance or a rendered resource. The
	// input's Request says what kro, or the user of an instance, asks of the API server.
	Matches func(in *Input) (bool, error)
	// Program judges what matches; nil where Err says why.
	Program Program
}

// With yields a Set that judges by policies besides its guardrails. The Set itself stays as it is. The recorder, which may be nil, is
// told of them, and of their names as "source:name".
func (s *Set) With(list []Policy, recorder Recorder) *Set {
	extended := &Set{policies: make([]setEntry, len(list)), index: newPlaceIndex()}
	if s != nil {
		extended.guardrails, extended.index = s.guardrails, s.index
	}
	var names []string
	for i := range list {
		compiled := newCompiledPolicy(&list[i])
		extended.policies[i] = setEntry{compiledGuardrail: compiled}
		if recorder != nil {
			compiled.observer = recorder.Compiled(&compiled.info, 0)
			names = append(names, compiled.info.Source+":"+compiled.info.Name)
		}
	}
	if recorder != nil {
		slices.Sort(names)
		recorder.Retain(names)
	}
	slices.SortStableFunc(extended.policies, func(a, b setEntry) int {
		return cmp.Or(cmp.Compare(a.violation.Source, b.violation.Source), cmp.Compare(a.info.Name, b.info.Name))
	})
	return extended
}

func newCompiledPolicy(policy *Policy) *compiledGuardrail {
	matches := policy.Matches
	if matches == nil {
		matches = func(*Input) (bool, error) { return true, nil }
	}
	return &compiledGuardrail{
		info:    CompiledInfo{Source: policy.Source, Name: policy.Name, Engine: policy.Engine, Err: policy.Err},
		program: policy.Program,
		matches: matches,
		violation: Violation{
			Guardrail:   policy.Name,
			Source:      policy.Source,
			Title:       oneLine(orElse(policy.Title, policy.Name), MaxFieldBytes),
			Severity:    orElse(policy.Severity, v1alpha1.SeverityMedium),
			Action:      strongest(policy.Actions),
			Remediation: oneLine(policy.Remediation, MaxMessageBytes),
			DocsURL:     oneLine(policy.DocsURL, MaxFieldBytes),
		},
		ignore:    policy.Ignore,
		onUnknown: actionOf(policy.OnUnknown),
	}
}
