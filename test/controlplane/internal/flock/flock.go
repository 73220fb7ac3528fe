// Package flock holds advisory file locks between processes.
//
// The kernel drops such a lock when its holder dies, however it dies, so unlike a lock file that is
// created and deleted it never has to be cleaned up by hand. Two locks of one path also exclude
// each other inside one process. The file itself stays: deleting it would let two holders in.
package flock

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
)

// ErrHeld is returned by Try when somebody else holds the lock.
var ErrHeld = errors.New("held by another process")

// pollInterval is how often Lock asks again. flock(2) can block, but not with a context.
const pollInterval = 100 * time.Millisecond

// Lock is a held lock.
type Lock struct {
	file *os.File
}

// Try takes the lock of the file at path, which it creates if need be, or returns an error that
// wraps ErrHeld.
func Try(path string) (*Lock, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("lock %s: %w", path, ErrHeld)
		}
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return &Lock{file: f}, nil
}

// Acquire is Try, but waits while somebody else holds the lock. It calls waiting once before it
// starts to wait; waiting may be nil. It returns ctx's error when ctx ends first.
func Acquire(ctx context.Context, path string, waiting func()) (*Lock, error) {
	for first := true; ; first = false {
		lock, err := Try(path)
		if !errors.Is(err, ErrHeld) {
			return lock, err
		}
		if first && waiting != nil {
			waiting()
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("lock %s: %w", path, context.Cause(ctx))
		case <-time.After(pollInterval):
		}
	}
}

// Release gives the lock up. It may be called once.
func (l *Lock) Release() {
	l.file.Close()
}
