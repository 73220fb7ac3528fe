package controlplane

import (
	"context"
	"crypto/tls"
	"net/http"
	"strconv"

	"github.com/kroguard/kroguard/test/controlplane/internal/process"
)

// controllerManagerUser has the permissions that the API server itself gives to the kube-controller-manager.
const controllerManagerUser = "system:kube-controller-manager"

// controllerManager describes a kube-controller-manager. Each of its controllers acts as a service account of its own, as in production.
func (p *ControlPlane) controllerManager() (*part, error) {
	port, err := p.reservePort()
	if err != nil {
		return nil, err
	}
	kubeconfig, err := p.KubeconfigFor(controllerManagerUser)
	if err != nil {
		return nil, err
	}
	args := []string{
		"--kubeconfig=" + kubeconfig,
		"--authentication-kubeconfig=" + kubeconfig,
		"--authorization-kubeconfig=" + kubeconfig,
		"--bind-address=127.0.0.1",
		"--secure-port=" + strconv.Itoa(port.Number),
		"--cert-dir=" + p.dir,
		"--leader-elect=false",
		"--use-service-account-credentials=true",
		"--service-account-private-key-file=" + p.file("service-account.key"),
		"--root-ca-file=" + p.file("ca.crt"),
		"--controllers=garbage-collector-controller,namespace-controller,serviceaccount-controller",
	}
	// The certificate is one that it makes for itself.
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}} //nolint:gosec // as said
	return &part{
		name: ControllerManager,
		command: process.Command{
			Reaper: p.binaries.Reaper,
			Path:   p.controllerManagerPath,
			Args:   args,
			Env:    p.environment(),
			Dir:    p.dir,
			Log:    p.LogPath(ControllerManager),
			Grace:  stopGrace,
		},
		ready: func(ctx context.Context) error {
			return getOK(ctx, client, "https://"+port.Address()+"/healthz")
		},
	}, nil
}
