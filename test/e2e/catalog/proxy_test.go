package catalog

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kroguard/kroguard/test/e2e/harness"
)

// authority signs client certificates.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "proxies"}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	a.certificate, a.key = a.sign(t, template)
	return a
}

// sign makes a certificate; the first one signs itself.
func (a *authority) sign(t *testing.T, template *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	parent, signer := a.certificate, a.key
	if parent == nil {
		parent, signer = template, key
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(raw)
	if err != nil {
		t.Fatal(err)
	}
	return certificate, key
}

// client is an HTTP client with a certificate of a name.
func (a *authority) client(t *testing.T, name string) *http.Client {
	t.Helper()
	certificate, key := a.sign(t, &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	client := browser(t)
	transport, ok := client.Transport.(*http.Transport)
	if !ok {
		t.Fatal("the client has another transport")
	}
	transport.TLSClientConfig.Certificates = []tls.Certificate{{Certificate: [][]byte{certificate.Raw}, PrivateKey: key}}
	return client
}

// TestAnAuthenticatingProxyIsBelieved starts another replica that knows the proxy's CA, and asks it as the proxy, as another client of
// the same CA, and as one that has made its certificate itself.
func TestAnAuthenticatingProxyIsBelieved(t *testing.T) {
	known := newAuthority(t)
	file := filepath.Join(t.TempDir(), "proxy-ca.crt")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: known.certificate.Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	proxied, err := h.StartReadyKroguard(t.Context(), harness.KroguardOptions{
		Name: "proxied", WebhookURL: "https://localhost:" + strings.Split(k.WebhookAddress, ":")[1],
		Args: []string{"--catalog-proxy-ca-file", file, "--catalog-proxy-name", "proxy"},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := proxied.Terminate(); err != nil {
			t.Error(err)
		}
	})
	ask := func(ctx context.Context, client *http.Client) (string, error) {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, proxied.CatalogURL()+"/v1/namespaces/shop/offerings", http.NoBody)
		if err != nil {
			return "", err
		}
		request.Header.Set("X-Remote-User", "system:serviceaccount:shop:builder")
		request.Header.Set("X-Remote-Group", "system:serviceaccounts")
		response, err := client.Do(request)
		if err != nil {
			return "", err
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		return fmt.Sprintf("%d %s", response.StatusCode, body), err
	}
	harness.Eventually(t, eventually, func(ctx context.Context) error {
		answer, err := ask(ctx, known.client(t, "proxy"))
		if err == nil && (!strings.HasPrefix(answer, "200 ") || !strings.Contains(answer, `"name":"vault"`) || strings.Contains(answer, "database")) {
			err = fmt.Errorf("the proxy's user sees %s", answer)
		}
		return err
	})
	for name, client := range map[string]*http.Client{
		"another client of the CA": known.client(t, "other"), "one of another CA": newAuthority(t).client(t, "proxy"), "one without certificate": browser(t),
	} {
		if answer, err := ask(t.Context(), client); err != nil || !strings.HasPrefix(answer, "401 ") {
			t.Errorf("%s: %s %v", name, answer, err)
		}
	}
}
