package certs

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"maps"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/open-policy-agent/cert-controller/pkg/rotator"
)

const serviceName = "kroguard-webhook.kroguard-system.svc"

// issue returns the data of a Secret as cert-controller writes it, valid within an hour around now.
func issue(tb testing.TB, now time.Time, names ...string) map[string][]byte {
	tb.Helper()
	cr := &rotator.CertRotator{
		CAName: authorityName, CAOrganization: authorityOrganization,
		DNSName: names[0], ExtraDNSNames: names[1:], ExtKeyUsages: &[]x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	authority, err := cr.CreateCACert(now.Add(-time.Hour), now.Add(time.Hour))
	if err != nil {
		tb.Fatal(err)
	}
	certificate, key, err := cr.CreateCertPEM(authority, now.Add(-time.Hour), now.Add(time.Hour))
	if err != nil {
		tb.Fatal(err)
	}
	return map[string][]byte{
		"ca.crt": authority.CertPEM, "ca.key": authority.KeyPEM, "tls.crt": certificate, "tls.key": key,
	}
}

func without(data map[string][]byte, key string) map[string][]byte {
	data = maps.Clone(data)
	delete(data, key)
	return data
}

func replaced(data map[string][]byte, key string, value []byte) map[string][]byte {
	data = maps.Clone(data)
	data[key] = value
	return data
}

func TestSourceServesWhatWasLoaded(t *testing.T) {
	now := time.Now()
	data := issue(t, now, serviceName, "localhost")
	s := newSource([]string{serviceName, "localhost"}, func() time.Time { return now })

	changed, err := s.load(data)
	if err != nil || !changed {
		t.Fatalf("load = %v, %v; want a change", changed, err)
	}
	if err := s.Check(nil); err != nil {
		t.Errorf("Check: %v", err)
	}
	if diff := cmp.Diff(string(data["ca.crt"]), string(s.CABundle())); diff != "" {
		t.Errorf("bundle (-want +got):\n%s", diff)
	}
	for _, name := range []string{serviceName, "localhost"} {
		if err := handshake(t, s, name); err != nil {
			t.Errorf("handshake as %s: %v", name, err)
		}
	}
	if err := handshake(t, s, "elsewhere.example.com"); err == nil {
		t.Error("a handshake under another name succeeded")
	}
}

// handshake is what an API server does that has the bundle: a TLS handshake under a name.
func handshake(t *testing.T, s *Source, name string) error {
	t.Helper()
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(s.CABundle())
	clientSide, serverSide := net.Pipe()
	defer clientSide.Close()
	go func() {
		defer serverSide.Close()
		_ = tls.Server(serverSide, &tls.Config{GetCertificate: s.GetCertificate, MinVersion: tls.VersionTLS12}).Handshake()
	}()
	return tls.Client(clientSide, &tls.Config{RootCAs: pool, ServerName: name, MinVersion: tls.VersionTLS12}).Handshake()
}

func TestLoadKeepsWhatIsServedUnlessItGetsBetter(t *testing.T) {
	now := time.Now()
	first := issue(t, now, serviceName)
	second := issue(t, now, serviceName)
	tests := []struct {
		name        string
		data        map[string][]byte
		wantChanged bool
		wantErr     string
	}{
		{name: "the same data again is no change", data: first},
		{name: "the authority's key is not our business", data: without(first, "ca.key")},
		{name: "an emptied Secret changes nothing", data: nil},
		{name: "a Secret without the authority changes nothing", data: without(second, "ca.crt")},
		{name: "a Secret without the key changes nothing", data: without(second, "tls.key")},
		{name: "a new pair is a change", data: second, wantChanged: true},
		{
			name: "a key of another certificate is an error", data: replaced(first, "tls.key", second["tls.key"]),
			wantErr: "reading tls.crt and tls.key: tls: private key does not match public key",
		},
		{name: "an authority that is no PEM is an error", data: replaced(first, "ca.crt", []byte("x")), wantErr: "ca.crt holds no certificate"},
		{
			name: "a certificate that is no PEM is an error", data: replaced(first, "tls.crt", []byte("\x00\xff")),
			wantErr: "reading tls.crt and tls.key: tls: failed to find any PEM data in certificate input",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := newSource([]string{serviceName}, func() time.Time { return now })
			if _, err := s.load(first); err != nil {
				t.Fatal(err)
			}
			before := s.current.Load()
			changed, err := s.load(test.data)
			if got := errorText(err); got != test.wantErr || changed != test.wantChanged {
				t.Errorf("load = %v, %q; want %v, %q", changed, got, test.wantChanged, test.wantErr)
			}
			if kept := s.current.Load() == before; kept == test.wantChanged {
				t.Errorf("what is served was kept: %v", kept)
			}
		})
	}
}

func TestCheckSaysWhyKroguardIsNotReady(t *testing.T) {
	now := time.Now()
	data := issue(t, now, serviceName)
	other := issue(t, now, serviceName)
	tests := []struct {
		name string
		data map[string][]byte
		now  time.Time
		want string
	}{
		{name: "nothing loaded", now: now, want: "not loaded yet"},
		{name: "expired", data: data, now: now.Add(2 * time.Hour), want: "expired"},
		{name: "not valid yet", data: data, now: now.Add(-2 * time.Hour), want: "not yet valid"},
		{name: "of another authority", data: replaced(data, "ca.crt", other["ca.crt"]), now: now, want: "unknown authority"},
		{name: "for another name", data: issue(t, now, "localhost"), now: now, want: "not " + serviceName},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := newSource([]string{serviceName}, func() time.Time { return test.now })
			if _, err := s.load(test.data); err != nil {
				t.Fatal(err)
			}
			if err := s.Check(nil); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("Check = %v, want an error with %q", err, test.want)
			}
		})
	}
}

func TestAnEmptySourceFailsHandshakesAndHasNoBundle(t *testing.T) {
	s := newSource([]string{serviceName}, time.Now)
	if _, err := s.GetCertificate(nil); !errors.Is(err, ErrNotLoaded) {
		t.Errorf("GetCertificate: %v", err)
	}
	if bundle := s.CABundle(); bundle != nil {
		t.Errorf("bundle of nothing: %q", bundle)
	}
}

func FuzzLoad(f *testing.F) {
	data := issue(f, time.Now(), serviceName)
	f.Add(data["tls.crt"], data["tls.key"], data["ca.crt"])
	f.Add([]byte("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n"), []byte(""), []byte("x"))
	f.Fuzz(func(t *testing.T, certificate, key, authority []byte) {
		s := newSource([]string{serviceName}, time.Now)
		changed, err := s.load(map[string][]byte{"tls.crt": certificate, "tls.key": key, "ca.crt": authority})
		if changed != (s.current.Load() != nil) || changed && err != nil {
			t.Errorf("load = %v, %v, served %v", changed, err, s.current.Load())
		}
	})
}

func BenchmarkGetCertificate(b *testing.B) {
	s := newSource([]string{serviceName}, time.Now)
	if _, err := s.load(issue(b, time.Now(), serviceName)); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.GetCertificate(nil); err != nil {
			b.Fatal(err)
		}
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
