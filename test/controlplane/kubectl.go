package controlplane

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// Kubectl runs kubectl as the administrator and returns its standard output. The error has what it
// wrote to its standard error output.
func (p *ControlPlane) Kubectl(ctx context.Context, args ...string) (string, error) {
	cmd := p.KubectlCommand(ctx, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return stdout.String(), fmt.Errorf("kubectl %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(stderr.String()))
	}
	return stdout.String(), nil
}

// KubectlCommand is the command of Kubectl, not started, for callers that feed its input or tell its
// outputs apart. The flag --kubeconfig with a path of KubeconfigFor makes it act as somebody else.
func (p *ControlPlane) KubectlCommand(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, p.binaries.Kubectl, args...)
	cmd.Env = append(os.Environ(),
		"KUBECONFIG="+p.KubeconfigPath(),
		// Discovery is cached by host and port, and another control plane may have had ours.
		"KUBECACHEDIR="+p.file("kubectl-cache"),
		// The developer's own kubectl preferences have no place in a test.
		"KUBERC=off",
	)
	return cmd
}
