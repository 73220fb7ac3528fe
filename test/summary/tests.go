package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// stopDelay is how long an interrupted command has to end what it started (a control plane, for one) before it is killed.
const stopDelay = 30 * time.Second

// newCommand prepares a command that an end of ctx interrupts, as Ctrl-C does, rather than kills.
func newCommand(ctx context.Context, command []string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGINT) }
	cmd.WaitDelay = stopDelay
	return cmd
}

// runTests runs a `go test -json` command, shows each package as it ends with the output of what failed in it, and saves the
// counts.
func runTests(ctx context.Context, results, name string, onPlane bool, command []string, out io.Writer) error {
	began := time.Now()
	fmt.Fprintf(out, "== %s\n", name)
	cmd := newCommand(ctx, command)
	cmd.Stderr = os.Stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	t := newTally()
	readErr := t.read(stdout, onPlane, out)
	waitErr := cmd.Wait()

	part := t.part(name, onPlane)
	part.Took = time.Since(began)
	if exit := new(exec.ExitError); readErr != nil || (waitErr != nil && (part.Failed == 0 || !errors.As(waitErr, &exit))) {
		part.Failed++
		part.Failures = append(part.Failures, fmt.Sprintf("%s: %v", strings.Join(command, " "), errors.Join(readErr, waitErr)))
	}
	fmt.Fprintf(out, "%s: %s in %s\n\n", name, part.Counts, round(part.Took))
	if err := part.save(results, time.Now()); err != nil {
		return err
	}
	if part.Failed > 0 {
		return errFailed
	}
	return nil
}

// read takes events until the stream ends and prints a line for each package with tests and, where each is true, for each
// top-level test, since those on a control plane take long.
func (t *tally) read(stream io.Reader, each bool, out io.Writer) error {
	lines := bufio.NewReader(stream)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			var e event
			if json.Unmarshal(line, &e) != nil {
				// Not an event: something that the go command itself says.
				fmt.Fprintf(out, "%s", line)
			} else {
				t.show(e, each, out)
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (t *tally) show(e event, each bool, out io.Writer) {
	ended := t.add(e)
	if each && e.Test != "" && !strings.Contains(e.Test, "/") && (e.Action == "pass" || e.Action == "fail" || e.Action == "skip") {
		fmt.Fprintf(out, "  %-4s %s (%.1fs)\n", e.Action, e.Test, e.Elapsed)
	}
	if !ended {
		return
	}
	p := t.packages[e.Package]
	counts, failed := p.result()
	if counts == (Counts{}) {
		return
	}
	status := "ok"
	if counts.Failed > 0 {
		status = "FAIL"
	}
	fmt.Fprintf(out, "%-4s %s: %s in %s\n", status, e.Package, counts, round(p.took))
	for _, test := range failed {
		t.showFailure(p, test, out)
	}
}

// showFailure prints what a failed test wrote, with what its parents wrote before, or the whole story of a package.
func (t *tally) showFailure(p *packageTally, test string, out io.Writer) {
	if build := t.builds[p.failedBuild]; build != nil {
		fmt.Fprint(out, build)
	}
	if text := p.output[test]; text != nil {
		fmt.Fprint(out, text)
	}
	if test != "" {
		// A process that died (a panic, a time-out) writes why to the package, not to the test.
		if own := p.output[""]; own != nil && p.tests[test] == "run" {
			fmt.Fprint(out, own)
		}
	}
}

// round shortens a duration for people.
func round(d time.Duration) time.Duration {
	if d < 10*time.Second {
		return d.Round(100 * time.Millisecond)
	}
	return d.Round(time.Second)
}
