package harness

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kroguard/kroguard/test/controlplane"
)

// Names of kroguard's own objects, as config/ has them.
const (
	Namespace      = "kroguard-system"
	ServiceAccount = "kroguard"
	User           = "system:serviceaccount:" + Namespace + ":" + ServiceAccount
)

// Harness is a control plane on which kroguard's kinds and permissions are installed.
type Harness struct {
	*controlplane.ControlPlane
	// Client acts as the administrator.
	Client client.Client

	binary     string
	kubeconfig string
}

// Bare builds the kroguard binary and installs nothing.
func Bare(ctx context.Context, plane *controlplane.ControlPlane) (*Harness, error) {
	h := &Harness{ControlPlane: plane, binary: filepath.Join(plane.Dir(), "kroguard")}
	if err := build(ctx, h.binary); err != nil {
		return nil, err
	}
	var err error
	h.Client, err = NewClient(plane.RESTConfig())
	return h, err
}

// New installs CRDs and permissions from config/ on the control plane and builds the kroguard binary.
func New(ctx context.Context, plane *controlplane.ControlPlane) (*Harness, error) {
	h, err := Bare(ctx, plane)
	if err != nil {
		return nil, err
	}
	root := repository()
	if _, err := plane.Kubectl(ctx, "create", "namespace", Namespace); err != nil {
		return nil, fmt.Errorf("creating kroguard's namespace: %w", err)
	}
	for _, base := range []string{"crd", "rbac"} {
		if _, err := plane.Kubectl(ctx, "apply", "--server-side", "-k", filepath.Join(root, "config", base)); err != nil {
			return nil, fmt.Errorf("applying config/%s: %w", base, err)
		}
	}
	if _, err := plane.Kubectl(ctx, "wait", "--for=condition=Established", "--timeout=30s", "crd",
		"projects.kroguard.io", "guardrails.kroguard.io", "guardrailexceptions.kroguard.io"); err != nil {
		return nil, fmt.Errorf("waiting for kroguard's kinds: %w", err)
	}
	if h.kubeconfig, err = plane.KubeconfigFor(User, "system:serviceaccounts", "system:serviceaccounts:"+Namespace); err != nil {
		return nil, fmt.Errorf("writing kroguard's kubeconfig: %w", err)
	}
	return h, nil
}

// Binary is the path of the kroguard binary.
func (h *Harness) Binary() string { return h.binary }

// build compiles the kroguard binary of this repository.
func build(ctx context.Context, output string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-o", output, "./cmd/kroguard")
	cmd.Dir = repository()
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("building kroguard: %w\n%s", err, strings.TrimSpace(string(out)))
	}
	return nil
}

// repository is the root of the checkout that this file is in.
func repository() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "..", "..", "..")
}

// File is the path of a file of the repository.
func File(elements ...string) string {
	return filepath.Join(append([]string{repository()}, elements...)...)
}
