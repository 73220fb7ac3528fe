package admissionpolicy

import (
	"errors"

	"github.com/kroguard/kroguard/policies"
	"github.com/kroguard/kroguard/policies/cel"
)

// notYetError is an error about what nobody can tell yet.
type notYetError string

// Error says why.
func (e notYetError) Error() string { return string(e) }

// settle makes of errors that may be none once the resource exists what they are: unknown findings. What is left are errors. Where
// the whole match is unsure, so is everything found.
func (p *policy) settle(findings []policies.Finding, err error, unsure string) ([]policies.Finding, error) {
	if _, ok := errors.AsType[notYetError](err); ok {
		return append(findings, unknown(err.Error())), nil
	}
	if unsure != "" {
		for i := range findings {
			findings[i].Unknown = true
		}
		if err != nil {
			findings = append(findings, unknown(unsure+": "+err.Error()))
		}
		return findings, nil
	}
	failed, ok := errors.AsType[cel.EvaluationErrors](err)
	if !ok {
		return findings, err
	}
	var left cel.EvaluationErrors
	for _, one := range failed {
		if p.compiled.MayBeFilledIn(one) {
			findings = append(findings, unknown("nobody can tell before the API server has filled in what is left out: "+one.Error()))
		} else {
			left = append(left, one)
		}
	}
	if len(left) == 0 {
		return findings, nil
	}
	return findings, left
}

func unknown(message string) policies.Finding {
	return policies.Finding{Message: message, Unknown: true}
}
