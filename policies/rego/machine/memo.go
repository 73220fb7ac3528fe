package machine

import (
	"github.com/open-policy-agent/opa/v1/ast"
)

const (
	// memoSize is how many results of a function are kept. Rules tend to ask the same of each element of one list.
	memoSize = 8
	// memoArguments is how many arguments a function has at most whose results are kept.
	memoArguments = 2
)

// memo is the last results of a function in one run. Arguments are compared by identity: that costs next to nothing, and an
// element of the input is one term however often a policy comes by it. Without a memo, functions that call each other twice would
// take exponential time.
type memo struct {
	entries [memoSize]memoEntry
	// next is the entry to be replaced; arguments are those of the call under way.
	next      int
	arguments [memoArguments]*ast.Term
}

type memoEntry struct {
	arguments [memoArguments]*ast.Term
	// result is nil for undefined.
	result *ast.Term
	// touched are the bits of the unknown values that it depends on.
	touched uint64
}

// memoOf is the memo of a function; nil where it has too many arguments.
func (m *machine) memoOf(r *rule) *memo {
	if len(r.parameters) > memoArguments {
		return nil
	}
	return &m.memos[r.memo]
}

// recall is the result of a call with the arguments that are in the parameters' slots, where it is known.
func (k *memo) recall(m *machine, r *rule) (result *ast.Term, touched uint64, ok bool) {
	if k == nil {
		return nil, 0, false
	}
	var arguments [memoArguments]*ast.Term
	for i, slot := range r.parameters {
		arguments[i] = m.slots[slot]
	}
	for i := range k.entries {
		if entry := &k.entries[i]; entry.arguments == arguments {
			return entry.result, entry.touched, true
		}
	}
	k.arguments = arguments
	return nil, 0, false
}

// remember keeps the result of the call that recall did not know.
func (k *memo) remember(result *ast.Term, touched uint64) {
	if k == nil {
		return
	}
	k.entries[k.next] = memoEntry{arguments: k.arguments, result: result, touched: touched}
	k.next = (k.next + 1) % memoSize
}
