package render

import (
	"regexp"
	"slices"
	"strings"
)

// Condition says that a field of an instance matters only where an expression holds.
type Condition struct {
	// Field is its path: spec.backup.size.
	Field string `json:"field"`
	// When is the includeWhen without which no resource reads the field: ${schema.spec.backup.enabled}. There may be several.
	When string `json:"when"`
}

// specRead is what an expression reads of the instance's spec; a read that is not followed by a field is of all of it.
var specRead = regexp.MustCompile(`\bschema\.spec((?:\.\??[A-Za-z_][A-Za-z0-9_]*)*)(\(?)`)

// Conditions are the fields that only resources read which are not always there, by field. What expressions read is told by their
// text: a field that is read in another way counts as read by nobody, and is not among them.
func (g *Graph) Conditions() []Condition {
	always, sometimes := map[string]bool{}, map[string][]string{}
	for _, n := range g.nodes {
		when := make([]string, len(n.includeWhen))
		for i, e := range n.includeWhen {
			when[i] = "${" + e.parts[0] + "}"
			for _, field := range specReads(e) {
				always[field] = true
			}
		}
		var reads []string
		for i := range n.dimensions {
			reads = append(reads, specReads(n.dimensions[i].list)...)
		}
		n.template.visit(func(e *expression) { reads = append(reads, specReads(e)...) })
		for _, field := range reads {
			if len(when) == 0 {
				always[field] = true
			} else if both := strings.Join(when, " and "); !slices.Contains(sometimes[field], both) {
				sometimes[field] = append(sometimes[field], both)
			}
		}
	}
	conditions := []Condition{}
	for field, when := range sometimes {
		if !overlaps(always, field) {
			slices.Sort(when)
			conditions = append(conditions, Condition{Field: field, When: strings.Join(when, " or ")})
		}
	}
	slices.SortFunc(conditions, func(a, b Condition) int { return strings.Compare(a.Field, b.Field) })
	return conditions
}

// specReads are the fields that an expression reads, as spec.size.
func specReads(e *expression) []string {
	var fields []string
	for _, part := range e.parts {
		for _, found := range specRead.FindAllStringSubmatch(part, -1) {
			field := "spec" + strings.ReplaceAll(found[1], "?", "")
			if found[2] != "" { // the last is a function
				field = field[:max(strings.LastIndexByte(field, '.'), len("spec"))]
			}
			fields = append(fields, field)
		}
	}
	return fields
}

// overlaps reports whether a field, one that it is in, or one in it is among fields.
func overlaps(fields map[string]bool, field string) bool {
	for other := range fields {
		if other == field || strings.HasPrefix(field, other+".") || strings.HasPrefix(other, field+".") {
			return true
		}
	}
	return false
}

// visit visits all expressions of a template.
func (t *template) visit(each func(*expression)) {
	if t == nil {
		return
	}
	if t.expression != nil {
		each(t.expression)
	}
	for i := range t.fields {
		t.fields[i].part.visit(each)
	}
	for _, item := range t.items {
		item.visit(each)
	}
}
