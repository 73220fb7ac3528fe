// Package report prints what was measured: for people as aligned text or as Markdown, for programs as JSON, and beside the
// ratios that kroguard aims at.
package report

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// Table is a table of texts.
type Table struct {
	Title  string
	Header []string
	Rows   [][]string
}

// Text writes the table with aligned columns.
func (t *Table) Text(w io.Writer) error { return t.write(w, "", "  ", "") }

// Markdown writes the table as Markdown, which is readable as text, too.
func (t *Table) Markdown(w io.Writer) error { return t.write(w, "| ", " | ", " |") }

func (t *Table) write(w io.Writer, left, between, right string) error {
	widths := make([]int, len(t.Header))
	for _, row := range append([][]string{t.Header}, t.Rows...) {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	rule := make([]string, len(widths))
	for i, width := range widths {
		rule[i] = strings.Repeat("-", width)
	}
	lines := [][]string{t.Header, rule}
	if _, err := fmt.Fprintf(w, "%s\n\n", t.Title); err != nil {
		return err
	}
	for _, row := range append(lines, t.Rows...) {
		padded := make([]string, len(row))
		for i, cell := range row {
			padded[i] = cell + strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
		}
		line := strings.TrimRight(left+strings.Join(padded, between)+right, " ")
		if _, err := fmt.Fprintln(w, line); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintln(w)
	return err
}
