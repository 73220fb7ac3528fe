package controlplane

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"testing"
)

// exitInterrupted is what shells report for a program that Ctrl-C ended.
const exitInterrupted = 128 + int(syscall.SIGINT)

// Main is the body of a TestMain: it starts a control plane, hands it to use, runs the tests and stops
// it. The result is for os.Exit. If a test fails, or use does, the ends of the logs are printed and the
// logs kept. Ctrl-C stops the control plane, too.
//
// What the tests share belongs into use: it runs once, before any test.
func Main(m *testing.M, o Options, use func(*ControlPlane) error) int {
	// cancel is not deferred: a panic in use should print itself and end the process, not race with
	// what follows an interruption.
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	p, err := Start(ctx, o)
	if err != nil {
		cancel()
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	ran := make(chan struct{})
	var watching sync.WaitGroup
	watching.Go(func() {
		select {
		case <-ran:
		case <-ctx.Done():
			stopAndReport(p)
			os.Exit(exitInterrupted)
		}
	})

	code := 1
	if err := use(p); err != nil {
		fmt.Fprintf(os.Stderr, "prepare the tests: %v\n", err)
	} else {
		code = m.Run()
	}
	close(ran)
	watching.Wait()
	cancel()
	if code != 0 {
		fmt.Fprintf(os.Stderr, "%s\nThe logs are kept in %s\n", p.LogTails(), p.KeepLogs())
	}
	stopAndReport(p)
	return code
}

// stopAndReport is for where nobody is left to return an error to.
func stopAndReport(p *ControlPlane) {
	if err := p.Stop(); err != nil {
		fmt.Fprintf(os.Stderr, "stop the control plane: %v\n", err)
	}
}

// StartForTest starts a control plane for one test, or benchmark, and stops it at its end. It ends
// the test if that fails. If the test fails, the ends of the logs are printed and the logs kept.
func StartForTest(tb testing.TB, o Options) *ControlPlane {
	tb.Helper()
	p, err := Start(tb.Context(), o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if tb.Failed() {
			tb.Logf("%s\nThe logs are kept in %s", p.LogTails(), p.KeepLogs())
		}
		if err := p.Stop(); err != nil {
			tb.Errorf("stop the control plane: %v", err)
		}
	})
	return p
}
