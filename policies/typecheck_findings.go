package policies

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/kroguard/kroguard/policies/v1alpha1"
)

// typeFindings merges what the type checker finds for several types.
type typeFindings struct {
	// found are in the order in which they came up.
	found []*mergedFinding
	// types is how many types were checked, unchecked how many were left out.
	types, unchecked int
	// failed is why the rest was not checked; nil where it was.
	failed error
}

// mergedFinding is what is wrong at one place, with all the types for which it is.
type mergedFinding struct {
	TypeFinding
	// in names the types.
	in []string
	// count is how many types the finding was made for.
	count int
}

// sameAs reports whether both findings are about the same place and mistake.
func (f *mergedFinding) sameAs(other *TypeFinding) bool {
	return f.Field == other.Field && f.Line == other.Line && f.Column == other.Column && f.Message == other.Message
}

// add takes over the findings for one more type.
func (t *typeFindings) add(object ObjectType, report TypeReport) {
	t.types++
	for i := range report.Findings {
		finding := &report.Findings[i]
		at := slices.IndexFunc(t.found, func(f *mergedFinding) bool { return f.sameAs(finding) })
		if at < 0 {
			at = len(t.found)
			t.found = append(t.found, &mergedFinding{TypeFinding: *finding})
		}
		merged := t.found[at]
		name := fmt.Sprintf("%s%s of offering %s", object.GVK.Kind, finding.Type, object.Offering)
		if slices.Contains(merged.in, name) {
			continue
		}
		merged.in = append(merged.in, name)
		merged.count++
		merged.Tolerant = merged.Tolerant && finding.Tolerant
		if merged.Hint != finding.Hint {
			merged.Hint = "" // what helps for one type misleads for another
		}
	}
}

// told reports whether a finding is to be told: a tolerant one only where all types have it.
func (t *typeFindings) told(f *mergedFinding) bool { return !f.Tolerant || f.count == t.types }

// open reports whether a finding is left that further types could confirm or take back.
func (t *typeFindings) open() bool { return slices.ContainsFunc(t.found, t.told) }

// warnings are the findings that are told, in the order of their places.
func (t *typeFindings) warnings() []v1alpha1.ExpressionWarning {
	told := slices.DeleteFunc(slices.Clone(t.found), func(f *mergedFinding) bool { return !t.told(f) })
	slices.SortStableFunc(told, func(a, b *mergedFinding) int {
		if a.Field != b.Field {
			return 0 // checkers go by the policy's text
		}
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	var warnings []v1alpha1.ExpressionWarning
	for _, f := range told[:min(len(told), MaxTypeWarnings)] {
		warnings = append(warnings, v1alpha1.ExpressionWarning{FieldRef: f.Field, Warning: t.text(f)})
	}
	if more := len(told) - len(warnings); more > 0 {
		warnings = append(warnings, v1alpha1.ExpressionWarning{
			FieldRef: "spec", Warning: fmt.Sprintf("%d more findings of the type checker are not shown", more),
		})
	}
	if t.failed != nil {
		warnings = append(warnings, v1alpha1.ExpressionWarning{
			FieldRef: "spec", Warning: oneLine("types were not checked to the end: "+t.failed.Error(), MaxMessageBytes),
		})
	}
	return warnings
}

// text is one finding in a sentence.
func (t *typeFindings) text(f *mergedFinding) string {
	var text strings.Builder
	if f.Line > 0 {
		fmt.Fprintf(&text, "line %d, column %d: ", f.Line, f.Column)
	}
	text.WriteString(f.Message)
	if f.Hint != "" {
		text.WriteString("; " + f.Hint)
	}
	text.WriteString(" (" + strings.Join(f.in, ", "))
	if t.unchecked > 0 {
		fmt.Fprintf(&text, "; %d more offerings were not checked, %d is the limit", t.unchecked, MaxTypesToCheck)
	}
	text.WriteString(")")
	return oneLine(text.String(), MaxMessageBytes)
}
