package main

import (
	"fmt"
	"io"
	"os"
	"strings"
)

// terminal writes for a person: headings, sentences, commands and their output; with colors where it is a terminal and
// NO_COLOR is not set.
type terminal struct {
	out    io.Writer
	colors bool
}

// ANSI styles.
const (
	bold  = "1"
	dim   = "2"
	green = "32"
)

func newTerminal(out *os.File) *terminal {
	info, err := out.Stat()
	return &terminal{
		out:    out,
		colors: err == nil && info.Mode()&os.ModeCharDevice != 0 && os.Getenv("NO_COLOR") == "",
	}
}

func (t *terminal) heading(text string) {
	t.print("\n" + t.style(bold, "── "+text+" "+strings.Repeat("─", max(3, 100-len(text)))) + "\n\n")
}

func (t *terminal) say(text string) { t.print(text + "\n") }

// command shows a command and what it answered.
func (t *terminal) command(line, output string) {
	t.print(t.style(green, "$ "+line) + "\n")
	if output = strings.TrimRight(output, "\n"); output != "" {
		t.print(output + "\n")
	}
	t.print("\n")
}

// file shows the content of a file that a command is about to read.
func (t *terminal) file(content string) {
	t.print(t.style(dim, strings.TrimRight(content, "\n")) + "\n\n")
}

func (t *terminal) style(style, text string) string {
	if !t.colors {
		return text
	}
	return "\x1b[" + style + "m" + text + "\x1b[0m"
}

func (t *terminal) print(text string) {
	_, _ = fmt.Fprint(t.out, text) // a terminal that went away ends the demo by its signal
}
