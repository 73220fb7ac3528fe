package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// compile builds the program for a platform and returns it.
func compile(ctx context.Context, source string, r *release, platform v1.Platform, progress io.Writer) ([]byte, error) {
	dir, err := os.MkdirTemp("", "kroguard-image-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "kroguard")
	build := exec.CommandContext(ctx, "go", buildArgs(r, path)...)
	build.Dir = source
	build.Env = append(environment(), "CGO_ENABLED=0", "GOOS="+platform.OS, "GOARCH="+platform.Architecture)
	build.Stderr = progress
	if err := build.Run(); err != nil {
		return nil, fmt.Errorf("compiling for %s in %s: %w", platform, source, err)
	}
	return os.ReadFile(path)
}

// buildArgs are those of the go command. No path of this machine gets into the program, nor what git says of the folder: the release
// says it.
func buildArgs(r *release, path string) []string {
	return []string{"build", "-trimpath", "-buildvcs=false", "-ldflags", linkerFlags(r), "-o", path, "./cmd/kroguard"}
}

// linkerFlags are those of the Dockerfile.
func linkerFlags(r *release) string {
	return fmt.Sprintf("-s -w -X main.version=%s -X main.commit=%s -X main.date=%s", r.version, r.commit, r.date.Format(time.RFC3339))
}

// environment is that of this process, less what would have the go command build something else.
func environment() []string {
	var out []string
	for _, variable := range os.Environ() {
		switch key, _, _ := strings.Cut(variable, "="); key {
		case "GOFLAGS", "GOAMD64", "GOARM64", "GOEXPERIMENT", "GOFIPS140", "GODEBUG":
		default:
			out = append(out, variable)
		}
	}
	return append(out, "GOENV=off", "GOWORK=off")
}
