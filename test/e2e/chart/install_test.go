package chart

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kroguard/kroguard/test/e2e/harness"
)

// commandTimeout is how long a command of the page may take.
const commandTimeout = 3 * time.Minute

// TestInstallPage does what docs/install.md says, command by command. What a cluster's nodes would do, start and end the Pods that Helm
// asks for, is done here; Helm's commands get ports that are free on this machine, and nothing else besides.
func TestInstallPage(t *testing.T) {
	text, err := os.ReadFile(harness.File("docs", "install.md"))
	if err != nil {
		t.Fatal(err)
	}
	path := programs(t)
	var running *harness.Kroguard
	ran := 0
	for _, shown := range commandsOf(string(text)) {
		command := shown.command
		installs := strings.HasPrefix(command, "helm install ") || strings.HasPrefix(command, "helm upgrade ")
		if installs {
			command += " " + strings.Join(onThisMachine(t, nil), " ")
		}
		ctx, cancel := context.WithTimeout(t.Context(), commandTimeout)
		cmd := exec.CommandContext(ctx, "bash", "-c", command)
		cmd.Dir = harness.File()
		cmd.Env = append(helmEnvironment(), "PATH="+path+":"+os.Getenv("PATH"))
		out, err := cmd.CombinedOutput()
		cancel()
		t.Logf("$ %s\n%s", command, out)
		if refused := strings.Contains(shown.output, "Error from server"); (err != nil) != refused {
			t.Fatalf("%s: %v, to be refused: %v", command, err, refused)
		}
		for line := range strings.Lines(shown.output) {
			if line = strings.TrimSpace(line); line != "..." && !strings.Contains(string(out), line) {
				t.Errorf("%s does not say %q", command, line)
			}
		}
		ran++
		switch {
		case installs || strings.HasPrefix(command, "helm rollback "):
			next := pod(t, fmt.Sprintf("page-%d", ran))
			if running != nil {
				terminate(t, running)
			}
			running = next
			rolledOut(t)
		case strings.HasPrefix(command, "helm uninstall "):
			terminate(t, running)
			if err := h.Client.DeleteAllOf(t.Context(), &discoveryv1.EndpointSlice{}, client.InNamespace(harness.Namespace)); err != nil {
				t.Error(err)
			}
		}
	}
	if ran < 12 {
		t.Errorf("the page has %d commands", ran)
	}
	h.MustRun(t, "", "-n", "payments-dev", "delete", "webapp", "--all", "--timeout="+eventually.String())
	h.MustRun(t, "", "delete", "rgd", "webapp")
}

// shownCommand is a command on a page, and what the page says that it prints.
type shownCommand struct{ command, output string }

// commandsOf are the commands in a page's console blocks.
func commandsOf(page string) []shownCommand {
	var commands []shownCommand
	inside := false
	for line := range strings.Lines(page) {
		command, isCommand := strings.CutPrefix(line, "$ ")
		switch {
		case strings.HasPrefix(line, "```"):
			inside = strings.HasPrefix(line, "```console")
		case inside && isCommand:
			commands = append(commands, shownCommand{command: strings.TrimSpace(command)})
		case inside:
			commands[len(commands)-1].output += line
		}
	}
	return commands
}

// programs is a folder with the programs under the names that a person calls them by.
func programs(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, target := range map[string]string{
		"kubectl": h.Binaries().Kubectl, "helm": helm, "kroguard": h.Binary(), "kubectl-kroguard": h.Binary(),
	} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// rolledOut does what the deployment controller and the endpoint slice controller do once the Pods are ready.
func rolledOut(t *testing.T) {
	t.Helper()
	deployment := &appsv1.Deployment{}
	if err := h.Client.Get(t.Context(), client.ObjectKey{Namespace: harness.Namespace, Name: "kroguard"}, deployment); err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Duration(deployment.Spec.MinReadySeconds) * time.Second)
	n := *deployment.Spec.Replicas
	deployment.Status = appsv1.DeploymentStatus{
		ObservedGeneration: deployment.Generation, Replicas: n, UpdatedReplicas: n, ReadyReplicas: n, AvailableReplicas: n,
	}
	if err := h.Client.Status().Update(t.Context(), deployment); err != nil {
		t.Fatal(err)
	}
	slice := &discoveryv1.EndpointSlice{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: harness.Namespace, Name: "kroguard-webhook", Labels: map[string]string{discoveryv1.LabelServiceName: "kroguard-webhook"},
		},
		AddressType: discoveryv1.AddressTypeIPv4,
		Endpoints:   []discoveryv1.Endpoint{{Addresses: []string{"10.1.0.1"}, Conditions: discoveryv1.EndpointConditions{Ready: ptr.To(true)}}},
		Ports:       []discoveryv1.EndpointPort{{Name: ptr.To("webhook"), Port: ptr.To(int32(9443)), Protocol: ptr.To(corev1.ProtocolTCP)}},
	}
	if err := client.IgnoreAlreadyExists(h.Client.Create(t.Context(), slice)); err != nil {
		t.Fatal(err)
	}
}
