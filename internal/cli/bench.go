package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"

	"github.com/kroguard/kroguard/internal/labeling"
	"github.com/kroguard/kroguard/internal/manifests"
	"github.com/kroguard/kroguard/internal/measure"
	"github.com/kroguard/kroguard/internal/review"
	"github.com/kroguard/kroguard/policies"
	"github.com/kroguard/kroguard/policies/cel"
	"github.com/kroguard/kroguard/policies/rego"
)

// Formats of the report.
const (
	outputTable = "table"
	outputJSON  = "json"
)

// defaultBenchTime is how long each guardrail is measured: some thousand evaluations of a usual one.
const defaultBenchTime = 200 * time.Millisecond

// benchOptions are the flags of kroguard bench.
type benchOptions struct {
	files   []string
	objects []string
	time    time.Duration
	count   int
	output  string
}

func (o *benchOptions) addFlags(flags *pflag.FlagSet) {
	flags.StringSliceVarP(&o.files, "filename", "f", nil, "`file` or folder with Guardrails, and with the Projects, Namespaces, ResourceGraphDefinitions and GuardrailExceptions that they depend on; repeat for several")
	flags.StringSliceVar(&o.objects, "objects", nil, "`file` or folder with the instances that are judged; repeat for several")
	flags.DurationVar(&o.time, "time", defaultBenchTime, "how long each guardrail is measured")
	flags.IntVar(&o.count, "count", 0, "how often each guardrail judges each object, instead of --time")
	flags.StringVarP(&o.output, "output", "o", outputTable, "table or json")
}

// Complete returns every flag that is wrong.
func (o *benchOptions) Complete() error {
	var errs []error
	if len(o.files) == 0 {
		errs = append(errs, errors.New("-f is missing: name a file or folder with Guardrails"))
	}
	if len(o.objects) == 0 {
		errs = append(errs, errors.New("--objects is missing: name a file or folder with instances"))
	}
	if o.time <= 0 {
		errs = append(errs, fmt.Errorf("--time: %s is no time to measure anything", o.time))
	}
	if o.count < 0 {
		errs = append(errs, fmt.Errorf("--count: %d is negative", o.count))
	}
	if o.output != outputTable && o.output != outputJSON {
		errs = append(errs, fmt.Errorf("--output: %q is neither table nor json", o.output))
	}
	return errors.Join(errs...)
}

func newBench() *cobra.Command {
	options := new(benchOptions)
	cmd := &cobra.Command{
		Use:   "bench -f <guardrails> --objects <instances>",
		Short: "Measure what guardrails cost",
		Long: `Measures, without a cluster, what each guardrail takes to judge sample instances: time, allocations and
bytes, the slowest first, and what a whole review by all of them takes.

Guardrails are evaluated by the engine that serves the webhooks. Where -f has the instance's
ResourceGraphDefinition, its Namespace or Project, defaults and labels are injected first, and match
rules see what they see in a cluster. A namespace that no file has is taken to be without labels.`,
		Example: `  # The samples of this repository
  kroguard bench -f config/samples/platform --objects config/samples/instances

  # For a script: the slowest guardrail
  kroguard bench -f platform/ --objects instances/ -o json | jq -r '.guardrails[0].name'

  # Each guardrail judges each object a thousand times
  kroguard bench -f guardrails.yaml --objects shop.yaml --count 1000`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := options.Complete(); err != nil {
				return usageError{err}
			}
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt)
			defer stop()
			report, err := bench(ctx, options, cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			return options.print(cmd.OutOrStdout(), report)
		},
	}
	options.addFlags(cmd.Flags())
	return cmd
}

// bench reads the files and measures.
func bench(ctx context.Context, options *benchOptions, errOut io.Writer) (*measure.Report, error) {
	platform, instances, err := options.read()
	if err != nil {
		return nil, err
	}
	driver, err := cel.New()
	if err != nil {
		return nil, fmt.Errorf("setting up CEL: %w", err)
	}
	drivers := []policies.Driver{driver, rego.New(rego.Options{})}
	snapshot, err := platform.Snapshot(ctx, policies.NewCompiler(driver, drivers...), review.Settings{LabelKeys: labeling.DefaultKeys()})
	if err != nil {
		return nil, err
	}
	inputs := make([]func() *policies.Input, len(instances))
	for i := range instances {
		request, err := instances[i].Request()
		if err != nil {
			return nil, err
		}
		request.Object = snapshot.Mutate(request).Object
		inputs[i] = func() *policies.Input { return snapshot.Input(request) }
	}
	progress, finish := progressOn(errOut, len(platform.Guardrails))
	defer finish()
	return measure.Run(ctx, measure.Options{
		Guardrails: platform.Guardrails, Exceptions: platform.Exceptions, NewInput: inputs,
		Conditions: driver, Drivers: drivers, Time: options.time, Count: options.count, Progress: progress,
	})
}

// read reads configuration from all files, and instances from those of --objects.
func (o *benchOptions) read() (*manifests.Configuration, []manifests.Object, error) {
	platform := new(manifests.Configuration)
	var errs []error
	for _, path := range o.files {
		errs = append(errs, platform.Read(path))
	}
	// A folder of a platform has other things in it, as a kustomization.
	platform.Others = nil
	for _, path := range o.objects {
		errs = append(errs, platform.Read(path))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, nil, err
	}
	if len(platform.Guardrails) == 0 {
		return nil, nil, fmt.Errorf("there is no Guardrail in %s", strings.Join(o.files, ", "))
	}
	if len(platform.Others) == 0 {
		return nil, nil, fmt.Errorf("there is no instance in %s", strings.Join(o.objects, ", "))
	}
	return platform, platform.Others, nil
}

// progressOn shows progress in one line where somebody is watching, and yields what clears it.
func progressOn(out io.Writer, total int) (progress func(int, string), finish func()) {
	file, ok := out.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return nil, func() {}
	}
	const clearLine = "\r\033[K"
	return func(done int, name string) { fmt.Fprintf(out, "%s[%d/%d] %s", clearLine, done+1, total, name) },
		func() { fmt.Fprint(out, clearLine) }
}

func (o *benchOptions) print(out io.Writer, report *measure.Report) error {
	if o.output == outputJSON {
		encoder := json.NewEncoder(out)
		encoder.SetIndent("", "  ")
		return encoder.Encode(report)
	}
	table := tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)
	fmt.Fprintln(table, "GUARDRAIL\tENGINE\tMATCHED\tVIOLATIONS\tERRORS\tTIME\tALLOCS\tBYTES\tCOMPILATION")
	for i := range report.Guardrails {
		g := &report.Guardrails[i]
		fmt.Fprintf(table, "%s\t%s\t%d/%d\t%d\t%d\t%s\t%s\n", g.Name, g.Engine, g.Matched, report.Objects, g.Violations, g.Errors,
			costColumns(g.Evaluation, g.Matched > 0), duration(float64(g.CompileNanoseconds)))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	cost := report.Review
	_, err := fmt.Fprintf(out, "\nA review by all of them: %s, %.0f allocations, %.0f bytes for an object, what they share included.\n",
		duration(cost.Nanoseconds), cost.Allocations, cost.Bytes)
	return err
}

// costColumns are TIME, ALLOCS and BYTES; dashes where nothing was measured.
func costColumns(cost measure.Cost, measured bool) string {
	if !measured {
		return "-\t-\t-"
	}
	return fmt.Sprintf("%s\t%.0f\t%.0f", duration(cost.Nanoseconds), cost.Allocations, cost.Bytes)
}

// duration rounds to what the measurement is good for.
func duration(nanoseconds float64) string {
	d := time.Duration(nanoseconds)
	for _, unit := range []time.Duration{time.Second, time.Millisecond, time.Microsecond} {
		if d >= unit {
			return d.Round(unit / 100).String()
		}
	}
	return d.String()
}
