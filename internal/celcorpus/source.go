// Package celcorpus makes CEL expressions, and objects that they are about, for tests that compare kroguard with Kubernetes: in
// one process with Kubernetes' own evaluator, and with the API server. Few of the expressions make sense. Most fail on some
// objects, some cost more than they may, and that is what they are for.
package celcorpus

import "math/rand/v2"

// Source decides what is made. The same decisions make the same.
type Source interface {
	// N is a number from 0 up to, not including, n.
	N(n int) int
}

// Random is a Source that a seed determines.
func Random(seed uint64) Source {
	return random{rand.New(rand.NewPCG(seed, 0))} //nolint:gosec // no secret is made of it
}

type random struct{ *rand.Rand }

// N is a random number.
func (r random) N(n int) int { return r.IntN(n) }

// Bytes is a Source that takes its decisions from data, as a fuzzer likes it; the first of each where they have run out.
func Bytes(data []byte) Source { return &fromBytes{data} }

type fromBytes struct{ data []byte }

// N is the next byte.
func (b *fromBytes) N(n int) int {
	if len(b.data) == 0 {
		return 0
	}
	decision := int(b.data[0]) % n
	b.data = b.data[1:]
	return decision
}

// one picks one.
func one[T any](s Source, of ...T) T { return of[s.N(len(of))] }
