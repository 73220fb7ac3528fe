package cli

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

// TestADrainMovesConnectionsAwayBeforeTheServerGoes: over HTTP/2, as the API server calls webhooks, requests share a connection
// until the drain begins; then the answer that is given on it is its last one, and the next request connects anew.
func TestADrainMovesConnectionsAwayBeforeTheServerGoes(t *testing.T) {
	var begun drain
	mux := http.NewServeMux()
	var remotes []string
	(&drainingMux{Mux: registrar{mux}, drain: &begun}).Register("/hook", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor != 2 {
			t.Errorf("the request came over %s", r.Proto)
		}
		remotes = append(remotes, r.RemoteAddr)
	}))
	server := httptest.NewUnstartedServer(mux)
	server.EnableHTTP2 = true
	server.StartTLS()
	defer server.Close()

	call := func() {
		t.Helper()
		response, err := server.Client().Post(server.URL+"/hook", "application/json", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
	}
	call()
	call()
	begun.begin()
	call()
	call()
	if remotes[0] != remotes[1] || remotes[1] != remotes[2] {
		t.Errorf("the requests before the drain's first answer came over several connections: %v", remotes)
	}
	if remotes[2] == remotes[3] {
		t.Errorf("the connection was used again after the drain began: %v", remotes)
	}
}

// registrar makes a ServeMux a webhook.Mux.
type registrar struct{ *http.ServeMux }

func (r registrar) Register(path string, handler http.Handler) { r.Handle(path, handler) }
