// Package cli is the composition root: the kroguard command and its subcommands. Each subcommand has an options struct whose
// Complete names the bad flag; everything that a subcommand needs is built here and passed down.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"
)

// Exit codes.
const (
	exitOK      = 0
	exitFailure = 1
	exitUsage   = 2
)

// usageError is an error of the command line itself: wrong flag, wrong argument.
type usageError struct{ error }

// Main runs the command line and returns the process's exit code: 0 for success, 1 for failure, 2 for a wrong command line.
func (b Build) Main(args []string, in io.Reader, out, errOut io.Writer) int {
	root := newRoot(b)
	root.SetArgs(b.arguments(args))
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(errOut)
	err := root.ExecuteContext(context.Background())
	if err == nil {
		return exitOK
	}
	fmt.Fprintln(errOut, "kroguard:", err)
	var usage usageError
	if errors.As(err, &usage) {
		return exitUsage
	}
	return exitFailure
}

func newRoot(build Build) *cobra.Command {
	root := &cobra.Command{
		Use:   "kroguard",
		Short: "Admission webhooks and policy engine for kro",
		Long: `kroguard holds the line at the API server for a kro platform: it injects project defaults,
labels for cost and ownership, and judges instances by guardrails in CEL and Rego.`,
		Example: `  # Serve the webhooks in a cluster
  kroguard serve

  # Serve them from this machine for a cluster that reaches it as localhost
  kroguard serve --kubeconfig ~/.kube/config --webhook-url https://localhost:9443

  # List what may be created in a namespace
  kroguard catalog -n payments-dev

  # Show what an instance would become, and whether it would be let in
  kroguard plan -f shop.yaml -c platform/

  # Run suites of Gatekeeper's policies
  kroguard test ./policies/...

  # Measure what guardrails cost
  kroguard bench -f platform/ --objects instances/

  # Check an installation
  kroguard doctor

  # Complete commands and flags in this shell
  source <(kroguard completion bash)`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          noCommand,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usageError{fmt.Errorf("%w; see '%s --help'", err, cmd.CommandPath())}
	})
	root.AddCommand(newServe(), newCatalog(), newPlan(), newTest(), newBench(), newDoctor(), newVersion(build))
	if build.base() == pluginName {
		asPlugin(root)
	}
	return root
}

// noCommand refuses an argument of the root command: it was to be a subcommand.
func noCommand(cmd *cobra.Command, args []string) error {
	if err := cobra.NoArgs(cmd, args); err != nil {
		return usageError{fmt.Errorf("%w; see '%s --help'", err, cmd.CommandPath())}
	}
	return nil
}
