package policies

import (
	"time"

	"k8s.io/apimachinery/pkg/labels"

	"github.com/kroguard/kroguard/internal/glob"
	"github.com/kroguard/kroguard/policies/v1alpha1"
)

// compiledException is a GuardrailException ready to be asked. It is immutable.
type compiledException struct {
	name                              string
	guardrails                        glob.List
	instance                          instanceMatcher
	namespaceSelector, objectSelector labels.Selector
	expiresAt                         time.Time
}

// waives reports whether the exception covers the subject at the time. It ends at expiresAt: that instant is not covered.
// Labels of the former object do not count: a waiver holds for what is to be, not for what was.
func (e *compiledException) waives(s *subject, now time.Time) bool {
	return now.Before(e.expiresAt) &&
		e.instance.matches(s) &&
		s.namespaceMatches(e.namespaceSelector) &&
		(e.objectSelector == nil || e.objectSelector.Matches(s.labels))
}

// CheckException reports what is wrong with an exception, as CompileErrors; nil where it is in order. That it has expired
// is no error.
func CheckException(exception *v1alpha1.GuardrailException) error {
	_, err := compileException(exception)
	return err
}

func compileException(exception *v1alpha1.GuardrailException) (*compiledException, error) {
	spec := &exception.Spec
	c := matchCompiler{}
	guardrails := c.names("spec.guardrails", spec.Guardrails)
	if len(spec.Guardrails) == 0 {
		c.fail("spec.guardrails", "name the guardrails that are waived")
	}
	match := &spec.Match
	if isEmpty(&match.InstanceMatch) && match.NamespaceSelector == nil && match.ObjectSelector == nil {
		c.fail("spec.match", "say for which instances: a waiver for all of them is a change of the guardrail")
	}
	compiled := &compiledException{
		name:              exception.Name,
		guardrails:        guardrails.globs,
		instance:          c.instance("spec.match", &match.InstanceMatch),
		namespaceSelector: c.selector("spec.match.namespaceSelector", match.NamespaceSelector),
		objectSelector:    c.selector("spec.match.objectSelector", match.ObjectSelector),
		expiresAt:         spec.ExpiresAt.Time,
	}
	if len(c.errors) > 0 {
		return nil, c.errors
	}
	return compiled, nil
}

// exceptionsFor yields those that name the guardrail, in the same order.
func exceptionsFor(guardrail string, exceptions []*compiledException) []*compiledException {
	var named []*compiledException
	for _, exception := range exceptions {
		if exception.guardrails.Match(guardrail) {
			named = append(named, exception)
		}
	}
	return named
}
