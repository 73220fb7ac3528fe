package docs

import (
	"os"
	"path/filepath"
	"testing"
)

const root = "../.."

// pages are README.md and all of docs/.
func pages(t *testing.T) []*Page {
	t.Helper()
	var read []*Page
	for _, pattern := range []string{"README.md", "docs/*.md"} {
		files, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			name, err := filepath.Rel(root, file)
			if err != nil {
				t.Fatal(err)
			}
			read = append(read, Read(filepath.ToSlash(name), string(text)))
		}
	}
	return read
}

// page is one page of docs/.
func page(t *testing.T, name string) *Page {
	t.Helper()
	for _, p := range pages(t) {
		if p.Name == name {
			return p
		}
	}
	t.Fatalf("there is no page %s", name)
	return nil
}

func platform(t *testing.T) *Platform {
	t.Helper()
	p, err := NewPlatform(root)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func report(t *testing.T, problems []Problem) {
	t.Helper()
	for _, p := range problems {
		t.Errorf("%s:%d: %s", p.Page, p.Line, p.Text)
	}
}

func TestExamplesAreWhatTheCodeAcceptsAndAnswers(t *testing.T) {
	p := platform(t)
	for _, one := range pages(t) {
		t.Run(one.Name, func(t *testing.T) { report(t, p.CheckExamples(t.Context(), one)) })
	}
}

func TestLinksLeadSomewhere(t *testing.T) {
	report(t, CheckLinks(root, pages(t)))
}

func TestTheIndexLeadsToEveryPage(t *testing.T) {
	linked := map[string]bool{}
	for _, link := range page(t, "docs/README.md").Links {
		linked[link.Target] = true
	}
	for _, one := range pages(t) {
		if name, ok := inDocs(one.Name); ok && !linked[name] {
			t.Errorf("docs/README.md has no link to %s", name)
		}
	}
}

// inDocs is a page's name within docs/; the index itself is none.
func inDocs(name string) (string, bool) {
	within, err := filepath.Rel("docs", name)
	return within, err == nil && filepath.IsLocal(within) && within != "README.md"
}

func TestLinesFitAnEditor(t *testing.T) {
	for _, one := range pages(t) {
		if _, ok := inDocs(one.Name); !ok {
			continue
		}
		for _, line := range one.TooLong {
			t.Errorf("%s:%d: longer than %d characters", one.Name, line, maxLine)
		}
	}
}
