package machine

import (
	"context"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
)

const (
	// foldTime is how long a Program's compilation may spend on computing what is constant. What takes longer, or fails, is left
	// to the runs, where it counts as theirs.
	foldTime = 50 * time.Millisecond
	// foldBytes is how much memory one constant may take to compute: what is kept stays for as long as the Program.
	foldBytes = 256 << 10
)

// fold computes what needs no input. It reports false where that fails or costs too much.
func (c *compiler) fold(compute func(m *machine) *ast.Term) (*ast.Term, bool) {
	if c.foldUntil.IsZero() {
		c.foldUntil = time.Now().Add(foldTime)
	}
	if !time.Now().Before(c.foldUntil) {
		return nil, false
	}
	partial := &Program{rules: c.program.rules, slots: c.slots, buildings: c.program.buildings, memos: c.program.memos}
	run := new(Run)
	if err := run.Start(context.Background(), partial, nothing{}, Limits{Deadline: c.foldUntil, Bytes: foldBytes}); err != nil {
		return nil, false
	}
	// A built-in that fails is left to the runs, which tell of it.
	run.keepFailures = true
	value := compute(&run.machine)
	return value, run.err == nil && len(run.failures) == 0
}

// nothing is the input of what needs none.
type nothing struct{}

// Document is undefined.
func (nothing) Document() (*ast.Term, error) { return nil, nil }

// Prefix is undefined.
func (nothing) Prefix(int) (*ast.Term, error) { return nil, nil }
