package docs

import (
	"regexp"
	"strings"
)

// Page is one Markdown file.
type Page struct {
	// Name is its path in the repository: docs/defaults.md
	Name string
	// Blocks are the fenced code blocks in the order of the text.
	Blocks []Block
	// Tables are the tables that a comment names, without the header.
	Tables map[string]Table
	// Links are the targets of links, images included.
	Links []Link
	// Anchors are the fragments by which headings are linked to.
	Anchors map[string]bool
	// TooLong are the numbers of the lines that are longer than maxLine, but for tables and what programs print.
	TooLong []int
}

// Block is a fenced code block.
type Block struct {
	// Line is the number of the opening fence.
	Line int
	// Language is what stands behind the opening fence; Marker is the comment above it. Both may be empty.
	Language, Marker string
	Text             string
}

// Table is a table's rows, a cell without its white space.
type Table [][]string

// Link is a link's target as it is written.
type Link struct {
	Line   int
	Target string
}

// Problem is a place where a page is wrong.
type Problem struct {
	Page string
	Line int
	Text string
}

// maxLine is how long a line of a page may be, in characters: what editors and diffs show without wrapping. Rows of tables, and
// what programs print, are not divided.
const maxLine = 130

// tableMarker begins the comment above a table that has a counterpart in the code.
const tableMarker = "table: "

// Read reads a page.
func Read(name, text string) *Page {
	r := &reader{
		page:    &Page{Name: name, Tables: map[string]Table{}, Anchors: map[string]bool{}},
		comment: regexp.MustCompile(`^<!-- (.*) -->$`),
		link:    regexp.MustCompile(`\]\(([^()\s]+)\)`),
		code:    regexp.MustCompile("`[^`]*`"),
		other:   regexp.MustCompile(`[^\p{L}\p{N} _-]`),
	}
	for i, line := range strings.Split(text, "\n") {
		r.line(i+1, line)
	}
	return r.page
}

// reader reads a page line by line.
type reader struct {
	page                       *Page
	comment, link, code, other *regexp.Regexp

	// block is the block that is open, indent what stands before its fence.
	block  *Block
	indent string
	// marker is the comment in the line above.
	marker string
	// table is the name of the table that is being read.
	table string
}

func (r *reader) line(number int, line string) {
	trimmed := strings.TrimSpace(line)
	printed := r.block != nil && (r.block.Language == "text" || r.block.Language == "console")
	if len([]rune(line)) > maxLine && !printed && !strings.HasPrefix(trimmed, "|") {
		r.page.TooLong = append(r.page.TooLong, number)
	}
	if r.block != nil {
		r.inBlock(line, trimmed)
		return
	}
	marker := r.marker
	r.marker = ""
	switch match := r.comment.FindStringSubmatch(trimmed); {
	case match != nil:
		r.marker = match[1]
	case strings.HasPrefix(trimmed, "```"):
		r.block = &Block{Line: number, Language: strings.TrimPrefix(trimmed, "```"), Marker: marker}
		r.indent, _, _ = strings.Cut(line, "```")
	case strings.HasPrefix(trimmed, "|"):
		r.row(marker, trimmed)
		r.prose(number, trimmed)
		return
	default:
		r.prose(number, trimmed)
	}
	r.table = ""
}

func (r *reader) inBlock(line, trimmed string) {
	if trimmed == "```" {
		r.page.Blocks = append(r.page.Blocks, *r.block)
		r.block = nil
		return
	}
	r.block.Text += strings.TrimPrefix(line, r.indent) + "\n"
}

// row takes up a row of a table that a comment names; its header is the row directly below the comment.
func (r *reader) row(marker, line string) {
	if name, ok := strings.CutPrefix(marker, tableMarker); ok {
		r.table = name
		return
	}
	if r.table == "" || strings.HasPrefix(line, "|---") {
		return
	}
	// A "|" within a cell is written "\|".
	const escaped = "\x00"
	cells := strings.Split(strings.Trim(strings.ReplaceAll(line, `\|`, escaped), "|"), "|")
	for i := range cells {
		cells[i] = strings.ReplaceAll(strings.TrimSpace(cells[i]), escaped, "|")
	}
	r.page.Tables[r.table] = append(r.page.Tables[r.table], cells)
}

// prose collects links and headings.
func (r *reader) prose(number int, line string) {
	for _, match := range r.link.FindAllStringSubmatch(r.code.ReplaceAllString(line, ""), -1) {
		r.page.Links = append(r.page.Links, Link{number, match[1]})
	}
	if heading := strings.TrimLeft(line, "#"); heading != line {
		r.page.Anchors[r.anchor(heading)] = true
	}
}

// anchor is the fragment that GitHub gives a heading: lower case, no punctuation, hyphens for spaces.
func (r *reader) anchor(heading string) string {
	return strings.ReplaceAll(r.other.ReplaceAllString(strings.ToLower(strings.TrimSpace(heading)), ""), " ", "-")
}
