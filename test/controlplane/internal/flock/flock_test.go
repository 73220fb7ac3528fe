package flock_test

import (
	"context"
	"errors"
	"path/filepath"
	"testing"

	"github.com/kroguard/kroguard/test/controlplane/internal/flock"
)

func TestLockExcludesUntilReleased(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	first, err := flock.Try(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := flock.Try(path); !errors.Is(err, flock.ErrHeld) {
		t.Errorf("got %v", err)
	}
	second, err := flock.Acquire(t.Context(), path, first.Release) // released once we wait
	if err != nil {
		t.Fatal(err)
	}
	second.Release()
}

func TestAcquireEndsWithTheContext(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	held, err := flock.Try(path)
	if err != nil {
		t.Fatal(err)
	}
	defer held.Release()
	ctx, cancel := context.WithCancel(t.Context())
	if _, err := flock.Acquire(ctx, path, cancel); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestFolderThatDoesNotExistIsAnError(t *testing.T) {
	if _, err := flock.Acquire(t.Context(), filepath.Join(t.TempDir(), "none", "lock"), nil); err == nil {
		t.Error("locked a file in no folder")
	}
}
