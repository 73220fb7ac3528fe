package cli

import (
	"errors"
	"net/http"
	"sync/atomic"

	"github.com/kroguard/kroguard/webhook"
)

// drain makes a replica say that it is not ready while it still serves, so that Services stop sending to it before it goes, and
// makes clients that are connected already connect anew, which takes them to another replica.
type drain struct{ begun atomic.Bool }

var errDraining = errors.New("shutting down")

func (d *drain) begin() { d.begun.Store(true) }

func (d *drain) check(*http.Request) error {
	if d.begun.Load() {
		return errDraining
	}
	return nil
}

// drainingMux is a mux whose answers, once the drain has begun, ask for the connection to be closed. The API server keeps one
// HTTP/2 connection to a webhook and sends all requests over it, whatever the Service says of new connections; the header makes
// Go's server announce (GOAWAY) that the requests so far are the last ones of the connection. http.Server.Shutdown alone would
// close it between two requests, at the risk of closing it on one that is on its way.
type drainingMux struct {
	webhook.Mux
	drain *drain
}

var _ webhook.Mux = (*drainingMux)(nil)

// Register serves the handler under the path.
func (m *drainingMux) Register(path string, handler http.Handler) {
	m.Mux.Register(path, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if m.drain.begun.Load() {
			w.Header().Set("Connection", "close")
		}
		handler.ServeHTTP(w, r)
	}))
}
