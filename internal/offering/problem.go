package offering

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Problem is one thing wrong with an annotation or label of an RGD.
type Problem struct {
	// Annotation is the full key as it stands in the RGD: "kroguard.io/defaults". It is empty where the RGD itself lacks
	// what an offering needs.
	Annotation string
	// Label is true where the key is that of a label.
	Label bool
	// Line counts from 1 within the annotation's value; 0 where there is none.
	Line int
	// Path is the field within the value: spec.size; empty where there is none.
	Path string
	// Reason says what is wrong and what to do.
	Reason string
}

// String is one sentence: annotation, line, path and reason.
func (p Problem) String() string {
	var place []string
	switch {
	case p.Annotation == "":
	case p.Label:
		place = append(place, "label "+p.Annotation)
	default:
		place = append(place, "annotation "+p.Annotation)
	}
	if p.Line > 0 {
		place = append(place, fmt.Sprintf("line %d", p.Line))
	}
	at := strings.Join(place, ", ")
	for _, part := range []string{p.Path, p.Reason} {
		if part != "" && at != "" {
			at += ": "
		}
		at += part
	}
	return at
}

// Warning is a sentence for the person who applies the RGD, which is accepted.
type Warning string

// findings collects what Parse has to say.
type findings struct {
	problems []Problem
	warnings []Warning
}

// add records a problem of a key.
func (f *findings) add(k key, line int, path, reason string) {
	f.problems = append(f.problems, Problem{Annotation: k.full(), Line: line, Path: path, Reason: reason})
}

// addFaults records what is wrong with a value's YAML.
func (f *findings) addFaults(k key, faults []fault) {
	for _, fault := range faults {
		f.add(k, fault.line, fault.path, fault.reason)
	}
}

// maxProblems is how many problems are told: more than a person mends at once, and hostile input has any number.
const maxProblems = 100

// sorted returns the problems by annotation, line, path and reason, each once, and the first of them where there are very many.
func (f *findings) sorted() []Problem {
	slices.SortStableFunc(f.problems, func(a, b Problem) int {
		return cmp.Or(
			cmp.Compare(a.Annotation, b.Annotation),
			cmp.Compare(a.Line, b.Line),
			cmp.Compare(a.Path, b.Path),
			cmp.Compare(a.Reason, b.Reason),
		)
	})
	problems := slices.Compact(f.problems)
	return problems[:min(len(problems), maxProblems)]
}
