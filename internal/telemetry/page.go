package telemetry

import (
	"errors"
	"strings"
)

// pageMarker is the comment above the table of a page.
const pageMarker = "<!-- table: metrics -->"

// errNoTable says that a page has no place for the table.
var errNoTable = errors.New("the page has no line " + pageMarker)

// Page puts the table of all metrics into a Markdown page, below the marker and instead of the table there.
func Page(page string) (string, error) {
	before, after, ok := strings.Cut(page, pageMarker+"\n")
	if !ok {
		return "", errNoTable
	}
	for strings.HasPrefix(after, "|") {
		_, after, _ = strings.Cut(after, "\n")
	}
	var table strings.Builder
	table.WriteString("| metric | type | labels | what it says |\n|---|---|---|---|\n")
	for _, metric := range Describe() {
		labels := ""
		if len(metric.Labels) > 0 {
			labels = "`" + strings.Join(metric.Labels, "`, `") + "`"
		}
		cells := []string{"`" + metric.Name + "`", string(metric.Type), labels, strings.TrimSuffix(metric.Help, ".")}
		table.WriteString("| " + strings.Join(cells, " | ") + " |\n")
	}
	return before + pageMarker + "\n" + table.String() + after, nil
}
