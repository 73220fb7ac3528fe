package cli

import (
	"context"
	"errors"

	"github.com/kroguard/kroguard/internal/manifests"
)

// readCluster adds the configuration of a cluster.
func readCluster(context.Context, string, *manifests.Configuration) error {
	return errors.New("-c is missing")
}
