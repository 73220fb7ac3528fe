package controlplane

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"

	"k8s.io/client-go/rest"

	"github.com/kroguard/kroguard/test/controlplane/binaries"
	"github.com/kroguard/kroguard/test/controlplane/internal/ports"
)

// ControlPlane is a running control plane. Its methods may be called from any goroutine, those that
// start and stop the same part one after the other.
type ControlPlane struct {
	options  Options
	binaries binaries.Paths
	// controllerManagerPath is empty without Options.WithControllerManager.
	controllerManagerPath string

	dir         string // temporary, removed by Stop
	logDir      string
	credentials *credentials
	admin       *rest.Config
	reserved    []*ports.Port
	etcdPort    *ports.Port
	apiPort     *ports.Port

	parts    []*part // in the order they start
	crashed  chan error
	keepLogs atomic.Bool
}

// Start builds what is missing (see binaries.Ensure), starts all parts and returns when they are
// ready: the API server answers /readyz and has its default namespace, kro's CRDs are Established and
// its controllers work. If it fails or ctx ends, everything is stopped, and the error ends with the last
// lines of the log of the part that failed. ctx only bounds the start: call Stop in the end.
func Start(ctx context.Context, o Options) (*ControlPlane, error) {
	o.Binaries.WithoutKro = o.WithoutKro
	paths, err := binaries.Ensure(ctx, o.Binaries)
	if err != nil {
		return nil, err
	}
	p := &ControlPlane{
		options:  o,
		binaries: paths,
		crashed:  make(chan error, len(Parts())+1),
	}
	if o.WithControllerManager {
		if p.controllerManagerPath, err = binaries.EnsureTool(ctx, o.Binaries, binaries.ControllerManager); err != nil {
			return nil, err
		}
	}
	if err := p.start(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("start the control plane: %w", err), p.Stop())
	}
	return p, nil
}

func (p *ControlPlane) start(ctx context.Context) error {
	if err := p.createDirs(); err != nil {
		return err
	}
	if err := p.createAccess(); err != nil {
		return err
	}
	steps := []func() (*part, error){p.etcd, p.apiServer}
	if !p.options.WithoutKro {
		steps = append(steps, p.kro)
	}
	if p.controllerManagerPath != "" {
		steps = append(steps, p.controllerManager)
	}
	for _, newPart := range steps {
		part, err := newPart()
		if err != nil {
			return err
		}
		p.parts = append(p.parts, part)
	}
	for _, part := range p.parts {
		if err := p.StartPart(ctx, part.name); err != nil {
			if ctx.Err() == nil { // else nobody wants to know why
				p.keepLogs.Store(true)
			}
			return err
		}
	}
	return nil
}

func (p *ControlPlane) createDirs() error {
	var err error
	if p.dir, err = os.MkdirTemp("", "kroguard-controlplane-"); err != nil {
		return err
	}
	p.logDir = filepath.Join(p.dir, "logs")
	if p.options.LogDir != "" {
		if p.logDir, err = filepath.Abs(p.options.LogDir); err != nil {
			return err
		}
	}
	return os.MkdirAll(p.logDir, 0o700)
}

// reservePort reserves a port until Stop.
func (p *ControlPlane) reservePort() (*ports.Port, error) {
	port, err := ports.Reserve()
	if err == nil {
		p.reserved = append(p.reserved, port)
	}
	return port, err
}

// Stop ends all parts and deletes the temporary folder, but for the logs if KeepLogs was called. It may
// be called more than once. No part is given time to say goodbye: all that it knows is deleted next.
func (p *ControlPlane) Stop() error {
	for i := len(p.parts) - 1; i >= 0; i-- {
		p.parts[i].kill()
	}
	for _, port := range p.reserved {
		port.Release()
	}
	p.reserved = nil
	if p.dir == "" {
		return nil
	}
	if p.keepLogs.Load() && p.options.LogDir == "" {
		return removeAllBut(p.dir, filepath.Base(p.logDir))
	}
	return os.RemoveAll(p.dir)
}

func removeAllBut(dir, kept string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if entry.Name() == kept {
			continue
		}
		if err := os.RemoveAll(filepath.Join(dir, entry.Name())); err != nil {
			return err
		}
	}
	return nil
}

// Wait returns nil when ctx ends, or an error as soon as a part ends that nobody stopped.
func (p *ControlPlane) Wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case err := <-p.crashed:
		return err
	}
}

// Binaries says which programs are running.
func (p *ControlPlane) Binaries() binaries.Paths { return p.binaries }

// Dir is a temporary folder that Stop deletes. Callers may put files there.
func (p *ControlPlane) Dir() string { return p.dir }

// file is a path in the temporary folder.
func (p *ControlPlane) file(name string) string { return filepath.Join(p.dir, name) }
