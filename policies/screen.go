package policies

import (
	"slices"

	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"
)

// minScreened is from how many guardrails on a screen is worth its look-ups: one for each label of an instance.
const minScreened = 16

// trait is something that an instance has and that guardrails ask for: its name, where key is empty, a label with its value, or
// that there is a label at all.
type trait struct {
	key, value string
	present    bool
}

// screen narrows many guardrails of one place down to those that may match an instance, by what each of them demands of its name or
// labels. It is immutable.
type screen struct {
	entries []*setEntry
	// open are those that demand nothing that could be looked up, demanding those that do; both are positions in entries.
	open      []int
	demanding map[trait][]int
}

// newScreen yields nil where too few guardrails demand anything.
func newScreen(entries []*setEntry) *screen {
	s := &screen{entries: entries, demanding: map[trait][]int{}}
	for position, entry := range entries {
		traits := entry.matcher.demands()
		if len(traits) == 0 {
			s.open = append(s.open, position)
		}
		for _, t := range traits {
			s.demanding[t] = append(s.demanding[t], position)
		}
	}
	if len(entries)-len(s.open) < minScreened {
		return nil
	}
	return s
}

// demands are traits of which an instance must have one, or else the guardrail does not match; none where that can't be said.
func (m *guardrailMatcher) demands() []trait {
	if names, literal := m.instance.names.globs.Names(); m.instance.names.given && literal {
		traits := make([]trait, len(names))
		for i, name := range names {
			traits[i] = trait{value: name}
		}
		return traits
	}
	if m.objectSelector == nil {
		return nil
	}
	requirements, _ := m.objectSelector.Requirements()
	for i := range requirements {
		if traits := demandsOf(&requirements[i]); len(traits) > 0 {
			return traits
		}
	}
	return nil
}

// demandsOf yields none where an instance without the label may meet the requirement, or where values are compared as numbers.
func demandsOf(requirement *labels.Requirement) []trait {
	switch requirement.Operator() {
	case selection.Equals, selection.DoubleEquals, selection.In:
		var traits []trait
		for value := range requirement.Values() {
			traits = append(traits, trait{key: requirement.Key(), value: value})
		}
		return traits
	case selection.Exists:
		return []trait{{key: requirement.Key(), present: true}}
	default:
		return nil
	}
}

// narrow yields the guardrails that may match, in the order of the Set. Where an instance has nothing that is demanded, that is a
// matter of the look-ups alone.
func (s *screen) narrow(sub *subject) []*setEntry {
	positions := s.demanding[trait{value: sub.name}]
	positions = s.met(positions, sub.labels)
	if sub.hasOld {
		positions = s.met(positions, sub.oldLabels)
	}
	positions = append(slices.Clone(positions), s.open...)
	slices.Sort(positions)
	positions = slices.Compact(positions)
	entries := make([]*setEntry, len(positions))
	for i, position := range positions {
		entries[i] = s.entries[position]
	}
	return entries
}

// met adds those that demand one of the labels. It leaves what it is given as it is.
func (s *screen) met(positions []int, set objectLabels) []int {
	positions = slices.Clip(positions)
	for key, value := range set {
		text, ok := value.(string)
		if !ok {
			continue
		}
		positions = append(positions, s.demanding[trait{key: key, value: text}]...)
		positions = append(positions, s.demanding[trait{key: key, present: true}]...)
	}
	return positions
}
