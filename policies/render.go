package policies

import (
	"fmt"
	"strings"
)

// String says in one line what is wrong, where, and what to do: guardrail, resource, field, message, reason, remediation
// and docs. It never has control characters, nor words that make Flux recreate an object.
func (v Violation) String() string {
	var line strings.Builder
	if !v.Failed {
		// The message of a guardrail that failed names it already.
		line.WriteString(v.sort() + " " + v.Guardrail + ": ")
	}
	line.WriteString(v.Resource.Kind)
	if v.Resource.Name != "" {
		line.WriteString("/" + v.Resource.Name)
	}
	if v.Resource.Node != "" {
		line.WriteString(" (node " + v.Resource.Node + ")")
	}
	if v.Field != "" {
		line.WriteString(", field " + v.Field)
	}
	line.WriteString(": " + strings.TrimSuffix(v.Message, "."))
	if v.Reason != "" {
		line.WriteString(" (" + v.Reason + ")")
	}
	line.WriteString(".")
	if v.Remediation != "" {
		line.WriteString(" What to do: " + strings.TrimSuffix(v.Remediation, ".") + ".")
	}
	if v.DocsURL != "" {
		line.WriteString(" See " + v.DocsURL)
	}
	if v.Exception != "" {
		line.WriteString(" Waived by exception " + v.Exception + ".")
	}
	return oneLine(line.String(), MaxRenderBytes)
}

// Render puts violations into one text for the person who is refused: a line each, numbered, where there are several. It
// yields at most MaxRenderBytes and says how many violations had no room; none yields "".
func Render(violations []Violation) string {
	switch len(violations) {
	case 0:
		return ""
	case 1:
		return violations[0].String()
	}
	// The sentence about what had no room needs some itself.
	const reserve = 64
	var text strings.Builder
	fmt.Fprintf(&text, "%d violations:", len(violations))
	for i := range violations {
		item := fmt.Sprintf("\n  [%d] %s", i+1, violations[i])
		if text.Len()+len(item) > MaxRenderBytes-reserve && i > 0 {
			fmt.Fprintf(&text, "\n  %d more violations are not shown.", len(violations)-i)
			break
		}
		text.WriteString(item)
	}
	return cut(text.String(), MaxRenderBytes)
}
