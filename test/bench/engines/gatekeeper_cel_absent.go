//go:build !gatekeeper_cel

package engines

import "github.com/kroguard/kroguard/test/bench/sets"

// NewGatekeeperCEL yields ErrNotBuilt: see the package comment of cmd/gatekeeper.
func NewGatekeeperCEL(*sets.Set, []sets.Entry, GatekeeperOptions) (*Engine, error) {
	return nil, ErrNotBuilt
}
