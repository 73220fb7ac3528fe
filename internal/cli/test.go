package cli

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kroguard/kroguard/policies/cel"
	"github.com/kroguard/kroguard/policies/gatekeeper/suite"
)

// outputJUnit is the format of continuous integration.
const outputJUnit = "junit"

// testOptions are the flags of kroguard test.
type testOptions struct {
	run     string
	output  string
	verbose bool

	only suite.Filter
}

func (o *testOptions) addFlags(flags *pflag.FlagSet) {
	flags.StringVar(&o.run, "run", "", "run only tests and cases whose name matches the `regexp`; test//case are two, of which both must match")
	flags.StringVarP(&o.output, "output", "o", outputText, "text, json or junit")
	flags.BoolVarP(&o.verbose, "verbose", "v", false, "show each case, and what the policy found")
}

// Complete returns every flag that is wrong.
func (o *testOptions) Complete() error {
	var errs []error
	if o.output != outputText && o.output != outputJSON && o.output != outputJUnit {
		errs = append(errs, fmt.Errorf("--output: %q is none of text, json, junit", o.output))
	}
	var err error
	if o.only, err = suite.ParseFilter(o.run); err != nil {
		errs = append(errs, fmt.Errorf("--run: %w", err))
	}
	return errors.Join(errs...)
}

func newTest() *cobra.Command {
	options := new(testOptions)
	cmd := &cobra.Command{
		Use:   "test PATH...",
		Short: "Run test suites of Gatekeeper's policies",
		Long: `Runs suites in Gatekeeper's format (kind Suite of test.gatekeeper.sh), as gator verify does, on the engine
that judges instances and what they expand into: ConstraintTemplates in Rego and CEL, constraints,
objects and AdmissionReviews, inventories and assertions.

A path is a suite, a folder with suites, or a folder with "/..." behind it for all below. Files that are
no suites are passed by. The exit code is 1 where a test fails.`,
		Example: `  # All suites of a policy library
  kroguard test ./policies/...

  # One test of one suite, with what the policy says
  kroguard test ./policies/allowedrepos/suite.yaml --run '^allowed-repos$//latest' -v

  # For continuous integration
  kroguard test ./policies/... -o junit > report.xml`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usageError{fmt.Errorf("name a suite, or a folder with suites; see '%s --help'", cmd.CommandPath())}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := options.Complete(); err != nil {
				return usageError{err}
			}
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt)
			defer stop()
			results, err := runSuites(ctx, options, args, cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			if err := options.print(cmd.OutOrStdout(), results); err != nil {
				return err
			}
			return failures(results)
		},
	}
	options.addFlags(cmd.Flags())
	return cmd
}

func runSuites(ctx context.Context, options *testOptions, paths []string, errOut io.Writer) ([]*suite.Result, error) {
	var suites []*suite.Suite
	for _, path := range paths {
		found, err := suite.Find(path)
		if err != nil {
			return nil, err
		}
		if len(found) == 0 {
			return nil, fmt.Errorf("%s: there is no suite (kind %s of %s); write %s/... for folders below", path, suite.Kind, suite.Group, path)
		}
		suites = append(suites, found...)
	}
	driver, err := cel.New()
	if err != nil {
		return nil, fmt.Errorf("setting up CEL: %w", err)
	}
	compiler, err := newTemplates(driver)
	if err != nil {
		return nil, err
	}
	runner := &suite.Runner{Compiler: compiler, Only: options.only}
	progress, finish := progressOn(errOut, len(suites))
	defer finish()
	var results []*suite.Result
	for i, one := range suites {
		if progress != nil {
			progress(i, one.Path)
		}
		result, err := runner.Run(ctx, one)
		if err != nil {
			return nil, err
		}
		results = append(results, result)
	}
	return results, nil
}

// tally counts cases; a test without any, as of an invalid constraint, counts as one.
type tally struct{ passed, failed, skipped int }

func tallyOf(results []*suite.Result) tally {
	var t tally
	count := func(skipped bool, err string) {
		switch {
		case skipped:
			t.skipped++
		case err != "":
			t.failed++
		default:
			t.passed++
		}
	}
	for _, result := range results {
		for i := range result.Tests {
			test := &result.Tests[i]
			if len(test.Cases) == 0 {
				count(test.Skipped, test.Error)
			}
			for j := range test.Cases {
				count(test.Cases[j].Skipped, test.Cases[j].Error)
			}
		}
	}
	return t
}

func failures(results []*suite.Result) error {
	if t := tallyOf(results); t.failed > 0 {
		return fmt.Errorf("%d of %d cases failed", t.failed, t.failed+t.passed)
	}
	return nil
}

func (o *testOptions) print(out io.Writer, results []*suite.Result) error {
	switch o.output {
	case outputJSON:
		encoder := json.NewEncoder(out)
		encoder.SetIndent("", "  ")
		encoder.SetEscapeHTML(false)
		return encoder.Encode(map[string]any{"items": results})
	case outputJUnit:
		return printJUnit(out, results)
	}
	for _, result := range results {
		o.printSuite(out, result, isTerminal(out))
	}
	t := tallyOf(results)
	_, err := fmt.Fprintf(out, "%d passed, %d failed, %d skipped\n", t.passed, t.failed, t.skipped)
	return err
}

func (o *testOptions) printSuite(out io.Writer, result *suite.Result, colored bool) {
	mark := func(skipped bool, err string) string {
		word, color := "ok  ", "32"
		switch {
		case skipped:
			word, color = "skip", "33"
		case err != "":
			word, color = "FAIL", "31"
		}
		if !colored {
			return word
		}
		return "\033[" + color + "m" + word + "\033[0m"
	}
	summary := ""
	if result.Failed() {
		summary = "failed"
	}
	fmt.Fprintf(out, "%s %s (%s)\n", mark(result.Skipped, summary), result.Path, result.Took.Round(time.Millisecond))
	for i := range result.Tests {
		test := &result.Tests[i]
		if test.Error != "" || o.verbose {
			fmt.Fprintf(out, "  %s %s\n", mark(test.Skipped, test.Error), test.Name)
		}
		if test.Error != "" {
			fmt.Fprintf(out, "       %s\n", test.Error)
		}
		for j := range test.Cases {
			c := &test.Cases[j]
			if c.Error == "" && !o.verbose {
				continue
			}
			fmt.Fprintf(out, "    %s %s: %s\n", mark(c.Skipped, c.Error), test.Name, c.Name)
			if c.Error != "" {
				fmt.Fprintf(out, "         %s\n", c.Error)
			}
			if o.verbose {
				for _, message := range c.Violations {
					fmt.Fprintf(out, "         - %s\n", message)
				}
			}
		}
	}
}

// junit is the format's root.
type junit struct {
	XMLName xml.Name     `xml:"testsuites"`
	Suites  []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Skipped  int         `xml:"skipped,attr"`
	Time     string      `xml:"time,attr"`
	Cases    []junitCase `xml:"testcase"`
}

type junitCase struct {
	Class   string        `xml:"classname,attr"`
	Name    string        `xml:"name,attr"`
	Time    string        `xml:"time,attr"`
	Failure *junitFailure `xml:"failure"`
	Skipped *struct{}     `xml:"skipped"`
}

type junitFailure struct {
	Message string `xml:"message,attr"`
}

func printJUnit(out io.Writer, results []*suite.Result) error {
	var report junit
	for _, result := range results {
		t := tallyOf([]*suite.Result{result})
		one := junitSuite{
			Name: result.Path, Tests: t.passed + t.failed + t.skipped, Failures: t.failed, Skipped: t.skipped, Time: seconds(result.Took),
		}
		add := func(class, name, failure string, skipped bool, took time.Duration) {
			c := junitCase{Class: class, Name: name, Time: seconds(took)}
			if failure != "" {
				c.Failure = &junitFailure{Message: failure}
			}
			if skipped {
				c.Skipped = &struct{}{}
			}
			one.Cases = append(one.Cases, c)
		}
		for i := range result.Tests {
			test := &result.Tests[i]
			if len(test.Cases) == 0 {
				add(result.Path, test.Name, test.Error, test.Skipped, test.Took)
			}
			for j := range test.Cases {
				c := &test.Cases[j]
				add(result.Path+"."+test.Name, c.Name, c.Error, c.Skipped, c.Took)
			}
		}
		report.Suites = append(report.Suites, one)
	}
	encoder := xml.NewEncoder(out)
	encoder.Indent("", "  ")
	if err := encoder.Encode(report); err != nil {
		return err
	}
	_, err := fmt.Fprintln(out)
	return err
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.3f", d.Seconds()) }
