// Package engines puts policy engines behind one function, so that they can be compared: raw JSON of an object in, number of
// violations out. Each is set up as the product that it belongs to does it, and everything that can be done before the first
// request is done before.
package engines

import (
	"context"
	"errors"
)

// ErrNotBuilt says that an engine is not part of this build.
var ErrNotBuilt = errors.New("not part of this build: use make bench")

// Names of the engines.
const (
	NameKroguard      = "kroguard"
	NameGatekeeper    = "gatekeeper"
	NameGatekeeperCEL = "gatekeeper-cel"
	NameKubernetes    = "kubernetes"
	NameNoop          = "noop"
)

// Language is the language of the policies.
type Language string

// The languages.
const (
	Rego Language = "Rego"
	CEL  Language = "CEL"
)

// Engine judges one object by policies that it was given. It is for one goroutine.
type Engine struct {
	// Name is one of the constants.
	Name string
	// N is the number of policies.
	N int
	// Review judges the object, beginning with its JSON, and returns the number of violations.
	Review func(ctx context.Context) (int, error)
	// Count is Review by name of the entry; those without violations are absent.
	Count func(ctx context.Context) (map[string]int, error)
}
