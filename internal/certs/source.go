package certs

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Keys of the Secret; cert-controller writes them.
const (
	keyCertificate = "tls.crt"
	keyPrivateKey  = "tls.key"
	keyAuthority   = "ca.crt"
)

// ErrNotLoaded says that no certificate has been loaded yet.
var ErrNotLoaded = errors.New("the serving certificate is not loaded yet")

// Source is the serving certificate of the moment and the bundle that it chains to. It is safe for concurrent use.
type Source struct {
	dnsNames []string
	now      func() time.Time
	current  atomic.Pointer[material]

	mu          sync.Mutex
	subscribers []func()
}

// material is one state of the Secret; immutable.
type material struct {
	certificate *tls.Certificate
	// certificatePEM, keyPEM and authorityPEM are as they stand in the Secret.
	certificatePEM, keyPEM, authorityPEM []byte
	roots                                *x509.CertPool
}

func newSource(dnsNames []string, now func() time.Time) *Source {
	return &Source{dnsNames: slices.Clone(dnsNames), now: now}
}

// GetCertificate is for tls.Config. It fails until a certificate is loaded.
func (s *Source) GetCertificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	current := s.current.Load()
	if current == nil {
		return nil, ErrNotLoaded
	}
	return current.certificate, nil
}

// CABundle is the PEM bundle for the webhook configurations; nil until a certificate is loaded. The slice is the caller's.
func (s *Source) CABundle() []byte {
	current := s.current.Load()
	if current == nil {
		return nil
	}
	return bytes.Clone(current.authorityPEM)
}

// Subscribe has changed called whenever the certificate or its authority has changed, after both are served. It must not
// block. What was loaded before the subscription is not told.
func (s *Source) Subscribe(changed func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.subscribers = append(s.subscribers, changed)
}

// Check is a readiness check: a certificate is loaded, it is valid now, and an API server that has the bundle would accept it
// under each of the names.
func (s *Source) Check(*http.Request) error {
	current := s.current.Load()
	if current == nil {
		return ErrNotLoaded
	}
	for _, name := range s.dnsNames {
		_, err := current.certificate.Leaf.Verify(x509.VerifyOptions{
			DNSName:     name,
			Roots:       current.roots,
			CurrentTime: s.now(),
			KeyUsages:   []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		})
		if err != nil {
			return fmt.Errorf("the serving certificate can't be used (deleting its Secret renews it): %w", err)
		}
	}
	return nil
}

// load takes the data of the Secret over and reports whether it differs from what is served. Data that isn't complete yet, as
// in a new Secret, is no error and changes nothing; nor does malformed data, which is one.
func (s *Source) load(data map[string][]byte) (changed bool, err error) {
	next := &material{
		certificatePEM: bytes.Clone(data[keyCertificate]),
		keyPEM:         bytes.Clone(data[keyPrivateKey]),
		authorityPEM:   bytes.Clone(data[keyAuthority]),
		roots:          x509.NewCertPool(),
	}
	if len(next.certificatePEM) == 0 || len(next.keyPEM) == 0 || len(next.authorityPEM) == 0 {
		return false, nil
	}
	if current := s.current.Load(); current != nil && current.equal(next) {
		return false, nil
	}
	if !next.roots.AppendCertsFromPEM(next.authorityPEM) {
		return false, fmt.Errorf("%s holds no certificate", keyAuthority)
	}
	certificate, err := tls.X509KeyPair(next.certificatePEM, next.keyPEM)
	if err != nil {
		return false, fmt.Errorf("reading %s and %s: %w", keyCertificate, keyPrivateKey, err)
	}
	if certificate.Leaf == nil {
		if certificate.Leaf, err = x509.ParseCertificate(certificate.Certificate[0]); err != nil {
			return false, fmt.Errorf("reading %s: %w", keyCertificate, err)
		}
	}
	next.certificate = &certificate
	s.current.Store(next)
	return true, nil
}

// notify tells the subscribers.
func (s *Source) notify() {
	s.mu.Lock()
	subscribers := slices.Clone(s.subscribers)
	s.mu.Unlock()
	for _, changed := range subscribers {
		changed()
	}
}

func (m *material) equal(other *material) bool {
	return bytes.Equal(m.certificatePEM, other.certificatePEM) && bytes.Equal(m.keyPEM, other.keyPEM) &&
		bytes.Equal(m.authorityPEM, other.authorityPEM)
}
