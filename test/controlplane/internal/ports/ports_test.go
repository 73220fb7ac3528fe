package ports_test

import (
	"net"
	"testing"

	"github.com/kroguard/kroguard/test/controlplane/internal/ports"
)

func TestReservedPortsDifferAndAreFree(t *testing.T) {
	seen := make(map[int]bool)
	for range 50 {
		port, err := ports.Reserve()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(port.Release)
		if seen[port.Number] {
			t.Errorf("%d was reserved twice", port.Number)
		}
		seen[port.Number] = true
		l, err := net.Listen("tcp", port.Address())
		if err != nil {
			t.Fatal(err)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
