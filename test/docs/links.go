package docs

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// CheckLinks follows the relative links of the pages within the repository at root, to files and to headings. Links to other
// sites are not followed.
func CheckLinks(root string, pages []*Page) []Problem {
	byName := make(map[string]*Page, len(pages))
	for _, page := range pages {
		byName[page.Name] = page
	}
	var problems []Problem
	for _, page := range pages {
		for _, link := range page.Links {
			if reason := follow(root, page, link.Target, byName); reason != "" {
				problems = append(problems, Problem{page.Name, link.Line, fmt.Sprintf("link to %s: %s", link.Target, reason)})
			}
		}
	}
	return problems
}

// follow says why a link leads nowhere; empty where it leads somewhere, or to another site.
func follow(root string, from *Page, target string, pages map[string]*Page) string {
	if strings.Contains(target, "://") || strings.HasPrefix(target, "mailto:") {
		return ""
	}
	file, anchor, _ := strings.Cut(target, "#")
	to := from.Name
	if file != "" {
		to = path.Join(path.Dir(from.Name), file)
	}
	page := pages[to]
	if page == nil {
		if _, err := os.Stat(filepath.Join(root, filepath.FromSlash(to))); err != nil {
			return "there is no such file"
		}
	}
	switch {
	case anchor == "":
		return ""
	case page == nil:
		return "headings are known of pages of the documentation only"
	case !page.Anchors[anchor]:
		return "the page has no such heading"
	}
	return ""
}
