package doctor

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/utils/ptr"
)

// authority issues certificates.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

func newAuthority(t *testing.T, name string) *authority {
	t.Helper()
	a := &authority{}
	a.certificate, a.key = issue(t, nil, &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, NotBefore: now().AddDate(-1, 0, 0), NotAfter: now().AddDate(10, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	})
	return a
}

// bundle is the authority's certificate as PEM.
func (a *authority) bundle() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.certificate.Raw})
}

// serving issues a certificate for a name, for as long as is left.
func (a *authority) serving(t *testing.T, name string, left time.Duration) *x509.Certificate {
	t.Helper()
	leaf, _ := issue(t, a, &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, DNSNames: []string{name}, NotBefore: now().AddDate(0, -1, 0), NotAfter: now().Add(left),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	})
	return leaf
}

func issue(t *testing.T, by *authority, template *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template.SerialNumber = big.NewInt(1)
	if by == nil {
		by = &authority{certificate: template, key: key}
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, by.certificate, key.Public(), by.key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(raw)
	if err != nil {
		t.Fatal(err)
	}
	return certificate, key
}

func TestCertificates(t *testing.T) {
	const day = 24 * time.Hour
	ours, theirs := newAuthority(t, "ours"), newAuthority(t, "theirs")
	const service = "kroguard-webhook.kroguard-system.svc"
	byService := admissionregistrationv1.WebhookClientConfig{
		CABundle: ours.bundle(), Service: &admissionregistrationv1.ServiceReference{Namespace: "kroguard-system", Name: "kroguard-webhook"},
	}
	byURL := admissionregistrationv1.WebhookClientConfig{CABundle: ours.bundle(), URL: ptr.To("https://localhost:9443/x")}
	rotated := byService
	rotated.CABundle = append(theirs.bundle(), ours.bundle()...)
	foreign := byService
	foreign.CABundle = theirs.bundle()
	empty := byService
	empty.CABundle = nil
	tests := []struct {
		name   string
		leaf   *x509.Certificate
		client admissionregistrationv1.WebhookClientConfig
		want   []string
	}{
		{name: "for the Service", leaf: ours.serving(t, service, 90*day), client: byService},
		{name: "for the host of the URL", leaf: ours.serving(t, "localhost", 90*day), client: byURL},
		{name: "one of two authorities, as while they change", leaf: ours.serving(t, service, 90*day), client: rotated},
		{name: "for another name", leaf: ours.serving(t, "localhost", 90*day), client: byService, want: []string{"problem: the serving certificate is not for " + service}},
		{name: "by another authority", leaf: ours.serving(t, service, 90*day), client: foreign, want: []string{"problem: the CA bundle does not verify the serving certificate"}},
		{name: "no bundle", leaf: ours.serving(t, service, 90*day), client: empty, want: []string{"problem: the CA bundle has no certificate"}},
		{name: "no bundle, and no certificate to be read", client: empty, want: []string{"problem: the CA bundle has no certificate"}},
		{name: "no certificate to be read", client: byService},
		{name: "soon to end", leaf: ours.serving(t, service, 13*day), client: byService, want: []string{"warning: the serving certificate expires 2030-01-14T12:00:00Z, in 13 days"}},
		{name: "expired", leaf: ours.serving(t, service, -day), client: byService, want: []string{"problem: the serving certificate expired 2029-12-31T12:00:00Z"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			hooks := []hook{{configuration: mutatingKind, name: "a", client: test.client}, {configuration: validatingKind, name: "b", client: test.client}}
			findings := examineBundles(hooks, test.leaf, now(), "renew")
			if test.leaf != nil {
				findings = append(findings, examineExpiry(test.leaf, now(), "renew")...)
			}
			got := short(findings)
			if len(got) != len(test.want) {
				t.Fatalf("findings %q, want %q", got, test.want)
			}
			for i, want := range test.want {
				if text := strings.Replace(got[i], "webhook a of the MutatingWebhookConfiguration: ", "", 1); !strings.HasPrefix(text, want) {
					t.Errorf("finding %q, want %q", got[i], want)
				}
			}
		})
	}
	if _, err := parseCertificate([]byte("nothing")); err == nil {
		t.Error("no PEM is a certificate")
	}
}
