package certificates

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/open-policy-agent/cert-controller/pkg/rotator"

	"github.com/kroguard/kroguard/test/e2e/harness"
)

// admissionConfiguration has the API server show a certificate to webhooks that ask for one.
const admissionConfiguration = `
apiVersion: apiserver.config.k8s.io/v1
kind: AdmissionConfiguration
plugins:
- name: MutatingAdmissionWebhook
  configuration: {apiVersion: apiserver.config.k8s.io/v1, kind: WebhookAdmissionConfiguration, kubeConfigFile: DIR/kubeconfig}
- name: ValidatingAdmissionWebhook
  configuration: {apiVersion: apiserver.config.k8s.io/v1, kind: WebhookAdmissionConfiguration, kubeConfigFile: DIR/kubeconfig}
`

const webhookKubeconfig = `
apiVersion: v1
kind: Config
users:
- name: '*'
  user: {client-certificate: DIR/kube-apiserver.crt, client-key: DIR/kube-apiserver.key}
`

// identify writes to a folder what identifies the API server to webhooks: the CA ca.crt, certificates of it for kube-apiserver and for
// somebody else, and the file whose name it returns, for --admission-control-config-file.
func identify(dir string) (string, error) {
	begin, end := time.Now().Add(-time.Hour), time.Now().Add(24*time.Hour)
	cr := &rotator.CertRotator{CAName: "clients", CAOrganization: "clients", ExtKeyUsages: &[]x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	authority, err := cr.CreateCACert(begin, end)
	if err != nil {
		return "", err
	}
	files := map[string][]byte{
		"ca.crt":         authority.CertPEM,
		"kubeconfig":     []byte(strings.ReplaceAll(webhookKubeconfig, "DIR", dir)),
		"admission.yaml": []byte(strings.ReplaceAll(admissionConfiguration, "DIR", dir)),
	}
	for _, name := range []string{"kube-apiserver", "somebody"} {
		cr.DNSName = name
		if files[name+".crt"], files[name+".key"], err = cr.CreateCertPEM(authority, begin, end); err != nil {
			return "", err
		}
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			return "", err
		}
	}
	return filepath.Join(dir, "admission.yaml"), nil
}

func TestOnlyTheAPIServerIsLetIn(t *testing.T) {
	deleteSecret(t)
	anyName := two(t, "--client-ca-file", filepath.Join(identity, "ca.crt"))
	for _, name := range []string{"kube-apiserver", "somebody"} {
		if err := call(t.Context(), anyName[0], name); err != nil {
			t.Errorf("%s, without --client-name: %v", name, err)
		}
	}
	if err := call(t.Context(), anyName[0], ""); err == nil || !strings.Contains(err.Error(), "certificate required") {
		t.Errorf("a client without a certificate: %v", err)
	}

	oneName := two(t, "--client-ca-file", filepath.Join(identity, "ca.crt"), "--client-name", "kube-apiserver")
	if err := call(t.Context(), oneName[0], "kube-apiserver"); err != nil {
		t.Error(err)
	}
	if err := call(t.Context(), oneName[0], "somebody"); err == nil || !strings.Contains(err.Error(), "bad certificate") {
		t.Errorf("a client with another's name: %v", err)
	}
}

// call makes a request of a webhook server, with the certificate of a name or without one.
func call(ctx context.Context, k *harness.Kroguard, name string) error {
	config := &tls.Config{InsecureSkipVerify: true}
	if name != "" {
		certificate, err := tls.LoadX509KeyPair(filepath.Join(identity, name+".crt"), filepath.Join(identity, name+".key"))
		if err != nil {
			return err
		}
		config.Certificates = []tls.Certificate{certificate}
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+k.WebhookAddress+"/", http.NoBody)
	if err != nil {
		return err
	}
	transport := &http.Transport{TLSClientConfig: config}
	defer transport.CloseIdleConnections()
	response, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		return err
	}
	return response.Body.Close()
}
