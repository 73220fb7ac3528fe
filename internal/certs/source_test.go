package certs

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"maps"
	"net"
	"strings"
	"testing"
	"testing/synctest"
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
			if s.current.Load() != before {
				t.Error("a certificate of another authority is served before API servers know that")
			}
			if next := s.next.Load(); (next != nil) != test.wantChanged {
				t.Errorf("what is to be served next: %v", next)
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

// issuer makes certificates of one authority.
func issuer(tb testing.TB, now time.Time) func(begin, end time.Time) map[string][]byte {
	tb.Helper()
	cr := &rotator.CertRotator{
		CAName: authorityName, CAOrganization: authorityOrganization, DNSName: serviceName,
		ExtKeyUsages: &[]x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	authority, err := cr.CreateCACert(now.Add(-time.Hour), now.Add(time.Hour))
	if err != nil {
		tb.Fatal(err)
	}
	return func(begin, end time.Time) map[string][]byte {
		certificate, key, err := cr.CreateCertPEM(authority, begin, end)
		if err != nil {
			tb.Fatal(err)
		}
		return map[string][]byte{"ca.crt": authority.CertPEM, "tls.crt": certificate, "tls.key": key}
	}
}

func mustLoad(t *testing.T, s *Source, data map[string][]byte) {
	t.Helper()
	if _, err := s.load(data); err != nil {
		t.Fatal(err)
	}
}

func serves(s *Source, data map[string][]byte) bool {
	return bytes.Equal(s.current.Load().certificatePEM, data["tls.crt"])
}

func TestACertificateOfTheSameAuthorityIsServedAtOnce(t *testing.T) {
	now := time.Now()
	sign := issuer(t, now)
	s := newSource([]string{serviceName}, time.Now)
	mustLoad(t, s, sign(now.Add(-time.Hour), now.Add(time.Minute)))
	renewed := sign(now.Add(-time.Hour), now.Add(time.Hour))
	mustLoad(t, s, renewed)
	if !serves(s, renewed) {
		t.Error("the renewed certificate is not served")
	}
}

func TestACertificateOfAnotherAuthorityIsServedOnceTheBundleIsInPlace(t *testing.T) {
	first, second := issue(t, time.Now(), serviceName), issue(t, time.Now(), serviceName)
	s := newSource([]string{serviceName}, time.Now)
	s.settle = time.Millisecond
	mustLoad(t, s, first)
	mustLoad(t, s, second)
	bundle := s.CABundle()
	for name, data := range map[string]map[string][]byte{"old": first, "new": second} {
		if !strings.Contains(string(bundle), strings.TrimSpace(string(data["ca.crt"]))) {
			t.Errorf("the bundle lacks the %s authority", name)
		}
	}
	told := make(chan struct{}, 1)
	s.Subscribe(func() { told <- struct{}{} })
	s.InPlace(first["ca.crt"])
	if s.next.Load() == nil {
		t.Fatal("a bundle without the new authority will do")
	}
	if !s.Trusted(first["ca.crt"]) || s.Trusted(second["ca.crt"]) {
		t.Error("the old certificate is to be served until then")
	}
	s.InPlace(bundle)
	<-told
	if !serves(s, second) || s.next.Load() != nil {
		t.Error("the new certificate is not served")
	}
	if diff := cmp.Diff(string(second["ca.crt"]), string(s.CABundle())); diff != "" {
		t.Errorf("bundle (-want +got):\n%s", diff)
	}
}

func TestAnExpiredCertificateIsReplacedAtOnce(t *testing.T) {
	now := time.Now()
	s := newSource([]string{serviceName}, func() time.Time { return now })
	mustLoad(t, s, issue(t, now.Add(-3*time.Hour), serviceName))
	if err := s.Check(nil); err == nil {
		t.Error("an expired certificate is ready")
	}
	valid := issue(t, now, serviceName)
	mustLoad(t, s, valid)
	if !serves(s, valid) {
		t.Error("the valid certificate is not served")
	}
	if err := s.Check(nil); err != nil {
		t.Errorf("Check: %v", err)
	}
}

func TestAnUnknownAuthorityIsServedWhenTheOldCertificateExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		s := newSource([]string{serviceName}, time.Now)
		first := issuer(t, now)(now.Add(-time.Hour), now.Add(time.Hour))
		mustLoad(t, s, first)
		other := issue(t, now, serviceName)
		told := make(chan struct{})
		s.Subscribe(func() { close(told) })
		mustLoad(t, s, other)
		time.Sleep(time.Hour - time.Minute)
		synctest.Wait()
		if !serves(s, first) {
			t.Error("the other certificate is served before the old one has expired")
		}
		<-told
		if !serves(s, other) {
			t.Error("the other certificate is not served")
		}
	})
}
