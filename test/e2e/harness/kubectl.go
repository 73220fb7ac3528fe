package harness

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// Answer is what kubectl said: both streams, as a person sees them, and whether it succeeded.
type Answer struct {
	Text string
	OK   bool
}

// Run runs kubectl with a manifest on its standard input ("" for none) and returns its answer. An error means that kubectl
// could not run at all.
func (h *Harness) Run(ctx context.Context, stdin string, args ...string) (Answer, error) {
	cmd := h.KubectlCommand(ctx, args...)
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return Answer{}, fmt.Errorf("kubectl %s: %w", strings.Join(args, " "), err)
	}
	return Answer{Text: string(out), OK: err == nil}, nil
}

// KroguardCommand is a kroguard command line for the cluster, as its administrator.
func (h *Harness) KroguardCommand(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, h.binary, args...)
	cmd.Env = append(os.Environ(), "KUBECONFIG="+h.KubeconfigPath())
	cmd.Dir = repository()
	return cmd
}

// MustRun is Run for a command that must succeed.
func (h *Harness) MustRun(tb testing.TB, stdin string, args ...string) string {
	tb.Helper()
	answer, err := h.Run(tb.Context(), stdin, args...)
	if err != nil {
		tb.Fatal(err)
	}
	if !answer.OK {
		tb.Fatalf("kubectl %s: %s", strings.Join(args, " "), answer.Text)
	}
	return answer.Text
}

// MustRefuse is Run for a command that must fail; it returns what kubectl said.
func (h *Harness) MustRefuse(tb testing.TB, stdin string, args ...string) string {
	tb.Helper()
	answer, err := h.Run(tb.Context(), stdin, args...)
	if err != nil {
		tb.Fatal(err)
	}
	if answer.OK {
		tb.Fatalf("kubectl %s succeeded and was to be refused: %s", strings.Join(args, " "), answer.Text)
	}
	return answer.Text
}

// kroTimeout is how long kro may take to serve the kind of a new RGD. It takes one or two seconds.
const kroTimeout = 60 * time.Second

// Publish applies manifests and waits until the named RGDs are ready: kro serves their kinds.
func (h *Harness) Publish(ctx context.Context, manifests string, rgds ...string) error {
	answer, err := h.Run(ctx, manifests, "apply", "--server-side", "-f", "-")
	if err != nil {
		return err
	}
	if !answer.OK {
		return fmt.Errorf("applying manifests: %s", answer.Text)
	}
	for _, rgd := range rgds {
		answer, err := h.Run(ctx, "", "wait", "--for=condition=Ready", "--timeout="+kroTimeout.String(), "rgd/"+rgd)
		if err != nil {
			return err
		}
		if !answer.OK {
			return fmt.Errorf("waiting for RGD %s: %s", rgd, answer.Text)
		}
	}
	return nil
}
