package controlplane_test

import (
	"os"
	"testing"

	"github.com/kroguard/kroguard/test/controlplane"
)

// plane is shared by the tests that leave it usable for the next one.
var plane *controlplane.ControlPlane

func TestMain(m *testing.M) {
	if mode := os.Getenv(ownerEnv); mode != "" {
		os.Exit(own(m, mode))
	}
	os.Exit(controlplane.Main(m, controlplane.Options{Audit: true}, func(p *controlplane.ControlPlane) error {
		plane = p
		return nil
	}))
}
