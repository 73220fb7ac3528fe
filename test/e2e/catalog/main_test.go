// Package catalog tests the catalog on the real API server, with real ServiceAccounts, tokens and RBAC: who sees what, and that what it
// says is what the API server does.
package catalog

import (
	"context"
	_ "embed"
	"os"
	"testing"
	"time"

	"github.com/kroguard/kroguard/test/controlplane"
	"github.com/kroguard/kroguard/test/e2e/harness"
)

//go:embed testdata/platform.yaml
var platform string

// eventually is a wide margin over what kro and kroguard take.
const eventually = 60 * time.Second

var (
	h *harness.Harness
	k *harness.Kroguard
)

func TestMain(m *testing.M) {
	os.Exit(harness.Main(m, controlplane.Options{}, func(started *harness.Harness) (err error) {
		h = started
		if k, err = h.StartReadyKroguard(context.Background(), harness.KroguardOptions{}); err != nil {
			return err
		}
		return h.Publish(context.Background(), platform, "database", "vault")
	}))
}
