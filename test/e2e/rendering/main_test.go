// Package rendering tests that an instance is refused for what it would become, on the real API server with kro running: by
// guardrails on rendered resources, and by the cluster's own policies.
package rendering

import (
	"context"
	_ "embed"
	"os"
	"testing"
	"time"

	"github.com/kroguard/kroguard/test/controlplane"
	"github.com/kroguard/kroguard/test/e2e/harness"
)

var (
	//go:embed testdata/platform.yaml
	platform string
	//go:embed testdata/params.yaml
	params string
)

// eventually is a wide margin over what kro and kroguard take.
const eventually = 60 * time.Second

var h *harness.Harness

func TestMain(m *testing.M) {
	os.Exit(harness.Main(m, controlplane.Options{}, func(started *harness.Harness) error {
		h = started
		if _, err := h.Kubectl(context.Background(), "apply", "-k", harness.File("config", "policy-sources")); err != nil {
			return err
		}
		if err := h.Publish(context.Background(), params); err != nil {
			return err
		}
		_, err := h.StartReadyKroguard(context.Background(), harness.KroguardOptions{
			Args: []string{"--policy-source", "ValidatingAdmissionPolicy,Gatekeeper", "--gatekeeper-sync", "v1/ConfigMap"},
		})
		if err != nil {
			return err
		}
		return h.Publish(context.Background(), platform, "site", "tenant")
	}))
}
