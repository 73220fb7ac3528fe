// Command demo shows kroguard's main job on a real control plane: a kube-apiserver, etcd and kro that it starts, and kroguard
// itself. Everything it prints after a "$" is a command that really ran and what it really answered; if an answer is not as
// shown in the text around it, the demo fails.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/go-logr/logr"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/kroguard/kroguard/test/controlplane"
	"github.com/kroguard/kroguard/test/e2e/harness"
)

func main() {
	keep := flag.Bool("keep", false, "stay up after the last scene, until Ctrl-C")
	flag.Usage = func() {
		fmt.Fprint(flag.CommandLine.Output(), `Shows kroguard at work on a real control plane that it starts on this machine.

  make demo           run all scenes, then stop
  make demo KEEP=1    stay up afterwards, to try more with kubectl

Flags:
`)
		flag.PrintDefaults()
	}
	flag.Parse()
	log.SetLogger(logr.Discard())
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Stdout, *keep); err != nil {
		if ctx.Err() != nil && errors.Is(err, context.Canceled) {
			err = errors.New("interrupted")
		}
		fmt.Fprintln(os.Stderr, "\ndemo failed:", err)
		os.Exit(1) //nolint:gocritic // the deferred stop only restores signal handling
	}
}

// run starts everything, plays the scenes and, with keep, waits for Ctrl-C.
func run(ctx context.Context, out *os.File, keep bool) (err error) {
	terminal := newTerminal(out)
	terminal.say("Starting kube-apiserver, etcd and kro (built from their Go modules on the first run, which takes minutes) ...")
	plane, err := controlplane.Start(ctx, controlplane.Options{})
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			fmt.Fprintln(os.Stderr, "\nlogs:", plane.KeepLogs())
		}
		err = errors.Join(err, plane.Stop())
	}()
	terminal.say("Starting kroguard ...")
	h, err := harness.New(ctx, plane)
	if err != nil {
		return err
	}
	kroguard, err := h.StartReadyKroguard(ctx, harness.KroguardOptions{Args: []string{"--catalog-auth", "none"}})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, kroguard.Terminate()) }()
	d := &demo{Harness: h, terminal: terminal, catalog: kroguard.CatalogURL()}
	for _, scene := range d.scenes() {
		terminal.heading(scene.title)
		if err := scene.play(ctx); err != nil {
			return fmt.Errorf("%s: %w\n\nThe end of kroguard's log:\n%s", scene.title, err, kroguard.LogTail())
		}
	}
	return d.goOn(ctx, keep)
}

// goOn says what to try next and, with keep, stays up until Ctrl-C.
func (d *demo) goOn(ctx context.Context, keep bool) error {
	d.terminal.heading("Go on")
	if !keep {
		d.terminal.say("All scenes were as shown. `make demo KEEP=1` leaves the control plane up, to try more with kubectl, and the catalog at\n" + d.catalog)
		return nil
	}
	d.terminal.say(fmt.Sprintf(`All scenes were as shown, and everything is still up. In another terminal:

  export KUBECONFIG=%s
  alias kubectl=%s
  kubectl get guardrails,projects,webapps -A
  kubectl -n payments-dev edit webapp shop      # set replicas to 50, or remove a label
  kubectl explain guardrail.spec

The catalog is at %s (its certificate is kroguard's own).

Ctrl-C here stops all of it.`, d.KubeconfigPath(), d.Binaries().Kubectl, d.catalog))
	if err := d.Wait(ctx); err != nil {
		return err
	}
	return nil
}
