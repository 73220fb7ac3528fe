// Package kroexamples reads kro's own examples from its Go module, for tests.
package kroexamples

import (
	"io/fs"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kroguard/kroguard/internal/manifests"
)

// Read yields the RGDs and instances of kro's examples, of files that have nothing else in them.
func Read(tb testing.TB) *manifests.Configuration {
	tb.Helper()
	output, err := exec.CommandContext(tb.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "github.com/kubernetes-sigs/kro").Output()
	if err != nil {
		tb.Fatal(err)
	}
	all := new(manifests.Configuration)
	root := filepath.Join(strings.TrimSpace(string(output)), "examples")
	err = filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(path) != ".yaml" {
			return err
		}
		one := new(manifests.Configuration)
		if one.Read(path) == nil {
			all.Offerings, all.Others = append(all.Offerings, one.Offerings...), append(all.Others, one.Others...)
		}
		return nil
	})
	if err != nil {
		tb.Fatal(err)
	}
	return all
}
