// Command bench compares kroguard's engine with Gatekeeper's, with ValidatingAdmissionPolicies' and with a webhook that does
// nothing, in one process and in turns, and prints what a review costs each of them.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/go-logr/logr"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/kroguard/kroguard/test/bench/measure"
	"github.com/kroguard/kroguard/test/bench/report"
	"github.com/kroguard/kroguard/test/bench/scenario"
)

// options are the flags.
type options struct {
	measure  measure.Options
	sizes    []int
	sets     *regexp.Regexp
	json     string
	markdown bool
}

func main() {
	opts, err := parse(os.Args[1:])
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err == nil {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		defer stop()
		err = run(ctx, opts)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1) //nolint:gocritic // the deferred stop only restores signal handling
	}
}

func parse(args []string) (*options, error) {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	opts := &options{}
	flags.IntVar(&opts.measure.Rounds, "rounds", 15, "how often each engine gets its turn")
	flags.DurationVar(&opts.measure.Turn, "turn", 100*time.Millisecond, "how long a turn takes at least")
	sizes := flags.String("n", "10,50,100,500", "numbers of guardrails that match")
	pattern := flags.String("sets", "", "`regular expression` of the sets to measure; default: all")
	flags.StringVar(&opts.json, "json", "", "`file` for the results as JSON")
	flags.BoolVar(&opts.markdown, "markdown", false, "print the tables as Markdown")
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	if opts.measure.Rounds < 1 {
		return nil, errors.New("-rounds must be at least 1")
	}
	for size := range strings.SplitSeq(*sizes, ",") {
		n, err := strconv.Atoi(size)
		if err != nil || n < 1 {
			return nil, fmt.Errorf("-n: %q is no number of guardrails", size)
		}
		opts.sizes = append(opts.sizes, n)
	}
	var err error
	opts.sets, err = regexp.Compile(*pattern)
	return opts, err
}

func run(ctx context.Context, opts *options) error {
	// One processor, so that the garbage collector's work counts, and nobody's goroutines hide it.
	runtime.GOMAXPROCS(1)
	log.SetLogger(logr.Discard())
	all, err := scenario.All(opts.sizes)
	if err != nil {
		return err
	}
	results := &report.Results{}
	for i := range all {
		s := &all[i]
		if !opts.sets.MatchString(s.Set) {
			continue
		}
		if ctx.Err() != nil {
			return errors.New("interrupted")
		}
		fmt.Fprintf(os.Stderr, "%-24s %4s ... ", s.Set, size(s))
		started := time.Now()
		compared, err := compare(ctx, s, opts.measure)
		if err != nil {
			return fmt.Errorf("%s with %d guardrails: %w", s.Set, s.N, err)
		}
		results.Add(s.Set, compared)
		fmt.Fprintf(os.Stderr, "%.1fs\n", time.Since(started).Seconds())
	}
	if opts.json != "" {
		if err := results.WriteJSON(opts.json); err != nil {
			return err
		}
	}
	fmt.Printf("\n%s\n\n", report.Machine())
	for _, table := range []*report.Table{results.Targets(), results.Table()} {
		write := table.Text
		if opts.markdown {
			write = table.Markdown
		}
		if err := write(os.Stdout); err != nil {
			return err
		}
	}
	return nil
}

func size(s *scenario.Scenario) string {
	if s.N == 0 {
		return ""
	}
	return strconv.Itoa(s.N)
}

// compare forgets the engines when they are measured, so that what they keep is no burden on those that follow.
func compare(ctx context.Context, s *scenario.Scenario, opts measure.Options) ([]measure.Result, error) {
	list, err := s.Build(ctx)
	if err != nil {
		return nil, err
	}
	return measure.Compare(ctx, list, opts)
}
