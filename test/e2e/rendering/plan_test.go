package rendering

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// planned is what kroguard plan says of an instance in the cluster.
func planned(t *testing.T, instance string, args ...string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "instance.yaml")
	if err := os.WriteFile(file, []byte(instance), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := h.KroguardCommand(t.Context(), append([]string{"plan", "-f", file}, args...)...)
	out, err := cmd.CombinedOutput()
	if len(out) == 0 {
		t.Fatal(err)
	}
	return string(out)
}

func TestPlansInAClusterSayWhatTheAPIServerSays(t *testing.T) {
	guard(t, strings.ReplaceAll(noLatest, "guarded*", "planned*"))
	bad := site("planned", "{image: 'nginx:latest', copies: []}")
	text := planned(t, bad)
	answer := h.MustRefuse(t, bad, "apply", "-f", "-")
	_, message, _ := strings.Cut(answer, "denied the request: ")
	if message = strings.TrimSpace(message); !strings.Contains(text, "It would be refused: "+message) {
		t.Errorf("the API server says %q, the plan:\n%s", message, text)
	}
	for _, part := range []string{"Site rendering/planned: offering site", "├─ service  v1 Service rendering/planned  Resolved", `.data.ip waits for "service"`} {
		if !strings.Contains(text, part) {
			t.Errorf("the plan lacks %q:\n%s", part, text)
		}
	}

	// What is there is changed, as kubectl apply would.
	h.MustRun(t, site("planned", "{image: 'nginx:1.27', copies: []}"), "apply", "-f", "-")
	t.Cleanup(func() {
		_, _ = h.Run(context.Background(), "", "delete", "site", "planned", "-n", "rendering", "--wait=false")
	})
	if text := planned(t, site("planned", "{image: 'nginx:1.28', copies: []}")); !strings.Contains(text, "It would be admitted.") {
		t.Errorf("got %s", text)
	}
	if text := planned(t, bad); !strings.Contains(text, "guardrail no-latest: Deployment/planned (node deployment)") {
		t.Errorf("got %s", text)
	}
}

func TestAPolicyOfTheClusterIsPartOfAPlanWhereItIsAsked(t *testing.T) {
	apply(t, policyOnDeployments)
	instance := site("unpoliced", "{image: 'docker.io/nginx:1.27', copies: []}")
	if text := planned(t, instance); !strings.Contains(text, "It would be admitted.") {
		t.Errorf("got %s", text)
	}
	text := planned(t, instance, "--policy-source", "ValidatingAdmissionPolicy")
	if want := "ValidatingAdmissionPolicy registries/registries: Deployment/unpoliced (node deployment): images are from registry.example.com/"; !strings.Contains(text, want) {
		t.Errorf("the plan lacks %q:\n%s", want, text)
	}
}
