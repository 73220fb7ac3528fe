package certificates

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/open-policy-agent/cert-controller/pkg/rotator"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kroguard/kroguard/test/controlplane/binaries"
	"github.com/kroguard/kroguard/test/e2e/harness"
)

// servedBy is the first certificate that a replica serves, in PEM.
func servedBy(ctx context.Context, k *harness.Kroguard) (string, error) {
	dialer := &tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true}}
	connection, err := dialer.DialContext(ctx, "tcp", k.WebhookAddress)
	if err != nil {
		return "", err
	}
	defer connection.Close()
	state := connection.(*tls.Conn).ConnectionState()
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: state.PeerCertificates[0].Raw})), nil
}

// pair is the content of a Secret with a new authority and a certificate for localhost.
func pair(t *testing.T, begin, end time.Time) map[string][]byte {
	t.Helper()
	cr := &rotator.CertRotator{
		CAName: "somebody's", CAOrganization: "somebody", DNSName: "localhost",
		ExtraDNSNames: []string{"kroguard-webhook.kroguard-system.svc", "kroguard-webhook.kroguard-system.svc.cluster.local"},
		ExtKeyUsages:  &[]x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	authority, err := cr.CreateCACert(begin, end)
	if err != nil {
		t.Fatal(err)
	}
	certificate, key, err := cr.CreateCertPEM(authority, begin, end)
	if err != nil {
		t.Fatal(err)
	}
	return map[string][]byte{"ca.crt": authority.CertPEM, "ca.key": authority.KeyPEM, "tls.crt": certificate, "tls.key": key}
}

// put makes the Secret have the data.
func put(t *testing.T, data map[string][]byte) {
	t.Helper()
	secret := &corev1.Secret{}
	err := h.Client.Get(t.Context(), secretKey, secret)
	if client.IgnoreNotFound(err) != nil {
		t.Fatal(err)
	}
	if err == nil {
		secret.Data = data
		err = h.Client.Update(t.Context(), secret)
	} else {
		secret = &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: secretKey.Namespace, Name: secretKey.Name}, Data: data}
		err = h.Client.Create(t.Context(), secret)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func deleteSecret(t *testing.T) {
	t.Helper()
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: secretKey.Namespace, Name: secretKey.Name}}
	if err := client.IgnoreNotFound(h.Client.Delete(t.Context(), secret)); err != nil {
		t.Fatal(err)
	}
}

// A deleted Secret has kroguard make another authority and another certificate.
func TestSelfSigned(t *testing.T) {
	deleteSecret(t)
	replicas := two(t)
	before := served(t, replicas[0])
	underLoad(t, func() {
		deleteSecret(t)
		servesSecret(t, replicas, before)
		time.Sleep(time.Second) // of load on the new one
	})

	t.Run("an expired certificate recovers", func(t *testing.T) {
		before := served(t, replicas[0])
		put(t, pair(t, time.Now().Add(-48*time.Hour), time.Now().Add(-time.Hour)))
		servesSecret(t, replicas, before)
		harness.Eventually(t, eventually, judges)
		ready(t, replicas)
	})
	t.Run("nothing older than TLS 1.3", func(t *testing.T) {
		dialer := &tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12}}
		for _, address := range []string{replicas[0].WebhookAddress, replicas[0].CatalogAddress} {
			if _, err := dialer.DialContext(t.Context(), "tcp", address); err == nil || !strings.Contains(err.Error(), "protocol version") {
				t.Errorf("TLS 1.2 at %s: %v", address, err)
			}
		}
	})
	t.Run("the catalog has the same certificate", func(t *testing.T) {
		other := *replicas[0]
		other.WebhookAddress = other.CatalogAddress
		if served(t, &other) != served(t, replicas[0]) {
			t.Error("it has another one")
		}
	})
}

func TestProvided(t *testing.T) {
	deleteSecret(t)
	service, err := harness.NewService()
	if err != nil {
		t.Fatal(err)
	}
	defer service.Close()
	waiting := start(t, service, "provided-waiting", "--certificates", "provided")
	says(t, waiting, "Secret kroguard-system/kroguard-webhook-cert does not exist: create it with tls.crt, tls.key and ca.crt")
	put(t, pair(t, time.Now().Add(-time.Hour), time.Now().Add(time.Hour)))
	if err := waiting.WaitReady(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := waiting.Terminate(); err != nil {
		t.Error(err)
	}

	replicas := two(t, "--certificates", "provided")
	underLoad(t, func() {
		for range 2 {
			before := served(t, replicas[0])
			put(t, pair(t, time.Now().Add(-time.Hour), time.Now().Add(time.Hour)))
			servesSecret(t, replicas, before)
		}
		time.Sleep(time.Second)
	})

	// The one who keeps the Secret lets it expire, and mends that.
	put(t, pair(t, time.Now().Add(-2*time.Hour), time.Now().Add(3*time.Second)))
	time.Sleep(6 * time.Second)
	before := served(t, replicas[0])
	put(t, pair(t, time.Now().Add(-time.Hour), time.Now().Add(time.Hour)))
	servesSecret(t, replicas, before)
	harness.Eventually(t, eventually, judges)
	ready(t, replicas)
}

func TestCertManager(t *testing.T) {
	program, err := binaries.EnsureTool(t.Context(), binaries.Options{}, binaries.CertManager)
	if err != nil {
		t.Fatal(err)
	}
	crds, err := binaries.CertManagerCRDs(t.Context(), binaries.Options{})
	if err != nil {
		t.Fatal(err)
	}
	deleteSecret(t)
	h.MustRun(t, "", "apply", "-k", harness.File("config", "certificates"))
	service, err := harness.NewService()
	if err != nil {
		t.Fatal(err)
	}
	defer service.Close()
	args := []string{"--certificates", "cert-manager"}
	waiting := start(t, service, "cert-manager-waiting", args...)
	says(t, waiting, "cert-manager is not installed: install it")
	files, err := filepath.Glob(filepath.Join(crds, "*cert-manager.io_*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%d CRDs, %v", len(files), err)
	}
	for _, file := range files {
		h.MustRun(t, "", "apply", "--server-side", "-f", file)
	}
	// Its CRDs are there and nobody issues.
	says(t, waiting, "Certificate kroguard-system/kroguard-webhook is not issued")
	manage(t, program, h.KubeconfigPath())
	if err := waiting.WaitReady(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := waiting.Terminate(); err != nil {
		t.Error(err)
	}

	replicas := two(t, args...)
	t.Run("a renewed certificate", func(t *testing.T) {
		before := served(t, replicas[0])
		underLoad(t, func() {
			renew(t, "kroguard-webhook")
			servesSecret(t, replicas, before)
			time.Sleep(time.Second)
		})
	})
	t.Run("another authority", func(t *testing.T) {
		underLoad(t, func() {
			before := served(t, replicas[0])
			secret := &corev1.Secret{}
			if err := h.Client.Get(t.Context(), client.ObjectKey{Namespace: harness.Namespace, Name: "kroguard-ca"}, secret); err != nil {
				t.Fatal(err)
			}
			renew(t, "kroguard-ca")
			harness.Eventually(t, eventually, func(ctx context.Context) error {
				renewed := &corev1.Secret{}
				if err := h.Client.Get(ctx, client.ObjectKeyFromObject(secret), renewed); err != nil {
					return err
				}
				if bytes.Equal(renewed.Data["tls.crt"], secret.Data["tls.crt"]) {
					return errors.New("the authority is the old one")
				}
				return nil
			})
			renew(t, "kroguard-webhook")
			servesSecret(t, replicas, before)
			time.Sleep(time.Second)
		})
	})
	t.Run("an expired certificate recovers", func(t *testing.T) {
		before := served(t, replicas[0])
		data := pair(t, time.Now().Add(-48*time.Hour), time.Now().Add(-time.Hour))
		delete(data, "ca.key")
		put(t, data)
		servesSecret(t, replicas, before)
		harness.Eventually(t, eventually, judges)
		ready(t, replicas)
	})
}

// renew does what cmctl renew does.
func renew(t *testing.T, name string) {
	t.Helper()
	harness.Eventually(t, eventually, func(ctx context.Context) error {
		certificate := &unstructured.Unstructured{}
		certificate.SetGroupVersionKind(schema.GroupVersionKind{Group: "cert-manager.io", Version: "v1", Kind: "Certificate"})
		if err := h.Client.Get(ctx, client.ObjectKey{Namespace: harness.Namespace, Name: name}, certificate); err != nil {
			return err
		}
		conditions, _, err := unstructured.NestedSlice(certificate.Object, "status", "conditions")
		if err != nil {
			return err
		}
		conditions = append(conditions, map[string]any{
			"type": "Issuing", "status": "True", "reason": "ManuallyTriggered", "message": "renewed by hand",
			"lastTransitionTime": time.Now().UTC().Format(time.RFC3339), "observedGeneration": certificate.GetGeneration(),
		})
		if err := unstructured.SetNestedSlice(certificate.Object, conditions, "status", "conditions"); err != nil {
			return err
		}
		return h.Client.Status().Update(ctx, certificate)
	})
}

// says returns when a replica that is not ready gives the reason, in its readiness or its log.
func says(t *testing.T, k *harness.Kroguard, want string) {
	t.Helper()
	harness.Eventually(t, eventually, func(ctx context.Context) error {
		if k.Ready(ctx) {
			return errors.New("it is ready")
		}
		text, err := os.ReadFile(k.LogPath)
		if err != nil {
			return err
		}
		if !strings.Contains(string(text), want) {
			return fmt.Errorf("it does not say %q", want)
		}
		return nil
	})
}

func ready(t *testing.T, replicas []*harness.Kroguard) {
	t.Helper()
	for _, k := range replicas {
		harness.Eventually(t, eventually, func(ctx context.Context) error {
			if k.Ready(ctx) {
				return nil
			}
			return errors.New("not ready: " + readiness(ctx, k))
		})
	}
}

// readiness is what /readyz says.
func readiness(ctx context.Context, k *harness.Kroguard) string {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+k.HealthAddress+"/readyz?verbose", http.NoBody)
	if err != nil {
		return err.Error()
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err.Error()
	}
	defer response.Body.Close()
	text, _ := io.ReadAll(response.Body)
	return string(text)
}
