// Package certificates tests who issues kroguard's certificate, and that no call fails while one follows another: on the real API server,
// with two replicas behind a Service and cert-manager's real controllers.
package certificates

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kroguard/kroguard/test/controlplane"
	"github.com/kroguard/kroguard/test/e2e/harness"
)

const eventually = 30 * time.Second

var (
	h *harness.Harness
	// identity is the folder with what identifies the API server to webhooks.
	identity string
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	var err error
	if identity, err = os.MkdirTemp("", "kroguard-identity-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(identity)
	admission, err := identify(identity)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	options := controlplane.Options{APIServerArgs: []string{"--admission-control-config-file=" + admission}}
	return harness.Main(m, options, func(started *harness.Harness) error {
		h = started
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		return h.Publish(ctx, platform, "greeting")
	})
}

const platform = `
apiVersion: kro.run/v1alpha1
kind: ResourceGraphDefinition
metadata: {name: greeting}
spec:
  schema: {apiVersion: v1alpha1, kind: Greeting, spec: {text: string}}
  resources:
    - {id: config, template: {apiVersion: v1, kind: ConfigMap, metadata: {name: "${schema.metadata.name}"}}}
---
apiVersion: kroguard.io/v1alpha1
kind: Guardrail
metadata: {name: polite}
spec:
  cel: {validations: [{expression: object.spec.text != 'no', message: be polite, fieldPath: .spec.text}]}
`

// two are replicas behind a Service, ready. They end with the test.
func two(t *testing.T, args ...string) []*harness.Kroguard {
	t.Helper()
	service, err := harness.NewService()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(service.Close)
	var replicas []*harness.Kroguard
	for i := range 2 {
		k := start(t, service, fmt.Sprintf("%s-%d", t.Name(), i), args...)
		if err := k.WaitReady(t.Context()); err != nil {
			t.Fatal(err)
		}
		replicas = append(replicas, k)
	}
	harness.Eventually(t, eventually, judges)
	return replicas
}

// start starts a replica behind a Service.
func start(t *testing.T, service *harness.Service, name string, args ...string) *harness.Kroguard {
	t.Helper()
	k, err := h.StartKroguard(harness.KroguardOptions{Name: name, WebhookURL: service.URL(), Args: args})
	if err != nil {
		t.Fatal(err)
	}
	service.Add(k)
	k.EndWith(t)
	return k
}

func greeting(name, text string) *unstructured.Unstructured {
	object := &unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{"text": text}}}
	object.SetGroupVersionKind(schema.GroupVersionKind{Group: "kro.run", Version: "v1alpha1", Kind: "Greeting"})
	object.SetNamespace("default")
	object.SetName(name)
	return object
}

// judges returns nil when a bad instance is refused and a good one isn't.
func judges(ctx context.Context) error {
	if err := h.Client.Create(ctx, greeting("bad", "no"), client.DryRunAll); err == nil || !strings.Contains(err.Error(), "be polite") {
		return fmt.Errorf("a bad instance: %w", orNone(err))
	}
	return h.Client.Create(ctx, greeting("good", "yes"), client.DryRunAll)
}

func orNone(err error) error {
	if err == nil {
		return errors.New("no error")
	}
	return err
}

// underLoad calls what changes something while instances are created, none of which may fail.
func underLoad(t *testing.T, change func()) {
	t.Helper()
	load := harness.StartLoad(t.Context(), func(ctx context.Context, writer, n int) error {
		return h.Client.Create(ctx, greeting(fmt.Sprintf("load-%d-%d", writer, n), "yes"), client.DryRunAll)
	})
	change()
	load.End(t, t.Name())
}

var secretKey = client.ObjectKey{Namespace: harness.Namespace, Name: "kroguard-webhook-cert"}

// served is the certificate that a replica serves, in PEM's base64.
func served(t *testing.T, k *harness.Kroguard) string {
	t.Helper()
	text, err := servedBy(t.Context(), k)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// servesSecret returns when all replicas serve the certificate of the Secret, which is not the one before.
func servesSecret(t *testing.T, replicas []*harness.Kroguard, before string) {
	t.Helper()
	harness.Eventually(t, eventually, func(ctx context.Context) error {
		secret := &corev1.Secret{}
		if err := h.Client.Get(ctx, secretKey, secret); err != nil {
			return err
		}
		for _, k := range replicas {
			now, err := servedBy(ctx, k)
			if err != nil {
				return err
			}
			if now == before || !bytes.HasPrefix(bytes.TrimSpace(secret.Data["tls.crt"]), []byte(strings.TrimSpace(now))) {
				return errors.New("a replica does not serve the new certificate")
			}
		}
		return nil
	})
}

// manage starts cert-manager's controllers, which end with the test.
func manage(t *testing.T, program, kubeconfig string) {
	t.Helper()
	log, err := os.Create(t.TempDir() + "/cert-manager.log")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), program, "-kubeconfig", kubeconfig)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			text, _ := os.ReadFile(log.Name())
			t.Logf("cert-manager's log:\n%s", text[max(0, len(text)-4096):])
		}
	})
}
