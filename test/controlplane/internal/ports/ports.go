// Package ports reserves loopback ports for servers that cannot be handed an open listener.
//
// Asking the kernel for port 0 and closing the listener leaves a gap in which another test binary,
// or an outgoing connection of any program, takes the port; and a part of a control plane that was
// stopped must find its port free when it is started again, or every kubeconfig goes stale. So ports
// are taken from below the range that kernels give to outgoing connections, and each is held by a
// file lock for as long as its control plane lives.
package ports

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"

	"github.com/kroguard/kroguard/test/controlplane/internal/flock"
)

const (
	// first and last bound the ports taken: above the well-known and most registered ones, below
	// 32768, where Linux starts to number outgoing connections (macOS and the BSDs do at 49152).
	first, last = 20000, 29999

	// attempts is far more than it takes unless the range is exhausted.
	attempts = 1000
)

// Port is a reserved port of 127.0.0.1.
type Port struct {
	Number int
	lock   *flock.Lock
}

// Reserve takes a port that no other Reserve on this machine holds and nobody listens on.
func Reserve() (*Port, error) {
	dir := filepath.Join(os.TempDir(), "kroguard-controlplane-ports-"+strconv.Itoa(os.Getuid()))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	for range attempts {
		number := first + rand.IntN(last-first+1) //nolint:gosec // nobody has to be kept from guessing it
		lock, err := flock.Try(filepath.Join(dir, strconv.Itoa(number)))
		if err != nil {
			continue
		}
		if !free(number) {
			lock.Release()
			continue
		}
		return &Port{Number: number, lock: lock}, nil
	}
	return nil, fmt.Errorf("no free port between %d and %d after %d attempts: are control planes left running?",
		first, last, attempts)
}

// free tells whether a server could listen there now. Users of one machine do not share the lock
// files, hence the question.
func free(number int) bool {
	l, err := net.Listen("tcp", Address(number)) //nolint:noctx // it returns at once
	if err != nil {
		return false
	}
	return l.Close() == nil
}

// Address is the loopback address with that port, as in 127.0.0.1:20000.
func Address(number int) string {
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(number))
}

// Address is the port as in 127.0.0.1:20000.
func (p *Port) Address() string { return Address(p.Number) }

// Release gives the port back. It may be called once.
func (p *Port) Release() { p.lock.Release() }
