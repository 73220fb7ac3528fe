package pki_test

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/kroguard/kroguard/test/controlplane/internal/pki"
)

func TestServerAndClientTrustEachOtherByTheirAuthority(t *testing.T) {
	authority, other := newAuthority(t), newAuthority(t)
	pair, err := authority.Server("127.0.0.1", "localhost")
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		subject := r.TLS.PeerCertificates[0].Subject
		fmt.Fprintf(w, "%s %v", subject.CommonName, subject.Organization)
	}))
	server.TLS = &tls.Config{
		Certificates: []tls.Certificate{load(t, pair)},
		ClientAuth:   tls.RequireAndVerifyClientCert,
		ClientCAs:    pool(authority),
	}
	server.Config.ErrorLog = nil
	server.StartTLS()
	defer server.Close()

	if got, err := get(t, server.URL, authority, authority); err != nil || got != "alice [developers]" {
		t.Errorf("got %q, %v", got, err)
	}
	if _, err := get(t, server.URL, authority, other); err == nil {
		t.Error("a client of another authority was let in")
	}
	if _, err := get(t, server.URL, other, authority); err == nil {
		t.Error("a server of another authority was trusted")
	}
}

// get is what the server answers to alice, whose certificate is of issuer.
func get(t *testing.T, url string, trusted, issuer *pki.Authority) (string, error) {
	t.Helper()
	pair, err := issuer.Client("alice", "developers")
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{
		RootCAs: pool(trusted), Certificates: []tls.Certificate{load(t, pair)},
	}}
	defer transport.CloseIdleConnections()
	response, err := (&http.Client{Transport: transport}).Get(url)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return string(body), err
}

func newAuthority(t *testing.T) *pki.Authority {
	t.Helper()
	a, err := pki.NewAuthority("test")
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func load(t *testing.T, p pki.Pair) tls.Certificate {
	t.Helper()
	c, err := tls.X509KeyPair(p.Cert, p.Key)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func pool(a *pki.Authority) *x509.CertPool {
	p := x509.NewCertPool()
	p.AppendCertsFromPEM(a.Cert())
	return p
}
