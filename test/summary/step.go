package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"
)

// exitSkipped is the exit code by which a check says that it could not run here. It is that of Automake's test harness.
const exitSkipped = 77

// runStep runs a check, whose output is shown as it comes, and saves whether it passed.
func runStep(ctx context.Context, results, name string, command []string, out io.Writer) error {
	began := time.Now()
	fmt.Fprintf(out, "== %s\n", name)
	cmd := newCommand(ctx, command)
	cmd.Stdout, cmd.Stderr = out, os.Stderr
	err := cmd.Run()

	part := Part{Name: name, Took: time.Since(began)}
	word := "ok"
	exit := new(exec.ExitError)
	switch {
	case err == nil:
		part.Passed = 1
	case errors.As(err, &exit) && exit.ExitCode() == exitSkipped:
		part.Skipped = 1
		word = "skipped"
	default:
		part.Failed = 1
		part.Failures = []string{fmt.Sprintf("%s: %v", name, err)}
		word = "FAIL"
	}
	fmt.Fprintf(out, "%-4s %s in %s\n", word, name, round(part.Took))
	if err := part.save(results, time.Now()); err != nil {
		return err
	}
	if part.Failed > 0 {
		return errFailed
	}
	return nil
}
