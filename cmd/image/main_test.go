package main

import (
	"bytes"
	"log"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

const date = "2026-01-02T15:04:05Z"

// program stands in for kroguard where it does not matter what is compiled.
func program(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "go.mod"), "module example.com/program\n\ngo 1.26.0\n")
	write(t, filepath.Join(dir, "cmd", "kroguard", "main.go"),
		"package main\n\nvar version, commit, date string\n\nfunc main() { print(version, commit, date) }\n")
	return dir
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// mustBuild returns the digest that the command prints.
func mustBuild(t *testing.T, args ...string) string {
	t.Helper()
	var out, progress bytes.Buffer
	if err := run(t.Context(), args, &out, &progress); err != nil {
		t.Fatalf("%v\n%s", err, &progress)
	}
	return strings.TrimSpace(out.String())
}

// read is the index of a layout, which is tagged.
func read(t *testing.T, dir, tag string) v1.ImageIndex {
	t.Helper()
	top, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		t.Fatal(err)
	}
	manifest := must(top.IndexManifest())(t)
	if len(manifest.Manifests) != 1 || manifest.Manifests[0].Annotations["org.opencontainers.image.ref.name"] != tag {
		t.Fatalf("the layout has not the one tag %s: %v", tag, manifest.Manifests)
	}
	return must(top.ImageIndex(manifest.Manifests[0].Digest))(t)
}

func must[T any](value T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}

// startRegistry starts a registry on loopback and returns its host and port.
func startRegistry(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(registry.New(registry.Logger(log.New(t.Output(), "", 0))))
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}

func TestEveryPlatformIsInTheLayoutTheArchiveAndTheRegistry(t *testing.T) {
	dir := t.TempDir()
	tag := startRegistry(t) + "/kroguard:v1.2.3"
	digest := mustBuild(t, "-source", program(t), "-version", "v1.2.3", "-commit", "abc", "-date", date, "-tag", tag, "-push",
		"-layout", filepath.Join(dir, "layout"), "-archive", filepath.Join(dir, "new", "image.tar"))

	pushed := must(remote.Index(must(name.ParseReference(tag))(t)))(t)
	written := read(t, filepath.Join(dir, "layout"), "v1.2.3")
	for where, index := range map[string]v1.ImageIndex{"registry": pushed, "layout": written} {
		if got := must(index.Digest())(t).String(); got != digest {
			t.Errorf("%s: digest %s, printed was %s", where, got, digest)
		}
	}
	var platforms []string
	for _, one := range must(written.IndexManifest())(t).Manifests {
		platforms = append(platforms, one.Platform.String())
	}
	if diff := cmp.Diff([]string{"linux/amd64", "linux/arm64"}, platforms); diff != "" {
		t.Errorf("platforms (-want +got):\n%s", diff)
	}

	archived := must(tarball.ImageFromPath(filepath.Join(dir, "new", "image.tar"), nil))(t)
	got := must(archived.ConfigFile())(t)
	want := v1.Config{
		User: "65532:65532", WorkingDir: "/", Entrypoint: []string{"/kroguard"}, Cmd: []string{"serve"}, Labels: map[string]string{
			"org.opencontainers.image.title":       "kroguard",
			"org.opencontainers.image.description": "Admission webhooks and policy engine for kro",
			"org.opencontainers.image.licenses":    "Apache-2.0",
			"org.opencontainers.image.version":     "v1.2.3",
			"org.opencontainers.image.revision":    "abc",
			"org.opencontainers.image.created":     date,
		},
	}
	if diff := cmp.Diff(want, got.Config); diff != "" {
		t.Errorf("configuration (-want +got):\n%s", diff)
	}
}

func TestALayoutIsReplacedAndNothingElse(t *testing.T) {
	source, dir := program(t), filepath.Join(t.TempDir(), "layout")
	args := []string{"-source", source, "-platforms", "linux/amd64", "-layout", dir}
	mustBuild(t, args...)
	second := mustBuild(t, append(args, "-version", "v2")...)
	if got := must(read(t, dir, "dev").Digest())(t).String(); got != second {
		t.Errorf("the layout holds %s, not %s", got, second)
	}

	other := t.TempDir()
	write(t, filepath.Join(other, "precious"), "text")
	err := run(t.Context(), []string{"-source", source, "-platforms", "linux/amd64", "-layout", other}, t.Output(), t.Output())
	if err == nil || !strings.Contains(err.Error(), "holds something else") {
		t.Errorf("writing into a folder of something else: %v", err)
	}
	if _, err := os.Stat(filepath.Join(other, "precious")); err != nil {
		t.Error(err)
	}
}

func TestABaseImageIsBuiltOn(t *testing.T) {
	host := startRegistry(t)
	base := must(random.Image(1<<10, 2))(t)
	config := must(base.ConfigFile())(t).DeepCopy()
	config.OS, config.Architecture = "linux", "amd64"
	config.Config.User, config.Config.Env = "0", []string{"SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt"}
	base = must(mutate.ConfigFile(base, config))(t)
	reference := must(name.ParseReference(host + "/distroless/static:nonroot"))(t)
	if err := remote.Write(reference, base); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	mustBuild(t, "-source", program(t), "-platforms", "linux/amd64", "-base", reference.String(), "-layout", dir)

	index := read(t, dir, "dev")
	image := must(index.Image(must(index.IndexManifest())(t).Manifests[0].Digest))(t)
	got := must(image.ConfigFile())(t)
	if layers := len(got.RootFS.DiffIDs); layers != 3 {
		t.Errorf("%d layers, not those 2 of the base and one", layers)
	}
	if diff := cmp.Diff(must(base.ConfigFile())(t).RootFS.DiffIDs, got.RootFS.DiffIDs[:2]); diff != "" {
		t.Errorf("layers of the base (-want +got):\n%s", diff)
	}
	if got.Config.User != user || cmp.Diff(config.Config.Env, got.Config.Env) != "" {
		t.Errorf("user %s, environment %v", got.Config.User, got.Config.Env)
	}
}

func TestFailuresSayWhatToDo(t *testing.T) {
	broken := program(t)
	write(t, filepath.Join(broken, "cmd", "kroguard", "broken.go"), "package main\n\nthis is no Go\n")
	for name, test := range map[string]struct {
		args []string
		want string
	}{
		"nothing to write":   {nil, "say -layout, -archive or -push"},
		"pushing nowhere":    {[]string{"-push"}, "-push needs -tag"},
		"another system":     {[]string{"-platforms", "windows/amd64"}, "say linux/amd64 or linux/arm64"},
		"no date":            {[]string{"-date", "yesterday"}, "2006-01-02T15:04:05Z07:00"},
		"no reference":       {[]string{"-base", "::"}, "could not parse reference"},
		"an argument":        {[]string{"image"}, "there are flags only"},
		"does not compile":   {[]string{"-source", broken, "-layout", t.TempDir()}, "compiling for linux/amd64 in " + broken},
		"nobody answers":     {[]string{"-source", program(t), "-layout", t.TempDir(), "-base", "127.0.0.1:1/static"}, "pulling the base image"},
		"nobody takes it":    {[]string{"-source", program(t), "-push", "-tag", "127.0.0.1:1/kroguard:v1"}, "pushing 127.0.0.1:1/kroguard:v1"},
		"no folder to write": {[]string{"-source", program(t), "-archive", "/proc/none/image.tar"}, "writing the archive"},
	} {
		t.Run(name, func(t *testing.T) {
			err := run(t.Context(), test.args, t.Output(), t.Output())
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}
