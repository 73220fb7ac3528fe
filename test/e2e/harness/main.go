package harness

import (
	"context"
	"testing"
	"time"

	"github.com/kroguard/kroguard/test/controlplane"
)

// setupTimeout bounds installing kroguard; building its binary may be the first build of its dependencies.
const setupTimeout = 15 * time.Minute

// Main is the body of a TestMain: a control plane with kroguard's kinds and permissions, on which use starts what it needs.
func Main(m *testing.M, options controlplane.Options, use func(*Harness) error) int {
	return controlplane.Main(m, options, func(plane *controlplane.ControlPlane) error {
		ctx, cancel := context.WithTimeout(context.Background(), setupTimeout)
		defer cancel()
		h, err := New(ctx, plane)
		if err != nil {
			return err
		}
		return use(h)
	})
}

// Eventually calls the condition until it returns nil, and fails the test with its last error otherwise.
func Eventually(tb testing.TB, timeout time.Duration, condition func(context.Context) error) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), timeout)
	defer cancel()
	var last error
	for {
		if last = condition(ctx); last == nil {
			return
		}
		select {
		case <-ctx.Done():
			tb.Fatalf("not within %s: %v", timeout, last)
		case <-time.After(pollEvery):
		}
	}
}
