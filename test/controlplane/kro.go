package controlplane

import (
	"bytes"
	"context"
	"fmt"
	"net/http"

	"github.com/kroguard/kroguard/test/controlplane/internal/process"
)

// kro's own names, those of its chart. Admission sees KroUser as the author of what kro does.
const (
	KroNamespace      = "kro-system"
	KroServiceAccount = "kro"
	KroUser           = "system:serviceaccount:" + KroNamespace + ":" + KroServiceAccount
)

// kro describes kro's controller, as its chart would run it.
func (p *ControlPlane) kro() (*part, error) {
	health, err := p.reservePort()
	if err != nil {
		return nil, err
	}
	metrics, err := p.reservePort()
	if err != nil {
		return nil, err
	}
	// A service account is nobody but this user in these groups, however it proves that. A
	// certificate does not expire in the middle of a debugging session as a token does.
	kubeconfig, err := p.KubeconfigFor(KroUser, "system:serviceaccounts", "system:serviceaccounts:"+KroNamespace)
	if err != nil {
		return nil, err
	}
	args := []string{
		"--health-probe-bind-address=" + health.Address(),
		"--metrics-bind-address=" + metrics.Address(),
		"--leader-elect=false",
		"--graceful-shutdown-timeout=1s", // stopGrace would end the default of a minute anyhow
		"--zap-devel=false",
		"--zap-encoder=console",
		"--zap-time-encoding=rfc3339nano",
	}
	installed := false
	var log logScan
	return &part{
		name: Kro,
		command: process.Command{
			Reaper: p.binaries.Reaper,
			Path:   p.binaries.Kro,
			Args:   append(args, p.options.KroArgs...),
			Env:    append(p.environment(), "KUBECONFIG="+kubeconfig),
			Dir:    p.dir,
			Log:    p.LogPath(Kro),
			Grace:  stopGrace,
		},
		prepare: func(ctx context.Context) error {
			log = scanFromEnd(p.LogPath(Kro))
			if installed {
				return nil // a webhook under test may refuse everything by now
			}
			if err := p.installKro(ctx); err != nil {
				return fmt.Errorf("install: %w", err)
			}
			installed = true
			return nil
		},
		ready: func(ctx context.Context) error {
			if err := getOK(ctx, http.DefaultClient, "http://"+health.Address()+"/readyz"); err != nil {
				return err
			}
			return kroWorks(log)
		},
	}, nil
}

// kroWorks looks for the line that each controller logs once its caches are synced. kro's /readyz
// answers before that, and its metrics do not tell.
func kroWorks(log logScan) error {
	text, err := log.read()
	if err != nil {
		return err
	}
	for _, controller := range []string{"resourcegraphdefinition", "graphrevision"} {
		found := false
		for line := range bytes.Lines(text) {
			if bytes.Contains(bytes.ToLower(line), []byte(controller)) && bytes.Contains(line, []byte("Starting workers")) {
				found = true
				break
			}
		}
		if !found {
			return fmt.Errorf("the controller %s did not log that it starts workers", controller)
		}
	}
	return nil
}
