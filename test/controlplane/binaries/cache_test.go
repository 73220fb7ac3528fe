package binaries

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kroguard/kroguard/test/controlplane/internal/flock"
)

// counted is an artifact that takes no compiler, and how often it was made.
func counted(content string) (artifact, *atomic.Int32) {
	made := new(atomic.Int32)
	return artifact{name: "fake", version: "v1", make: func(_ context.Context, _ goCommand, out string) error {
		made.Add(1)
		time.Sleep(50 * time.Millisecond) // so that callers pile up
		return os.WriteFile(out, []byte(content), 0o755)
	}}, made
}

func TestConcurrentCallersMakeAnArtifactOnce(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "cache")
	fake, made := counted("content")
	var callers sync.WaitGroup
	for range 20 {
		callers.Go(func() {
			// A cache of its own for each, as in different processes.
			path, err := cache{dir: dir, progress: new(bytes.Buffer)}.ensure(t.Context(), fake)
			if err != nil {
				t.Error(err)
				return
			}
			if content, err := os.ReadFile(path); err != nil || string(content) != "content" {
				t.Errorf("got %q, %v", content, err)
			}
		})
	}
	callers.Wait()
	if n := made.Load(); n != 1 {
		t.Errorf("made %d times", n)
	}
	if ignored, err := os.ReadFile(filepath.Join(dir, ".gitignore")); err != nil || string(ignored) != "*\n" {
		t.Errorf("git does not ignore the cache: %q, %v", ignored, err)
	}
}

func TestFailedOrKilledBuildsLeaveNothingUsable(t *testing.T) {
	dir := t.TempDir()
	// What a killed build leaves.
	if err := os.MkdirAll(filepath.Join(dir, "staging", "half"), 0o755); err != nil {
		t.Fatal(err)
	}
	progress := new(bytes.Buffer)
	c := cache{dir: dir, progress: progress}
	broken := artifact{name: "fake", version: "v1", make: func(_ context.Context, _ goCommand, out string) error {
		return errors.Join(os.WriteFile(out, []byte("half"), 0o755), errors.New("no luck"))
	}}
	if _, err := c.ensure(t.Context(), broken); err == nil || err.Error() != "build fake v1: no luck" {
		t.Errorf("got %v", err)
	}
	fake, _ := counted("whole")
	path, err := c.ensure(t.Context(), fake)
	if err != nil {
		t.Fatal(err)
	}
	if content, err := os.ReadFile(path); err != nil || string(content) != "whole" {
		t.Errorf("got %q, %v", content, err)
	}
	for _, want := range []string{"building fake v1\n", "could not build fake v1 (", "built fake v1 in "} {
		if !strings.Contains(progress.String(), want) {
			t.Errorf("the progress lacks %q:\n%s", want, progress)
		}
	}
}

func TestWaitingForAnotherBuildEndsWithTheContext(t *testing.T) {
	dir := t.TempDir()
	lock, err := flock.Try(filepath.Join(dir, "build.lock"))
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Release()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	progress := new(bytes.Buffer)
	fake, made := counted("content")
	if _, err := (cache{dir: dir, progress: progress}).ensure(ctx, fake); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	if made.Load() != 0 || !strings.Contains(progress.String(), "waiting for another process") {
		t.Errorf("made %d times; said %q", made.Load(), progress)
	}
}
