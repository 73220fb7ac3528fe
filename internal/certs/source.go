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

// settleTime is what API servers take to act on a changed webhook configuration, with a wide margin.
const settleTime = 2 * time.Second

// Source is the serving certificate of the moment and the bundle that it chains to. It is safe for concurrent use.
//
// A certificate of another authority is not served at once: the bundle has both authorities until the webhook configurations have
// them, too (InPlace), and a moment longer. So no call fails while a replica, the configuration and the API server are not at the
// same point of a rotation.
type Source struct {
	dnsNames []string
	now      func() time.Time
	settle   time.Duration
	current  atomic.Pointer[material]
	// next is to be served once its authority is known to API servers; nil in between rotations.
	next atomic.Pointer[material]
	// waiting says what the source waits for; empty where it does not.
	waiting atomic.Pointer[string]

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
	return &Source{dnsNames: slices.Clone(dnsNames), now: now, settle: settleTime}
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
	if next := s.next.Load(); next != nil {
		return slices.Concat(withNewline(current.authorityPEM), next.authorityPEM)
	}
	return bytes.Clone(current.authorityPEM)
}

func withNewline(pem []byte) []byte {
	if bytes.HasSuffix(pem, []byte("\n")) {
		return pem
	}
	return append(bytes.Clone(pem), '\n')
}

// Trusted reports whether a client with the PEM bundle accepts what is served.
func (s *Source) Trusted(bundle []byte) bool {
	current := s.current.Load()
	return current != nil && current.chainsTo(bundle, s.now())
}

// InPlace tells that the webhook configurations have the bundle.
func (s *Source) InPlace(bundle []byte) {
	next := s.next.Load()
	if next == nil || !next.chainsTo(bundle, s.now()) {
		return
	}
	time.AfterFunc(s.settle, func() { s.advance(next) })
}

// advance serves what was to be served next, unless something newer is by now.
func (s *Source) advance(next *material) {
	if !s.next.CompareAndSwap(next, nil) {
		return
	}
	s.current.Store(next)
	s.notify()
}

// chainsTo reports whether a client that has the PEM bundle would accept the certificate, whatever the name it calls.
func (m *material) chainsTo(bundle []byte, now time.Time) bool {
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(bundle)
	_, err := m.certificate.Leaf.Verify(x509.VerifyOptions{
		Roots: roots, Intermediates: m.intermediates(), CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	})
	return err == nil
}

// intermediates are what is served besides the certificate itself.
func (m *material) intermediates() *x509.CertPool {
	pool := x509.NewCertPool()
	for _, der := range m.certificate.Certificate[1:] {
		if certificate, err := x509.ParseCertificate(der); err == nil {
			pool.AddCert(certificate)
		}
	}
	return pool
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
		if waiting := s.waiting.Load(); waiting != nil {
			return fmt.Errorf("%w: %s", ErrNotLoaded, *waiting)
		}
		return ErrNotLoaded
	}
	for _, name := range s.dnsNames {
		_, err := current.certificate.Leaf.Verify(x509.VerifyOptions{
			DNSName:       name,
			Roots:         current.roots,
			Intermediates: current.intermediates(),
			CurrentTime:   s.now(),
			KeyUsages:     []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		})
		if err != nil {
			if waiting := s.waiting.Load(); waiting != nil {
				return fmt.Errorf("the serving certificate can't be used: %w; %s", err, *waiting)
			}
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
	for _, known := range []*material{s.current.Load(), s.next.Load()} {
		if known != nil && known.equal(next) {
			return false, nil
		}
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
	s.take(next)
	return true, nil
}

// take serves new material at once where an API server that has the bundle accepts it, or where what is served is of no use any more;
// else once its authority is in place.
func (s *Source) take(next *material) {
	current := s.current.Load()
	if current == nil || next.chainsTo(current.authorityPEM, s.now()) || !current.chainsTo(current.authorityPEM, s.now()) {
		s.next.Store(nil)
		s.current.Store(next)
		return
	}
	s.next.Store(next)
	// Whatever becomes of the configurations, an expired certificate helps nobody.
	time.AfterFunc(current.certificate.Leaf.NotAfter.Sub(s.now()), func() { s.advance(next) })
}

// wait says what the source waits for, for the readiness check; empty for nothing.
func (s *Source) wait(what string) {
	if what == "" {
		s.waiting.Store(nil)
		return
	}
	s.waiting.Store(&what)
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
