// Package process runs one program under the reaper, so that it never outlives this process.
//
// It knows nothing of control planes: what the program is, when it is ready and where its log goes
// is the caller's business. See the reaper command for how the guarantee is kept.
package process

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// reaperSlack is what Stop allows the reaper beyond the program's grace, before it is killed too.
// It only passes where the machine is badly overloaded.
const reaperSlack = 10 * time.Second

// Command describes a program to run.
type Command struct {
	// Reaper is the path of the reaper.
	Reaper string
	// Path is the program, Args its arguments without the program's name.
	Path string
	Args []string
	// Env is the whole environment; nil means this process' own.
	Env []string
	// Dir is the working directory; empty means this process' own.
	Dir string
	// Log is the file that receives both outputs of the program. It is created or appended to.
	Log string
	// Grace is the time between SIGTERM and SIGKILL in Stop and when this process dies.
	Grace time.Duration
	// RemoveIfOrphaned is a folder that the reaper deletes when this process dies; empty for none.
	RemoveIfOrphaned string
}

// Process is a program that Start started. Its methods may be called from any goroutine.
type Process struct {
	pid   int
	grace time.Duration

	reaper *exec.Cmd
	owner  io.WriteCloser // the reaper watches the other end
	stop   sync.Once

	done chan struct{}
	err  error // why it ended; read only after done
}

// Start runs the program. The error says what the reaper could not do, for instance that there is
// no such program; whatever the program itself complains of is in its log.
func Start(c Command) (*Process, error) {
	log, err := os.OpenFile(c.Log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close() // the reaper has its own descriptor

	args := []string{"-grace", c.Grace.String(), "-remove-if-orphaned", c.RemoveIfOrphaned, "--", c.Path}
	cmd := exec.Command(c.Reaper, append(args, c.Args...)...) //nolint:noctx // it outlives the call; Stop ends it
	cmd.Env, cmd.Dir, cmd.Stderr = c.Env, c.Dir, log
	// Out of the terminal's foreground group: Ctrl-C is for us to handle, or to die of.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	owner, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	greeting, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the reaper: %w", err)
	}
	pid, err := readPID(greeting)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start %s: %w", c.Path, err), owner.Close(), cmd.Wait())
	}

	p := &Process{pid: pid, grace: c.Grace, reaper: cmd, owner: owner, done: make(chan struct{})}
	go func() {
		defer close(p.done)
		p.err = cmd.Wait()
	}()
	return p, nil
}

// readPID reads the reaper's first line.
func readPID(r io.Reader) (int, error) {
	line, err := bufio.NewReader(r).ReadString('\n')
	if err != nil {
		return 0, fmt.Errorf("the reaper said nothing: %w", err)
	}
	kind, text, _ := strings.Cut(strings.TrimSpace(line), " ")
	if kind != "pid" {
		return 0, errors.New(text)
	}
	return strconv.Atoi(text)
}

// PID is the program's process id. The program leads a process group of the same number.
func (p *Process) PID() int { return p.pid }

// Done is closed when the program is gone.
func (p *Process) Done() <-chan struct{} { return p.done }

// Err says how the program ended, nil for status 0. It may be called once Done is closed.
func (p *Process) Err() error { return p.err }

// Stop asks the program to end, kills it after its grace and returns when it is gone. Its exit
// status is not an error. Stopping a process that is gone does nothing.
func (p *Process) Stop() {
	p.stop.Do(func() {
		_, _ = p.owner.Write([]byte{'.'}) // fails if the reaper is gone, which is as well
		_ = p.owner.Close()
	})
	select {
	case <-p.done:
	case <-time.After(p.grace + reaperSlack):
		p.Kill()
	}
}

// Kill ends the program as a crash would, without a chance to clean up, and returns when it is gone.
func (p *Process) Kill() {
	select {
	case <-p.done: // the number may be somebody else's by now
		return
	default:
	}
	_ = syscall.Kill(-p.pid, syscall.SIGKILL)
	<-p.done
}

// Signal sends a signal to the program's process group. SIGSTOP and SIGCONT make a part hang and go
// on. It returns os.ErrProcessDone if the program is gone.
func (p *Process) Signal(s syscall.Signal) error {
	select {
	case <-p.done:
		return os.ErrProcessDone
	default:
		return syscall.Kill(-p.pid, s)
	}
}
