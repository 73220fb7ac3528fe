package controlplane

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/kroguard/kroguard/test/controlplane/internal/process"
)

// Part names one program of a control plane.
type Part string

// The parts of a control plane.
const (
	Etcd      Part = "etcd"
	APIServer Part = "kube-apiserver"
	Kro       Part = "kro"
	// ControllerManager is there with Options.WithControllerManager.
	ControllerManager Part = "kube-controller-manager"
)

// Parts are the parts that there are by default, in the order they start.
func Parts() []Part { return []Part{Etcd, APIServer, Kro} }

// stopGrace is what a part gets between SIGTERM and SIGKILL. kro needs a few milliseconds; the API
// server and etcd would wait for clients to close their watches, which no test wants to wait for.
// Neither loses data that it has acknowledged.
const stopGrace = time.Second

// part is a program that can be started and stopped any number of times.
type part struct {
	name    Part
	command process.Command
	prepare func(context.Context) error // before each start; may be nil
	ready   func(context.Context) error // nil once it is ready

	mu       sync.Mutex
	process  *process.Process // nil before the first start
	expected chan struct{}    // closed when the process is meant to end
}

// StartPart starts a part that was stopped and waits until it is ready. It has the same port and the
// same data as before. It fails if the part is running already.
func (p *ControlPlane) StartPart(ctx context.Context, name Part) error {
	part, err := p.part(name)
	if err != nil {
		return err
	}
	if err := part.start(ctx, p.crashed); err != nil {
		return fmt.Errorf("%s: %w\n%s", name, err, tail(part.command.Log))
	}
	return nil
}

// StopPart asks a part to end, kills it after a second and returns when it is gone.
func (p *ControlPlane) StopPart(name Part) error {
	part, err := p.part(name)
	if err != nil {
		return err
	}
	part.stop()
	return nil
}

// KillPart ends a part as a crash would, and returns when it is gone.
func (p *ControlPlane) KillPart(name Part) error {
	part, err := p.part(name)
	if err != nil {
		return err
	}
	part.kill()
	return nil
}

// RestartPart stops a part, starts it again and waits until it is ready.
func (p *ControlPlane) RestartPart(ctx context.Context, name Part) error {
	if err := p.StopPart(name); err != nil {
		return err
	}
	return p.StartPart(ctx, name)
}

// SignalPart sends a signal to a part: SIGSTOP to have it hang, SIGCONT to have it go on.
func (p *ControlPlane) SignalPart(name Part, signal syscall.Signal) error {
	part, err := p.part(name)
	if err != nil {
		return err
	}
	running := part.running()
	if running == nil {
		return fmt.Errorf("%s: %w", name, os.ErrProcessDone)
	}
	return running.Signal(signal)
}

// PID is the process id of a part, 0 if it is not running.
func (p *ControlPlane) PID(name Part) int {
	part, err := p.part(name)
	if err != nil {
		return 0
	}
	if running := part.running(); running != nil {
		return running.PID()
	}
	return 0
}

func (p *ControlPlane) part(name Part) (*part, error) {
	i := slices.IndexFunc(p.parts, func(part *part) bool { return part.name == name })
	if i < 0 {
		return nil, fmt.Errorf("this control plane has no part %q: see Options.WithoutKro and Parts", name)
	}
	return p.parts[i], nil
}

func (t *part) start(ctx context.Context, crashed chan<- error) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.process != nil && !ended(t.process) {
		return errors.New("is running already")
	}
	if t.prepare != nil {
		if err := t.prepare(ctx); err != nil {
			return err
		}
	}
	running, err := process.Start(t.command)
	if err != nil {
		return err
	}
	expected := make(chan struct{})
	t.process, t.expected = running, expected
	if err := waitReady(ctx, running, t.ready); err != nil {
		close(expected)
		running.Stop()
		t.process = nil
		return err
	}
	go t.watch(running, expected, crashed)
	return nil
}

// watch reports a process that ends although nobody meant it to.
func (t *part) watch(running *process.Process, expected <-chan struct{}, crashed chan<- error) {
	<-running.Done()
	select {
	case <-expected:
		return
	default:
	}
	select {
	case crashed <- fmt.Errorf("%s ended by itself: %w; its log is %s", t.name, ending(running), t.command.Log):
	default: // nobody waits, and the first reports are enough
	}
}

func (t *part) stop() {
	t.end((*process.Process).Stop)
}

func (t *part) kill() {
	t.end((*process.Process).Kill)
}

func (t *part) end(how func(*process.Process)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.process == nil {
		return
	}
	close(t.expected)
	how(t.process)
	t.process = nil
}

// running is the part's process, nil if it has none.
func (t *part) running() *process.Process {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.process == nil || ended(t.process) {
		return nil
	}
	return t.process
}

func ended(p *process.Process) bool {
	select {
	case <-p.Done():
		return true
	default:
		return false
	}
}

// ending says how a process that is gone ended.
func ending(p *process.Process) error {
	if err := p.Err(); err != nil {
		return err
	}
	return errors.New("exit status 0")
}
