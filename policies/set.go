package policies

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/kroguard/kroguard/policies/v1alpha1"
)

// Set is the compiled view of all guardrails and exceptions, guardrails sorted by name. It is immutable and safe for
// concurrent use. A nil Set has no guardrails: whoever must not admit before the first is compiled checks for nil.
type Set struct {
	guardrails []setEntry
	// policies are those of other engines, sorted by source and name.
	policies []setEntry
	index    *placeIndex
}

// newSet takes over guardrails and exceptions in any order.
func newSet(guardrails []*compiledGuardrail, exceptions []*compiledException) *Set {
	slices.SortStableFunc(guardrails, func(a, b *compiledGuardrail) int { return cmp.Compare(a.info.Name, b.info.Name) })
	slices.SortStableFunc(exceptions, func(a, b *compiledException) int { return cmp.Compare(a.name, b.name) })
	set := &Set{guardrails: make([]setEntry, len(guardrails)), index: newPlaceIndex()}
	for i, guardrail := range guardrails {
		set.guardrails[i] = setEntry{guardrail, exceptionsFor(guardrail.info.Name, exceptions)}
	}
	return set
}

// setEntry is a guardrail with the exceptions that name it, by name.
type setEntry struct {
	*compiledGuardrail
	exceptions []*compiledException
}

// Len is the number of guardrails, those included that do not compile.
func (s *Set) Len() int {
	if s == nil {
		return 0
	}
	return len(s.guardrails)
}

// Guardrails tells of each guardrail, in name order. The slice is the caller's.
func (s *Set) Guardrails() []CompiledInfo {
	if s == nil {
		return nil
	}
	infos := make([]CompiledInfo, len(s.guardrails))
	for i := range s.guardrails {
		infos[i] = s.guardrails[i].info
	}
	return infos
}

// names are those of the guardrails, sorted.
func (s *Set) names() []string {
	names := make([]string, len(s.guardrails))
	for i := range s.guardrails {
		names[i] = s.guardrails[i].info.Name
	}
	return names
}

// Evaluate judges the input by every guardrail that matches it and yields all violations, ordered by guardrail and, within
// one, as in the policy. A guardrail that can't be evaluated counts by its failurePolicy. Exceptions are honored that are
// in force at now. Only CREATE and UPDATE are judged: nothing keeps an object from being removed.
//
// Each guardrail has GuardrailTimeout, and all together have what ctx leaves; those that find no time left count as failed.
// The verdict is never nil.
func (s *Set) Evaluate(ctx context.Context, in *Input, now time.Time) *Verdict {
	verdict := &Verdict{}
	if s == nil {
		return verdict
	}
	sub := newSubject(in)
	// Most requests meet no guardrail that matches, and cost next to nothing then.
	var j *judgement
	begin := func() *judgement {
		if j == nil {
			j = &judgement{ctx: ctx, in: in, sub: &sub, clock: newWatch(ctx), now: now, verdict: verdict}
		}
		return j
	}
	for _, guardrail := range s.candidates(&sub) {
		if guardrail.matcher.matchesInstance(&sub) {
			begin().guardrail(guardrail)
		}
	}
	for i := range s.policies {
		begin().policy(&s.policies[i])
	}
	if j != nil {
		j.clock.stop()
	}
	return verdict
}

// report files what a guardrail found, and its error, in the verdict.
func (g *compiledGuardrail) report(verdict *Verdict, resource ResourceRef, findings []Finding, err error, exception string) {
	for i := range findings {
		verdict.add(g.violationOf(resource, &findings[i]), exception)
	}
	switch {
	case err == nil:
	case g.ignore:
		verdict.Ignored = append(verdict.Ignored, GuardrailError{Guardrail: g.info.Name, Err: err})
	default:
		verdict.add(g.failure(resource, err), exception)
	}
}

// candidates are the guardrails that match at the subject's place, in name order, without most of those that the instance itself
// keeps from matching.
func (s *Set) candidates(sub *subject) []*setEntry {
	found := s.index.find(&sub.place, func() []*setEntry {
		var entries []*setEntry
		for i := range s.guardrails {
			if entry := &s.guardrails[i]; entry.matcher.matchesPlace(sub) {
				entries = append(entries, entry)
			}
		}
		return slices.Clip(entries)
	})
	if found.screen != nil {
		return found.screen.narrow(sub)
	}
	return found.entries
}

// exceptionFor yields the name of the first exception that waives the guardrail for the subject; "" where none does.
func (e *setEntry) exceptionFor(sub *subject, now time.Time) string {
	for _, exception := range e.exceptions {
		if exception.waives(sub, now) {
			return exception.name
		}
	}
	return ""
}

// add files a violation under what it does.
func (v *Verdict) add(violation Violation, exception string) {
	violation.Exception = exception
	switch {
	case exception != "":
		v.Waived = append(v.Waived, violation)
	case violation.Action == v1alpha1.ActionWarn:
		v.Warned = append(v.Warned, violation)
	case violation.Action == v1alpha1.ActionAudit:
		v.Audited = append(v.Audited, violation)
	default:
		v.Denied = append(v.Denied, violation)
	}
}

// resourceOf names what is judged.
func resourceOf(in *Input) ResourceRef {
	return ResourceRef{
		APIVersion: stringAt(in.Object, "apiVersion"),
		Kind:       orElse(stringAt(in.Object, "kind"), in.Request.Kind.Kind),
		Namespace:  orElse(stringAt(in.Object, "metadata", "namespace"), in.Request.Namespace),
		Name:       orElse(stringAt(in.Object, "metadata", "name"), in.Request.Name),
	}
}
