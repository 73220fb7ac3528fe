// Command apiserver measures on a real control plane, which it starts, what admission adds to a request, and what kroguard needs
// of memory, processors and time to start.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/go-logr/logr"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/kroguard/kroguard/test/bench/apiserver"
	"github.com/kroguard/kroguard/test/bench/report"
)

func main() {
	options := apiserver.Options{Progress: os.Stderr}
	flag.IntVar(&options.Rounds, "rounds", 400, "requests of each kind whose time is taken, in turns")
	flag.IntVar(&options.Requests, "requests", 500, "requests of each kind over which processor time is taken")
	flag.IntVar(&options.Restarts, "restarts", 7, "how often kroguard is restarted")
	markdown := flag.Bool("markdown", false, "print the tables as Markdown")
	flag.Parse()
	log.SetLogger(logr.Discard())
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, options, *markdown); err != nil {
		fmt.Fprintln(os.Stderr, "bench-apiserver:", err)
		os.Exit(1) //nolint:gocritic // the deferred stop only restores signal handling
	}
}

func run(ctx context.Context, options apiserver.Options, markdown bool) error {
	tables, err := apiserver.Run(ctx, options)
	if err != nil {
		return err
	}
	fmt.Printf("\n%s\n\n", report.Machine())
	for _, table := range tables {
		write := table.Text
		if markdown {
			write = table.Markdown
		}
		if err := write(os.Stdout); err != nil {
			return err
		}
	}
	return nil
}
