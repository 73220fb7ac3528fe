package docs

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestReadTakesAPageApart(t *testing.T) {
	got := Read("docs/page.md", "# A `Title`: for all\n\nSee [this](a.md#b), `[not](that)` and ![picture](c.png).\n"+
		"<!-- answered -->\n```yaml\n# no heading\na: [b](c)\n```\n\n- item\n  ```text\n  indented\n    more\n  ```\n\n"+
		"<!-- table: limits -->\n| a | b |\n|---|---|\n| `x\\|y` | 1 |\n| [l](d.md) | 2 |\n\n| not | this |\n|---|---|\n| 3 | 4 |\n")
	want := &Page{
		Name: "docs/page.md",
		Blocks: []Block{
			{Line: 5, Language: "yaml", Marker: "answered", Text: "# no heading\na: [b](c)\n"},
			{Line: 11, Language: "text", Text: "indented\n  more\n"},
		},
		Tables:  map[string]Table{"limits": {{"`x|y`", "1"}, {"[l](d.md)", "2"}}},
		Links:   []Link{{3, "a.md#b"}, {3, "c.png"}, {20, "d.md"}},
		Anchors: map[string]bool{"a-title-for-all": true},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("page (-want +got):\n%s", diff)
	}
}

func TestBrokenLinksAreFound(t *testing.T) {
	from := Read("docs/a.md", "# Here\n[ok](b.md#there) [ok](#here) [ok](https://example.com/x) [ok](../go.mod)\n"+
		"[file](none.md)\n[heading](b.md#here)\n[own](#there)\n")
	to := Read("docs/b.md", "## There\n")
	want := []Problem{
		{"docs/a.md", 3, "link to none.md: there is no such file"},
		{"docs/a.md", 4, "link to b.md#here: the page has no such heading"},
		{"docs/a.md", 5, "link to #there: the page has no such heading"},
	}
	if diff := cmp.Diff(want, CheckLinks(root, []*Page{from, to})); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
}

func TestLongLinesAreFound(t *testing.T) {
	long := make([]byte, maxLine+1)
	for i := range long {
		long[i] = 'x'
	}
	text := string(long)
	got := Read("p.md", text[:maxLine]+"\n"+text+"\n|"+text+"|\n```console\n"+text+"\n```\n```yaml\n"+text+"\n```\n").TooLong
	if diff := cmp.Diff([]int{2, 8}, got); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
}
