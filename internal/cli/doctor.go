package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/util/validation"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kroguard/kroguard/internal/doctor"
)

// defaultDoctorTimeout is ample for some seventy small requests to a far API server, and for webhooks that don't answer.
const defaultDoctorTimeout = 30 * time.Second

// errProblems says by the exit code that there are problems; what they are has been printed.
var errProblems = errors.New("found")

// doctorOptions are the flags of kroguard doctor.
type doctorOptions struct {
	kubeconfig string
	context    string
	namespace  string
	account    string
	secretName string
	timeout    time.Duration
	output     *outputFlag
}

func (o *doctorOptions) addFlags(flags *pflag.FlagSet) {
	flags.StringVar(&o.kubeconfig, "kubeconfig", "", "kubeconfig `file` of the cluster; default: $KUBECONFIG, else ~/.kube/config")
	flags.StringVar(&o.context, "context", "", "`name` of the kubeconfig's context; default: the current one")
	flags.StringVarP(&o.namespace, "namespace", "n", defaultNamespace, "kroguard's own `namespace`")
	flags.StringVar(&o.account, "service-account", "kroguard", "`name` of the ServiceAccount as which kroguard runs")
	flags.StringVar(&o.secretName, "cert-secret", defaultSecretName, "`name` of the Secret that keeps the serving certificate")
	flags.DurationVar(&o.timeout, "timeout", defaultDoctorTimeout, "how long all checks may take together")
	o.output = newOutputFlag(flags, outputText, outputJSON)
}

// Complete returns every flag that is wrong.
func (o *doctorOptions) Complete() error {
	errs := []error{o.output.Complete()}
	if problems := validation.IsDNS1123Label(o.namespace); len(problems) > 0 {
		errs = append(errs, fmt.Errorf("--namespace: %q: %s", o.namespace, problems[0]))
	}
	for _, name := range []struct{ flag, value string }{{"--service-account", o.account}, {"--cert-secret", o.secretName}} {
		if problems := validation.IsDNS1123Subdomain(name.value); len(problems) > 0 {
			errs = append(errs, fmt.Errorf("%s: %q: %s", name.flag, name.value, problems[0]))
		}
	}
	if o.timeout <= 0 {
		errs = append(errs, fmt.Errorf("--timeout: %s is no time to check anything in", o.timeout))
	}
	return errors.Join(errs...)
}

func newDoctor() *cobra.Command {
	options := new(doctorOptions)
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Check an installation, and say what to do about what is wrong",
		Long: `Checks kroguard's installation in the current cluster, as you: whether the API server reaches kroguard and
calls it for every instance, the certificate, replicas, rights, and whether Projects, Guardrails and
exceptions are in force. Nothing is changed; what is written is a dry run.

What you may not read is skipped. The exit code is 1 where there are problems, 0 with warnings alone.`,
		Example: `  # Check the current cluster
  kroguard doctor

  # Another cluster, and another namespace than kroguard-system
  kroguard doctor --context staging -n guard

  # Problems alone, for another tool
  kroguard doctor -o json | jq -r '.[] | select(.status == "problem") | .findings[].message'`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := options.Complete(); err != nil {
				return usageError{err}
			}
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt)
			defer stop()
			results, err := options.run(ctx)
			if err != nil {
				return err
			}
			out := cmd.OutOrStdout()
			if options.output.format == outputJSON {
				err = printAs(out, outputJSON, results)
			} else {
				err = printResults(out, results, isTerminal(out))
			}
			if problems := doctor.Count(results, doctor.StatusProblem); problems > 0 && err == nil {
				return fmt.Errorf("problems %w by %d of %d checks", errProblems, problems, len(results))
			}
			return err
		},
	}
	options.addFlags(cmd.Flags())
	return cmd
}

func (o *doctorOptions) run(ctx context.Context) ([]doctor.Result, error) {
	config, err := loadConfig(o.kubeconfig, o.context)
	if err != nil {
		return nil, fmt.Errorf("no cluster to check: %w; give --kubeconfig and --context, or set KUBECONFIG", err)
	}
	// What is left of the time when a request hangs is for other checks.
	config.Timeout = o.timeout / 2
	// Warnings of the API server are about what is tried in a dry run.
	config.WarningHandler = noWarnings{}
	scheme, err := newScheme()
	if err != nil {
		return nil, err
	}
	server, err := newServer(config)
	if err != nil {
		return nil, err
	}
	c, err := client.New(config, client.Options{Scheme: scheme, HTTPClient: server.client})
	if err != nil {
		return nil, fmt.Errorf("reaching the cluster: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	return doctor.Run(ctx, doctor.Options{
		Client: c, Server: server, Namespace: o.namespace, ServiceAccount: o.account, SecretName: o.secretName, Now: time.Now,
	}), nil
}

// printResults prints a line for each check, and under it what was found and what to do.
func printResults(out io.Writer, results []doctor.Result, color bool) error {
	var text strings.Builder
	width := 0
	for i := range results {
		width = max(width, len(results[i].Check))
	}
	for i := range results {
		result := &results[i]
		text.WriteString(painted(result.Status, fmt.Sprintf("%-7s", result.Status), color))
		fmt.Fprintf(&text, "  %-*s  %s\n", width, strings.ReplaceAll(result.Check, "-", " "), indented(result.Summary, width+11))
		for _, finding := range result.Findings {
			if finding.Message != result.Summary {
				fmt.Fprintf(&text, "         %s: %s\n", painted(finding.Status, string(finding.Status), color), indented(finding.Message, 9))
			}
			if finding.Remedy != "" {
				fmt.Fprintf(&text, "         → %s\n", indented(finding.Remedy, 11))
			}
		}
	}
	counts := make([]string, 0, 4)
	for _, status := range []doctor.Status{doctor.StatusProblem, doctor.StatusWarning, doctor.StatusSkipped, doctor.StatusOK} {
		if count := doctor.Count(results, status); count > 0 {
			counts = append(counts, fmt.Sprintf("%d %s", count, status))
		}
	}
	fmt.Fprintf(&text, "\n%d checks: %s\n", len(results), strings.Join(counts, ", "))
	_, err := io.WriteString(out, text.String())
	return err
}

// indented moves all lines but the first to the right.
func indented(text string, by int) string {
	return strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n"+strings.Repeat(" ", by))
}

// painted colors a status.
func painted(status doctor.Status, text string, color bool) string {
	if !color {
		return text
	}
	code := map[doctor.Status]string{
		doctor.StatusOK: "32", doctor.StatusSkipped: "2", doctor.StatusWarning: "33", doctor.StatusProblem: "31",
	}[status]
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}
