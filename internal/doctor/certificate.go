package doctor

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net/url"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// expiresSoon is when a certificate should have been renewed: kroguard renews its own long before.
const expiresSoon = 14 * 24 * time.Hour

func (e *examination) certificate(ctx context.Context) (string, []Finding) {
	hooks := hooksOf(e.mutating, e.validating)
	if len(hooks) == 0 {
		return "", []Finding{skipped("", "no webhook configuration could be read that has a CA bundle")}
	}
	remedy := fmt.Sprintf("kubectl -n %s delete secret %s has kroguard issue a new one and register it; %s",
		e.Namespace, e.SecretName, e.logs())
	secret := &corev1.Secret{}
	err := e.Client.Get(ctx, client.ObjectKey{Namespace: e.Namespace, Name: e.SecretName}, secret)
	if absent(err) {
		return "", []Finding{problem(e.restart()+"; then "+e.logs(),
			"Secret %s/%s is not there: kroguard keeps its serving certificate in it", e.Namespace, e.SecretName)}
	}
	if err != nil {
		finding := failure(err, access{verb: "get", resource: "secrets", namespace: e.Namespace})
		return "", append(examineBundles(hooks, nil, e.Now(), remedy), finding)
	}
	leaf, err := parseCertificate(secret.Data[corev1.TLSCertKey])
	if err != nil {
		return "", []Finding{problem(remedy, "%s in Secret %s/%s: %v", corev1.TLSCertKey, e.Namespace, e.SecretName, err)}
	}
	findings := append(examineBundles(hooks, leaf, e.Now(), remedy), examineExpiry(leaf, e.Now(), remedy)...)
	return "it is trusted, and valid until " + leaf.NotAfter.UTC().Format(time.DateOnly), findings
}

// parseCertificate is the first certificate of PEM.
func parseCertificate(text []byte) (*x509.Certificate, error) {
	block, _ := pem.Decode(text)
	if block == nil || block.Type != "CERTIFICATE" {
		return nil, errors.New("there is no certificate")
	}
	return x509.ParseCertificate(block.Bytes)
}

// examineBundles finds out whether the API server trusts the certificate, whenever that is valid; without one, whether there are
// bundles. What is wrong in the same way for several webhooks is said once.
func examineBundles(hooks []hook, leaf *x509.Certificate, now time.Time, remedy string) []Finding {
	var findings []Finding
	said := map[string]bool{}
	for i := range hooks {
		h := &hooks[i]
		text := distrust(h, leaf, now)
		if text == "" || said[text] {
			continue
		}
		said[text] = true
		findings = append(findings, problem(remedy, "%s: %s", h, text))
	}
	return findings
}

// distrust says why the API server would not trust the certificate; "" where it would.
func distrust(h *hook, leaf *x509.Certificate, now time.Time) string {
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(h.client.CABundle) {
		return "the CA bundle has no certificate"
	}
	if leaf == nil {
		return ""
	}
	name := hostOf(&h.client)
	if err := leaf.VerifyHostname(name); err != nil {
		return fmt.Sprintf("the serving certificate is not for %s: %v", name, err)
	}
	// Its expiry is told apart.
	at := now
	if at.After(leaf.NotAfter) {
		at = leaf.NotAfter
	}
	options := x509.VerifyOptions{Roots: pool, CurrentTime: at, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	if _, err := leaf.Verify(options); err != nil {
		return fmt.Sprintf("the CA bundle does not verify the serving certificate: %v", err)
	}
	return ""
}

// hostOf is the name that the API server expects of whom it calls.
func hostOf(config *admissionregistrationv1.WebhookClientConfig) string {
	if config.Service != nil {
		return config.Service.Name + "." + config.Service.Namespace + ".svc"
	}
	if config.URL == nil {
		return ""
	}
	parsed, err := url.Parse(*config.URL)
	if err != nil {
		return ""
	}
	return parsed.Hostname()
}

func examineExpiry(leaf *x509.Certificate, now time.Time, remedy string) []Finding {
	switch left := leaf.NotAfter.Sub(now); {
	case now.Before(leaf.NotBefore):
		return []Finding{problem("compare the clocks: timedatectl", "the serving certificate is valid from %s on",
			leaf.NotBefore.UTC().Format(time.RFC3339))}
	case left <= 0:
		return []Finding{problem(remedy, "the serving certificate expired %s", leaf.NotAfter.UTC().Format(time.RFC3339))}
	case left < expiresSoon:
		return []Finding{warning(remedy, "the serving certificate expires %s, in %s",
			leaf.NotAfter.UTC().Format(time.RFC3339), days(left))}
	default:
		return nil
	}
}

// days is "3 days", or less than one in hours.
func days(d time.Duration) string {
	if whole := int(d / (24 * time.Hour)); whole > 0 {
		return count(whole, "day")
	}
	return d.Round(time.Minute).String()
}
