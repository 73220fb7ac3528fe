package docs

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kroguard/kroguard/internal/cli"
)

// TestWhatCommandsPrint runs the commands that pages show with what they print, and that need no cluster. A first line "..." stands for
// all that comes before.
func TestWhatCommandsPrint(t *testing.T) {
	read := pages(t)
	t.Chdir(root)
	seen := 0
	for _, one := range read {
		for _, block := range one.Blocks {
			command, want, _ := strings.Cut(block.Text, "\n")
			args := strings.Fields(strings.TrimPrefix(command, "$ kroguard "))
			if block.Language != "console" || !strings.HasPrefix(command, "$ kroguard ") || !slices.Contains([]string{"catalog", "plan", "test"}, args[0]) {
				continue
			}
			seen++
			var out, errOut bytes.Buffer
			if code := (cli.Build{Version: "test"}).Main(args, strings.NewReader(""), &out, &errOut); code > 1 {
				t.Errorf("%s:%d: exit code %d: %s", one.Name, block.Line, code, errOut.String())
			}
			got := regexp.MustCompile(`\(\d+m?s\)`).ReplaceAllString(out.String(), "(3ms)")
			if end, ok := strings.CutPrefix(want, "...\n"); ok && strings.HasSuffix(got, end) {
				got = want
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s:%d: (-page +command):\n%s", one.Name, block.Line, diff)
			}
		}
	}
	if seen < 6 {
		t.Errorf("there are %d such commands", seen)
	}
}
