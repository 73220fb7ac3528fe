// Command controlplane builds and runs a Kubernetes control plane with kro on this machine.
//
// It is package controlplane for people and scripts; tests use the package.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

const usage = `controlplane builds and runs a Kubernetes control plane with kro: the real kube-apiserver, etcd and
kro controller, on free ports of this machine, without containers and without root.

Usage:
  controlplane build          compile what is not in the cache yet and print the paths
  controlplane assets         the same, and print a folder with the programs under their plain names
  controlplane tool NAME      compile another program that tests use, and print its path
  controlplane up [flags]     start a control plane that lasts until Ctrl-C (flags: controlplane up --help)

Examples:
  # Once after a checkout, and after a change of versions; takes some minutes.
  go run ./cmd/controlplane build

  # A cluster to play with. It prints the KUBECONFIG to use in another terminal.
  go run ./cmd/controlplane up

  # A script or an envtest suite that wants the programs.
  export KUBEBUILDER_ASSETS=$(go run ./cmd/controlplane assets)

Environment:
  KROGUARD_CONTROLPLANE_CACHE   the cache; by default .cache/controlplane in the repository
  KROGUARD_KUBERNETES           another version of Kubernetes that is pinned, as 1.37
  KROGUARD_KRO                  another version of kro that is pinned, as 0.9.3
  KUBEBUILDER_ASSETS            a folder whose kube-apiserver, etcd and kubectl are used as they are
`

const (
	exitFailure = 1
	exitUsage   = 2
)

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

func run(args []string, stdout, stderr io.Writer) int {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer cancel()

	err := dispatch(ctx, args, stdout, stderr)
	switch {
	case err == nil || errors.Is(err, flag.ErrHelp):
		return 0
	case errors.Is(err, errUsage):
		fmt.Fprintf(stderr, "%v\nRun `controlplane --help` for usage.\n", err)
		return exitUsage
	default:
		fmt.Fprintf(stderr, "controlplane: %v\n", err)
		return exitFailure
	}
}

// errUsage marks errors of the command line.
var errUsage = errors.New("controlplane: wrong usage")

func dispatch(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	if len(args) == 0 {
		return fmt.Errorf("%w: no command given", errUsage)
	}
	name, args := args[0], args[1:]
	switch name {
	case "help", "-h", "-help", "--help":
		_, err := io.WriteString(stdout, usage)
		return err
	case "build":
		return build(ctx, args, stdout, stderr)
	case "assets":
		return assets(ctx, args, stdout, stderr)
	case "tool":
		return tool(ctx, args, stdout, stderr)
	case "up":
		return up(ctx, args, stdout, stderr)
	default:
		return fmt.Errorf("%w: unknown command %q", errUsage, name)
	}
}

// parse parses the flags of a command that takes no other arguments. With --help it prints the
// flags to stdout and returns flag.ErrHelp.
func parse(flags *flag.FlagSet, args []string, stdout io.Writer) error {
	flags.SetOutput(io.Discard)
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprintf(stdout, "Flags of controlplane %s:\n", flags.Name())
		flags.SetOutput(stdout)
		flags.PrintDefaults()
		return err
	case err != nil:
		return fmt.Errorf("%w: %s: %w", errUsage, flags.Name(), err)
	case flags.NArg() > 0:
		return fmt.Errorf("%w: %s: unexpected argument %q", errUsage, flags.Name(), flags.Arg(0))
	}
	return nil
}
