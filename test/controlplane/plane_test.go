package controlplane_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/kroguard/kroguard/test/controlplane"
)

// patience is for what happens within a second or two on an idle machine.
const patience = 2 * time.Minute

// eventually polls until check returns nil.
func eventually(t *testing.T, check func() error) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		err := check()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("not after %s: %v", patience, err)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// kubectl runs kubectl, which must succeed.
func kubectl(t *testing.T, p *controlplane.ControlPlane, args ...string) string {
	t.Helper()
	out, err := p.Kubectl(t.Context(), args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// apply applies a manifest.
func apply(t *testing.T, p *controlplane.ControlPlane, manifest string) {
	t.Helper()
	cmd := p.KubectlCommand(t.Context(), "apply", "-f", "-")
	cmd.Stdin = strings.NewReader(manifest)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("kubectl apply: %v: %s", err, out)
	}
}

const greetingRGD = `apiVersion: kro.run/v1alpha1
kind: ResourceGraphDefinition
metadata:
  name: greeting
spec:
  schema:
    apiVersion: v1alpha1
    kind: Greeting
    spec:
      name: string | required=true
  resources:
  - id: config
    template:
      apiVersion: v1
      kind: ConfigMap
      metadata:
        name: ${schema.metadata.name}
      data:
        text: Hello, ${schema.spec.name}
`

const greeting = `apiVersion: kro.run/v1alpha1
kind: Greeting
metadata:
  name: hello
  namespace: greetings
spec:
  name: world
`

func TestKroExpandsInstanceAndDataSurvivesRestarts(t *testing.T) {
	kubectl(t, plane, "create", "namespace", "greetings")
	apply(t, plane, greetingRGD)
	eventually(t, func() error {
		_, err := plane.Kubectl(t.Context(), "wait", "--for=condition=Established", "crd/greetings.kro.run", "--timeout=1s")
		return err
	})
	apply(t, plane, greeting)
	labels := func() error {
		out, err := plane.Kubectl(t.Context(), "-n", "greetings", "get", "configmap", "hello", "-o",
			`jsonpath={.data.text}|{.metadata.labels.kro\.run/owned}|{.metadata.labels.app\.kubernetes\.io/managed-by}`)
		if err == nil && out != "Hello, world|true|kro" {
			return errors.New("the ConfigMap has " + out)
		}
		return err
	}
	eventually(t, labels)

	audit, err := os.ReadFile(plane.AuditLogPath())
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(audit), `"username":"`+controlplane.KroUser+`"`) {
		t.Errorf("the audit log has no request of %s", controlplane.KroUser)
	}

	for _, part := range controlplane.Parts() {
		if err := plane.RestartPart(t.Context(), part); err != nil {
			t.Fatal(err)
		}
		eventually(t, labels)
	}
}

func TestStoppedKroDoesNothingUntilStarted(t *testing.T) {
	if err := plane.StopPart(controlplane.Kro); err != nil {
		t.Fatal(err)
	}
	if pid := plane.PID(controlplane.Kro); pid != 0 {
		t.Errorf("a stopped part has the pid %d", pid)
	}
	apply(t, plane, strings.NewReplacer("greeting", "farewell", "Greeting", "Farewell").Replace(greetingRGD))
	if out := kubectl(t, plane, "get", "rgd", "farewell", "-o", "jsonpath={.status}"); out != "" {
		t.Errorf("kro is stopped, yet somebody wrote the status %s", out)
	}
	if err := plane.StartPart(t.Context(), controlplane.Kro); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() error {
		_, err := plane.Kubectl(t.Context(), "get", "crd", "farewells.kro.run")
		return err
	})
	if err := plane.StartPart(t.Context(), controlplane.Kro); err == nil {
		t.Error("a running part was started once more")
	}
}

func TestHungAPIServerGoesOn(t *testing.T) {
	if err := plane.SignalPart(controlplane.APIServer, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if _, err := plane.Kubectl(ctx, "get", "namespaces"); err == nil {
		t.Error("an API server that hangs gave an answer")
	}
	if err := plane.SignalPart(controlplane.APIServer, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() error {
		_, err := plane.Kubectl(t.Context(), "get", "namespaces")
		return err
	})
}

func TestTwoControlPlanesAreApart(t *testing.T) {
	other := controlplane.StartForTest(t, controlplane.Options{WithoutKro: true})
	if other.RESTConfig().Host == plane.RESTConfig().Host || other.Dir() == plane.Dir() {
		t.Fatalf("both are at %s in %s", other.RESTConfig().Host, other.Dir())
	}
	kubectl(t, plane, "create", "namespace", "only-here")
	if _, err := other.Kubectl(t.Context(), "get", "namespace", "only-here"); err == nil {
		t.Error("a namespace of one control plane is in the other")
	}
	if err := other.StartPart(t.Context(), controlplane.Kro); err == nil {
		t.Error("a part was started that the control plane does not have")
	}
	if err := other.Stop(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(other.Dir()); !os.IsNotExist(err) {
		t.Errorf("the temporary folder is still there: %v", err)
	}
}

func TestFailedStartExplainsAndStopsEverything(t *testing.T) {
	logs := t.TempDir()
	_, err := controlplane.Start(t.Context(), controlplane.Options{
		WithoutKro:    true,
		APIServerArgs: []string{"--no-such-flag"},
		LogDir:        logs,
	})
	if err == nil {
		t.Fatal("an API server with an unknown flag started")
	}
	for _, want := range []string{"kube-apiserver: ended before it was ready", "unknown flag: --no-such-flag", logs} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error lacks %q:\n%v", want, err)
		}
	}
}

func TestWaitReportsPartThatEndedByItself(t *testing.T) {
	p := controlplane.StartForTest(t, controlplane.Options{WithoutKro: true})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if err := p.Wait(ctx); err != nil {
		t.Fatalf("nothing happened yet: %v", err)
	}
	if err := p.KillPart(controlplane.APIServer); err != nil {
		t.Fatal(err)
	}
	// Behind the control plane's back.
	if err := syscall.Kill(p.PID(controlplane.Etcd), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	ctx, cancel = context.WithTimeout(t.Context(), patience)
	defer cancel()
	err := p.Wait(ctx)
	if err == nil || !strings.Contains(err.Error(), "etcd ended by itself") {
		t.Errorf("got %v", err)
	}
}
