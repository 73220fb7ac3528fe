// Command summary runs the parts of `make test` and `make verify`, keeps what came of each, and adds them up.
//
// A test run spans several Go modules and a dozen checks; each has its own idea of a result. summary gives them one: a part
// passes, fails or is skipped, one failure does not keep the next part from running, and the last line is a total that a
// machine can read. It uses nothing but the standard library, since it runs before anything else has been downloaded.
//
//	summary test   -name "unit tests" -results DIR -- go test -json ./...
//	summary step   -name gofmt -results DIR -- gofmt -l .
//	summary report -results DIR
//
// test and step exit with 1 where their part failed. report exits with 1 where any part failed or none ran.
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

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		if !errors.Is(err, errFailed) {
			fmt.Fprintln(os.Stderr, "summary:", err)
		}
		os.Exit(1)
	}
}

// errFailed says that a part failed, which has been reported already.
var errFailed = errors.New("failed")

// run is the whole command but for the process exit.
func run(ctx context.Context, args []string, out io.Writer) error {
	if len(args) == 0 {
		return errors.New("say what to do: test, step or report")
	}
	flags := flag.NewFlagSet("summary "+args[0], flag.ContinueOnError)
	results := flags.String("results", ".cache/results", "folder that keeps the results")
	name := flags.String("name", "", "name of the part, as the report shows it")
	onPlane := flags.Bool("real", false, "the tests run on a real control plane: name each of their packages in the report")
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}
	command := flags.Args()
	if args[0] != "report" && (*name == "" || len(command) == 0) {
		return fmt.Errorf("%s needs -name and a command", args[0])
	}
	switch args[0] {
	case "test":
		return runTests(ctx, *results, *name, *onPlane, command, out)
	case "step":
		return runStep(ctx, *results, *name, command, out)
	case "report":
		return report(*results, out)
	default:
		return fmt.Errorf("unknown command %q: use test, step or report", args[0])
	}
}
