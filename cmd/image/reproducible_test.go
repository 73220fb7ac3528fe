package main

import (
	"archive/tar"
	"debug/buildinfo"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
)

// TestTheImage looks at the real one. It compiles kroguard twice, in two folders.
func TestTheImage(t *testing.T) {
	root := must(filepath.Abs("../.."))(t)
	args := []string{
		"-version", "v1.2.3", "-commit", "0123456789abcdef", "-date", date, "-platforms", "linux/" + runtime.GOARCH,
	}
	dir := t.TempDir()
	first := mustBuild(t, append(args, "-source", root, "-layout", dir)...)
	second := mustBuild(t, append(args, "-source", copyOf(t, root), "-layout", t.TempDir())...)
	if first != second {
		t.Errorf("the same source in two folders gives %s and %s", first, second)
	}
	index := read(t, dir, "dev")
	image := must(index.Image(must(index.IndexManifest())(t).Manifests[0].Digest))(t)
	binary := filepath.Join(t.TempDir(), "kroguard")
	t.Run("files", func(t *testing.T) { filesAre(t, image, binary) })
	t.Run("the program runs alone", func(t *testing.T) {
		command := exec.CommandContext(t.Context(), binary, "version", "-o", "json")
		command.Env = []string{}
		out, err := command.CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		var got struct{ Version, Commit, Date string }
		if err := json.Unmarshal(out, &got); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		if got.Version != "v1.2.3" || got.Commit != "0123456789abcdef" || got.Date != date {
			t.Errorf("the program tells %v", got)
		}
	})
	t.Run("the SBOM names every module", func(t *testing.T) { listsModules(t, root, binary) })
}

// copyOf copies what is compiled of a repository: to another path, at another time.
func copyOf(t *testing.T, root string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "elsewhere")
	for _, name := range []string{"go.mod", "go.sum", "cmd/kroguard", "docs", "internal", "policies", "webhook"} {
		from, to := filepath.Join(root, name), filepath.Join(dir, name)
		info := must(os.Stat(from))(t)
		if info.IsDir() {
			if err := os.CopyFS(to, os.DirFS(from)); err != nil {
				t.Fatal(err)
			}
			continue
		}
		write(t, to, string(must(os.ReadFile(from))(t)))
	}
	return dir
}

// filesAre checks the files of the real image, and writes the program to a path.
func filesAre(t *testing.T, image v1.Image, binary string) {
	t.Helper()
	created := must(time.Parse(time.RFC3339, date))(t)
	content := mutate.Extract(image)
	defer content.Close()
	var got []string
	for files := tar.NewReader(content); ; {
		header, err := files.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, fmt.Sprintf("%#o %d %s", header.Mode, header.Uid, strings.TrimSuffix(header.Name, "/")))
		if !header.ModTime.Equal(created) {
			t.Errorf("%s is of %s", header.Name, header.ModTime)
		}
		if header.Name == "kroguard" {
			if err := os.WriteFile(binary, must(io.ReadAll(files))(t), 0o700); err != nil {
				t.Fatal(err)
			}
		}
	}
	slices.Sort(got)
	want := []string{
		"0644 0 etc/group", "0644 0 etc/passwd", "0700 65532 home/nonroot", "0755 0 etc", "0755 0 home", "0755 0 kroguard", "01777 0 tmp",
	}
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

// listsModules compares the SBOM with what the program says of itself.
func listsModules(t *testing.T, root, binary string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "sbom.json")
	sbom := exec.CommandContext(t.Context(), "make", "-C", root, "sbom", "SBOM="+path)
	if out, err := sbom.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var listing struct {
		Components []struct{ Name, Version string }
	}
	if err := json.Unmarshal(must(os.ReadFile(path))(t), &listing); err != nil {
		t.Fatal(err)
	}
	listed := map[string]bool{}
	for _, one := range listing.Components {
		listed[one.Name+" "+one.Version] = true
	}
	for _, module := range must(buildinfo.ReadFile(binary))(t).Deps {
		if !listed[module.Path+" "+module.Version] {
			t.Errorf("the SBOM lacks %s %s", module.Path, module.Version)
		}
	}
	if !listed["std "+runtime.Version()] {
		t.Errorf("the SBOM lacks the standard library of %s", runtime.Version())
	}
}

// TestTheDockerfileBuildsTheSame keeps the two recipes together.
func TestTheDockerfileBuildsTheSame(t *testing.T) {
	text := string(must(os.ReadFile("../../Dockerfile"))(t))
	for _, want := range []string{
		`go build -trimpath -buildvcs=false -ldflags "-s -w -X main.version=$VERSION -X main.commit=$COMMIT -X main.date=$DATE"`,
		"CGO_ENABLED=0", "USER " + user, `ENTRYPOINT ["/kroguard"]`, `CMD ["serve"]`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the Dockerfile has no %s", want)
		}
	}
	for key, value := range annotations(&release{version: "$VERSION"}) {
		if label := fmt.Sprintf("%s=%q", key, value); key != "org.opencontainers.image.created" && !strings.Contains(text, label) {
			t.Errorf("the Dockerfile has no label %s", label)
		}
	}
}
