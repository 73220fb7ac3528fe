package policies

import (
	"time"
)

// Recorder is told what guardrails take and find, for metrics. It is safe for concurrent use.
type Recorder interface {
	// Compiled is told of each compilation of a guardrail that becomes part of a Set, and says who is told of its evaluations; nil
	// for nobody. It is called again for a guardrail that changed.
	Compiled(info *CompiledInfo, took time.Duration) Observer
	// Retain is told after each new Set which guardrails there are, by name, sorted. All others are gone.
	Retain(guardrails []string)
}

// Observer is told of the evaluations of one guardrail, on the request path: it must take next to nothing. It is safe for concurrent
// use.
type Observer interface {
	Evaluated(evaluation Evaluation)
}

// Evaluation is what came of one guardrail on one input.
type Evaluation struct {
	// Took is the time of matchConditions, policy and violations. A form of the input that several guardrails share is made by the
	// first of a review that needs it, and counts for it.
	Took time.Duration
	// Denied, Warned, Audited and Waived are how many violations there are of each sort.
	Denied, Warned, Audited, Waived int
	// Failed says that the guardrail could not be evaluated, whatever its failurePolicy made of that.
	Failed bool
}

// tally counts the violations of a verdict, to tell by the difference what a guardrail found.
func (v *Verdict) tally() Evaluation {
	return Evaluation{Denied: len(v.Denied), Warned: len(v.Warned), Audited: len(v.Audited), Waived: len(v.Waived)}
}

// since is what came after an earlier tally.
func (e Evaluation) since(before Evaluation) Evaluation {
	return Evaluation{
		Denied: e.Denied - before.Denied, Warned: e.Warned - before.Warned,
		Audited: e.Audited - before.Audited, Waived: e.Waived - before.Waived,
	}
}
