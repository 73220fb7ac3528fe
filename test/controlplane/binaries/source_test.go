package binaries

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestPinnedVersionReadsEveryFormOfARequirement(t *testing.T) {
	cases := map[string]struct{ goMod, want string }{
		"a line":      {"module m\n\nrequire example.com/a v1.2.3\n", "v1.2.3"},
		"a block":     {"module m\n\nrequire (\n\texample.com/a/b v9.0.0\n\texample.com/a v1.2.3\n)\n", "v1.2.3"},
		"indirect":    {"require (\n\texample.com/a v1.2.3 // indirect\n)\n", "v1.2.3"},
		"replacement": {"replace example.com/a => example.com/b v1.0.0\n", ""},
		"none":        {"module m\n", ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "go.mod"), []byte(c.goMod), 0o644); err != nil {
				t.Fatal(err)
			}
			got, err := pinnedVersion(dir, "example.com/a")
			if got != c.want || (err == nil) != (c.want != "") {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
}

// The API server would compile with staging modules of another version, and be something else.
func TestStagingModulesAreOfThePinnedKubernetes(t *testing.T) {
	src, err := findSource()
	if err != nil {
		t.Fatal(err)
	}
	version, err := pinnedVersion(src.pin("kubernetes"), kubernetesModule)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(src.pin("kubernetes"), "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	staging := "v0" + strings.TrimPrefix(version, "v1")
	found := 0
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) != 4 || fields[1] != "=>" {
			continue
		}
		found++
		if fields[0] != fields[2] || fields[3] != staging {
			t.Errorf("want version %s of the same module: %s", staging, line)
		}
	}
	if found == 0 {
		t.Error("no module is replaced")
	}
}

func TestKubernetesStampSetsWhatClientsCompare(t *testing.T) {
	stamp := kubernetesStamp("v1.36.3")
	for _, want := range []string{
		"-X k8s.io/component-base/version.gitVersion=v1.36.3",
		"-X k8s.io/component-base/version.gitMajor=1",
		"-X k8s.io/component-base/version.gitMinor=36",
		"-X k8s.io/client-go/pkg/version.gitVersion=v1.36.3",
	} {
		if !strings.Contains(stamp, want) {
			t.Errorf("the stamp lacks %q: %s", want, stamp)
		}
	}
}

func TestAnotherVersionIsAFolderNamedAfterIt(t *testing.T) {
	src, err := findSource()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ kubernetes, kro, want string }{
		{"1.37", "", "v1.37."}, {"", "0.9.3", "v0.9.3"},
	} {
		all, err := src.artifacts(c.kubernetes, c.kro)
		if err != nil {
			t.Fatal(err)
		}
		if got := all.apiServer.version + all.kro.version; !strings.Contains(got, c.want) {
			t.Errorf("%+v: got %s", c, got)
		}
	}
	_, err = src.artifacts("1.2", "")
	if err == nil || !strings.Contains(err.Error(), "no kubernetes 1.2 is pinned in test/controlplane/build: there are the default and 1.37") {
		t.Errorf("got %v", err)
	}
}
