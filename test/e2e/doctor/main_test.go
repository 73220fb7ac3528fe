// Package doctor tests kroguard doctor on the real API server: a healthy installation, and one thing broken at a time. And that the binary
// is a plugin of the real kubectl.
package doctor

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/kroguard/kroguard/test/controlplane"
	"github.com/kroguard/kroguard/test/e2e/harness"
)

// eventually is a wide margin over what kro and kroguard take.
const eventually = 60 * time.Second

//go:embed testdata/platform.yaml
var platform string

var (
	h *harness.Harness
	k *harness.Kroguard
)

func TestMain(m *testing.M) {
	os.Exit(harness.Main(m, controlplane.Options{}, func(started *harness.Harness) (err error) {
		h = started
		if k, err = h.StartReadyKroguard(context.Background(), harness.KroguardOptions{}); err != nil {
			return err
		}
		if err := h.Publish(context.Background(), platform, "shop"); err != nil {
			return err
		}
		_, err = h.Kubectl(context.Background(), "wait", "--for=condition=Ready", "--timeout=30s", "guardrails,projects", "--all")
		return err
	}))
}

// result is what kroguard doctor -o json says of a check.
type result struct {
	Check, Status, Summary string
	Findings               []struct{ Status, Message, Remedy string }
}

// examine runs kroguard doctor, and checks that the exit code follows from what it says.
func examine(t *testing.T, args ...string) map[string]result {
	t.Helper()
	out, code := run(t, append([]string{"-o", "json"}, args...)...)
	var list []result
	if err := json.Unmarshal([]byte(out), &list); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	results, problems := map[string]result{}, 0
	for _, one := range list {
		results[one.Check] = one
		if one.Status == "problem" {
			problems++
		}
	}
	if (problems > 0) != (code == 1) || code > 1 {
		t.Errorf("%d problems, exit code %d", problems, code)
	}
	return results
}

// run runs kroguard doctor and returns what it prints, and its exit code.
func run(t *testing.T, args ...string) (stdout string, code int) {
	t.Helper()
	cmd := h.KroguardCommand(t.Context(), append([]string{"doctor"}, args...)...)
	var errOut strings.Builder
	cmd.Stderr = &errOut
	out, err := cmd.Output()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("%v: %s", err, errOut.String())
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// differs fails the test where other checks than those of want have another status than in the healthy installation.
func differs(t *testing.T, got map[string]result, want map[string]string) {
	t.Helper()
	expected := healthy()
	for check, status := range want {
		expected[check] = status
	}
	for check, status := range expected {
		if got[check].Status != status {
			t.Errorf("check %s: %s, want %s: %+v", check, got[check].Status, status, got[check])
		}
	}
	if len(got) != len(expected) {
		t.Errorf("there are %d checks, want %d: %+v", len(got), len(expected), got)
	}
}

// says fails the test where a check has no finding with these parts of its message and its remedy.
func says(t *testing.T, got result, message, remedy string) {
	t.Helper()
	for _, finding := range got.Findings {
		if strings.Contains(finding.Message, message) && strings.Contains(finding.Remedy, remedy) {
			return
		}
	}
	t.Errorf("no finding says %q and %q: %+v", message, remedy, got)
}

// healthy are the statuses of an installation that has nothing wrong: this one has neither Pods nor Services.
func healthy() map[string]string {
	return map[string]string{
		"api-server": "ok", "clock": "ok", "kinds": "ok", "kro": "ok", "kro-version": "skipped", "webhook-configurations": "ok",
		"certificate": "ok", "replicas": "skipped", "webhook-call": "ok", "kroguard-rights": "ok", "own-rights": "ok",
		"projects": "ok", "guardrails": "ok", "exceptions": "ok",
	}
}
