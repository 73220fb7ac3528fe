package binaries

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"github.com/kroguard/kroguard/test/controlplane/internal/flock"
)

// cache is a folder of finished artifacts. Whatever has its final name there is complete: things
// are made under another name and renamed, so readers need no lock.
type cache struct {
	dir      string
	progress io.Writer
	reaper   string // path; empty until that is built
}

// path is where an artifact lies, once made.
func (c cache) path(a artifact) string {
	return filepath.Join(c.dir, fmt.Sprintf("%s-%s-%s-%s", a.name, a.version, runtime.GOOS, runtime.GOARCH))
}

// ensure returns the artifact's path and makes the artifact first if it is missing.
func (c cache) ensure(ctx context.Context, a artifact) (string, error) {
	path := c.path(a)
	if exists(path) {
		return path, nil
	}
	if err := c.create(); err != nil {
		return "", fmt.Errorf("create the cache of control plane binaries (%s moves it elsewhere): %w", CacheEnv, err)
	}
	// One build at a time, of whatever artifact: `go build` uses all cores by itself.
	lock, err := flock.Acquire(ctx, filepath.Join(c.dir, "build.lock"), func() {
		fmt.Fprintf(c.progress, "controlplane: waiting for another process that builds into %s\n", c.dir)
	})
	if err != nil {
		return "", err
	}
	defer lock.Release()
	if exists(path) { // made while we waited
		return path, nil
	}
	return path, c.make(ctx, a, path)
}

// make makes the artifact aside and moves it to path. The caller holds the lock.
func (c cache) make(ctx context.Context, a artifact, path string) error {
	staging := filepath.Join(c.dir, "staging")
	if err := os.RemoveAll(staging); err != nil { // of a build that was killed
		return err
	}
	if err := os.Mkdir(staging, 0o755); err != nil {
		return err
	}
	defer os.RemoveAll(staging)

	report := startProgress(c.progress, a.name+" "+a.version)
	out := filepath.Join(staging, a.name)
	err := a.make(ctx, goCommand{reaper: c.reaper, staging: staging}, out)
	if err == nil {
		err = os.Rename(out, path)
	}
	report.finish(err)
	if err != nil {
		return fmt.Errorf("build %s %s: %w", a.name, a.version, err)
	}
	return nil
}

// create makes the folder, and makes git ignore it wherever it is.
func (c cache) create() error {
	if err := os.MkdirAll(c.dir, 0o755); err != nil {
		return err
	}
	ignore := filepath.Join(c.dir, ".gitignore")
	if exists(ignore) {
		return nil
	}
	return os.WriteFile(ignore, []byte("*\n"), 0o644)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return !errors.Is(err, fs.ErrNotExist)
}
