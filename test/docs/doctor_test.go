package docs

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kroguard/kroguard/internal/doctor"
)

// deadServer does not answer, so that every check says that it was skipped.
type deadServer struct{}

func (deadServer) Ask(context.Context) (doctor.Answer, error) {
	return doctor.Answer{}, errors.New("gone")
}

// TestEveryCheckOfDoctorIsOnItsPage compares the table and the example with the checks that there are.
func TestEveryCheckOfDoctorIsOnItsPage(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "docs", "doctor.md"))
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, result := range doctor.Run(t.Context(), doctor.Options{Server: deadServer{}}) {
		want = append(want, result.Check)
	}
	_, checks, _ := strings.Cut(string(text), "\n## Checks\n")
	checks, _, _ = strings.Cut(checks, "\n## ")
	var table []string
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z-]+)` \\|").FindAllStringSubmatch(checks, -1) {
		table = append(table, row[1])
	}
	if diff := cmp.Diff(want, table); diff != "" {
		t.Errorf("the table (-checks +page):\n%s", diff)
	}
	var shown []string
	for _, line := range regexp.MustCompile(`(?m)^(?:ok|skipped|warning|problem) +(\S+(?: \S+)*) {2}`).FindAllStringSubmatch(string(text), -1) {
		shown = append(shown, strings.ReplaceAll(line[1], " ", "-"))
	}
	if diff := cmp.Diff(want, shown); diff != "" {
		t.Errorf("the example (-checks +page):\n%s", diff)
	}
	for what, versions := range map[string][]string{"`api-server`": doctor.SupportedKubernetes(), "`kro-version`": doctor.SupportedKro()} {
		row := regexp.MustCompile(`(?m)^\| ` + what + ` \|.*$`).FindString(checks)
		for _, version := range versions {
			if !strings.Contains(row, version) {
				t.Errorf("%s is missing: %s", version, row)
			}
		}
	}
}
