// Package admission tests what a developer's request gets for an answer: defaults, labels, guardrails, on the real API server
// with kro running.
package admission

import (
	"context"
	_ "embed"
	"fmt"
	"os"
	"sync/atomic"
	"testing"

	"github.com/kroguard/kroguard/test/controlplane"
	"github.com/kroguard/kroguard/test/e2e/harness"
)

//go:embed testdata/platform.yaml
var platform string

// h and kroguard are shared by the tests of this package, which use instances of different names.
var (
	h        *harness.Harness
	kroguard *harness.Kroguard
)

func TestMain(m *testing.M) {
	os.Exit(harness.Main(m, controlplane.Options{Audit: true}, func(started *harness.Harness) error {
		h = started
		var err error
		if kroguard, err = h.StartReadyKroguard(context.Background(), harness.KroguardOptions{Args: []string{"--break-glass-group", onCall}}); err != nil {
			return err
		}
		return h.Publish(context.Background(), platform, "widget")
	}))
}

// names counts the instances of this package, so that each has its own name.
var names atomic.Int64

func uniqueName(base string) string { return fmt.Sprintf("%s-%d", base, names.Add(1)) }
