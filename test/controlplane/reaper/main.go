// Command reaper runs a program and makes sure that the program ends with whoever started reaper.
//
// It exists because no defer, signal handler or testing cleanup runs when a test binary is killed
// with SIGKILL, runs into its timeout or panics in a goroutine, and a kube-apiserver left behind
// keeps its port and half a gigabyte of memory. The kernel does close the files of a dead process
// in every one of these cases, so the owner holds one end of a pipe and reaper reads the other:
//
//   - the owner writes a byte: an orderly stop was asked for;
//   - the pipe ends without one: the owner is gone.
//
// Either way reaper sends SIGTERM to the program's process group, SIGKILL after the grace, and
// exits with the program's status. Usage:
//
//	reaper [-grace 2s] [-remove-if-orphaned DIR] PROGRAM [ARGUMENT...]
//
// Standard output carries one line for the owner, "pid N" or "error TEXT"; the program's own
// standard output and error both go to reaper's standard error. Nothing but the standard library
// is imported: it builds in a second and can be built before anything else.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"syscall"
	"time"
)

const (
	// defaultGrace is long enough for etcd and kube-apiserver to close their files, and short
	// enough not to be felt at the end of a test.
	defaultGrace = 2 * time.Second

	// statusCannotRun is what shells use for a command that could not be executed.
	statusCannotRun = 126
	// statusUsage is what package flag uses.
	statusUsage = 2
	// statusSignalBase is added to the signal's number, as shells do.
	statusSignalBase = 128
)

func main() {
	os.Exit(run(os.Args[1:]))
}

type options struct {
	grace            time.Duration
	removeIfOrphaned string
	program          []string
}

func parse(args []string) (options, error) {
	var o options
	flags := flag.NewFlagSet("reaper", flag.ContinueOnError)
	flags.DurationVar(&o.grace, "grace", defaultGrace, "time between SIGTERM and SIGKILL")
	flags.StringVar(&o.removeIfOrphaned, "remove-if-orphaned", "",
		"folder to delete when the owner went away without asking for a stop")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if o.program = flags.Args(); len(o.program) == 0 {
		return o, errors.New("no program given")
	}
	return o, nil
}

func run(args []string) int {
	o, err := parse(args)
	if err != nil {
		fmt.Printf("error %v\n", err)
		return statusUsage
	}

	// A Ctrl-C or a hang-up of the terminal must not end reaper before the program.
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)

	// The parent-death signal belongs to the thread that starts the program: keep that thread.
	runtime.LockOSThread()
	cmd := exec.Command(o.program[0], o.program[1:]...) //nolint:noctx // ending it is what the rest of this file is about
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	cmd.SysProcAttr = childAttributes()
	if err := cmd.Start(); err != nil {
		fmt.Printf("error %v\n", err)
		return statusCannotRun
	}
	fmt.Printf("pid %d\n", cmd.Process.Pid)

	exited := make(chan struct{})
	go func() {
		defer close(exited)
		_ = cmd.Wait() // the status is read from cmd.ProcessState
	}()

	select {
	case <-exited:
	case <-signals:
		terminate(cmd.Process.Pid, o.grace, exited)
	case asked := <-owner(os.Stdin):
		terminate(cmd.Process.Pid, o.grace, exited)
		if !asked && o.removeIfOrphaned != "" {
			_ = os.RemoveAll(o.removeIfOrphaned) // nobody is left to be told
		}
	}
	// Members of the program's group may have outlived it, as compilers do when `go build` dies.
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	return status(cmd.ProcessState)
}

// owner sends true once the owner asks for a stop, false once it is gone.
func owner(r io.Reader) <-chan bool {
	c := make(chan bool, 1)
	go func() {
		n, _ := r.Read(make([]byte, 1))
		c <- n > 0
	}()
	return c
}

// terminate asks the process group that pid leads to end, and returns when the leader is gone.
func terminate(pid int, grace time.Duration, exited <-chan struct{}) {
	_ = syscall.Kill(-pid, syscall.SIGTERM) // it may have exited meanwhile
	select {
	case <-exited:
	case <-time.After(grace):
		_ = syscall.Kill(-pid, syscall.SIGKILL)
		<-exited
	}
}

func status(s *os.ProcessState) int {
	if w, ok := s.Sys().(syscall.WaitStatus); ok && w.Signaled() {
		return statusSignalBase + int(w.Signal())
	}
	return s.ExitCode()
}
