package docs

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kroguard/kroguard/internal/cli"
)

func TestThePlanOnThePageIsTheCommands(t *testing.T) {
	command, want, _ := strings.Cut(page(t, "docs/plan.md").Blocks[0].Text, "\n")
	args := strings.Fields(strings.TrimPrefix(command, "$ kroguard "))
	t.Chdir(root)
	var out, errOut bytes.Buffer
	if code := cli.Main("test", args, strings.NewReader(""), &out, &errOut); code != 1 {
		t.Fatalf("exit code %d: %s", code, errOut.String())
	}
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("(-page +command):\n%s", diff)
	}
}
