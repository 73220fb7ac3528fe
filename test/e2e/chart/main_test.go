// Package chart tests charts/kroguard as a cluster uses it: installed by the real Helm, run as its Deployment says, as its own service
// account, and reached by the API server through its Service.
package chart

import (
	"context"
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kroguard/kroguard/test/controlplane"
	"github.com/kroguard/kroguard/test/controlplane/binaries"
	"github.com/kroguard/kroguard/test/e2e/harness"
)

const (
	release = "kroguard"
	// setupTimeout is for building kroguard and Helm, which may be the first build of their dependencies.
	setupTimeout = 15 * time.Minute
	// eventually is for what takes a second or two on an idle machine.
	eventually = 30 * time.Second
)

var (
	h       *harness.Harness
	network *harness.Network
	helm    string
)

func TestMain(m *testing.M) {
	code, err := runMain(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func runMain(m *testing.M) (int, error) {
	ctx, cancel := context.WithTimeout(context.Background(), setupTimeout)
	defer cancel()
	var err error
	if helm, err = binaries.EnsureTool(ctx, binaries.Options{}, binaries.Helm); err != nil {
		return 0, err
	}
	dir, err := os.MkdirTemp("", "kroguard-chart-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	if network, err = harness.NewNetwork(dir); err != nil {
		return 0, err
	}
	defer network.Close()
	args, err := network.APIServerArgs()
	if err != nil {
		return 0, err
	}
	options := controlplane.Options{Audit: true, WithControllerManager: true, APIServerArgs: args}
	return controlplane.Main(m, options, func(plane *controlplane.ControlPlane) error {
		if h, err = harness.Bare(ctx, plane); err != nil {
			return err
		}
		network.Attach(h.Client)
		return nil
	}), nil
}

// runHelm runs Helm and returns what it said.
func runHelm(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, helm, args...)
	cmd.Env = helmEnvironment()
	out, err := cmd.CombinedOutput()
	if err != nil {
		return string(out), fmt.Errorf("helm %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return string(out), nil
}

// helmEnvironment has Helm talk to the cluster, and keeps it from the developer's own settings.
func helmEnvironment() []string {
	dir := filepath.Join(h.Dir(), "helm")
	return append(os.Environ(), "KUBECONFIG="+h.KubeconfigPath(), "HELM_CACHE_HOME="+dir, "HELM_CONFIG_HOME="+dir, "HELM_DATA_HOME="+dir)
}

func mustHelm(t *testing.T, args ...string) string {
	t.Helper()
	out, err := runHelm(t.Context(), args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// chartDir is the folder of the chart.
func chartDir() string { return harness.File("charts", "kroguard") }

// onThisMachine are the values that let several Pods share one machine: ports of their own, on loopback.
func onThisMachine(t *testing.T, values map[string]string) []string {
	t.Helper()
	addresses, err := harness.FreePorts(4)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{"bindAddress": "127.0.0.1", "shutdownDelay": "2s"}
	for i, name := range []string{"webhook.port", "health.port", "metrics.port", "catalog.port"} {
		_, all[name], _ = net.SplitHostPort(addresses[i])
	}
	maps.Copy(all, values)
	var args []string
	for _, name := range slices.Sorted(maps.Keys(all)) {
		args = append(args, "--set", name+"="+all[name])
	}
	return args
}

// pod starts what the Deployment describes, behind the Service. It ends with the test.
func pod(t *testing.T, name string) *harness.Kroguard {
	t.Helper()
	deployment := &appsv1.Deployment{}
	if err := h.Client.Get(t.Context(), client.ObjectKey{Namespace: harness.Namespace, Name: "kroguard"}, deployment); err != nil {
		t.Fatal(err)
	}
	k, err := h.StartPod(t.Context(), deployment, name)
	if err != nil {
		t.Fatal(err)
	}
	k.EndWith(t)
	if err := k.WaitReady(t.Context()); err != nil {
		t.Fatal(err)
	}
	network.Add(k)
	return k
}
