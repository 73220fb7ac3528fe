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
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"

	"github.com/kroguard/kroguard/internal/manifests"
	"github.com/kroguard/kroguard/internal/plan"
)

// Further formats.
const (
	outputText = "text"
	outputYAML = "yaml"
)

// errRefused says by the exit code that an instance would be refused; what is wrong with it is in the plan.
var errRefused = errors.New("refused")

// planOptions are the flags of kroguard plan.
type planOptions struct {
	platformFlags

	instances []string
	namespace string
	user      string
	groups    []string
	output    string
}

func (o *planOptions) addFlags(flags *pflag.FlagSet) {
	flags.StringSliceVarP(&o.instances, "filename", "f", nil, "`file` or folder with instances, - for standard input; repeat for several")
	o.platformFlags.addFlags(flags)
	flags.StringVarP(&o.namespace, "namespace", "n", "", "`namespace` of instances that name none")
	flags.StringVar(&o.user, "as", "", "`user` who would apply it, for guardrails that ask; default: in a cluster yourself, else nobody")
	flags.StringSliceVar(&o.groups, "as-group", nil, "`group` of the user; repeat for several")
	flags.StringVarP(&o.output, "output", "o", outputText, "text; yaml: the rendered resources as a stream; json: everything")
}

// Complete returns every flag that is wrong.
func (o *planOptions) Complete() error {
	var errs []error
	if len(o.instances) == 0 {
		errs = append(errs, errors.New("-f is missing: name a file or folder with instances"))
	}
	if o.output != outputText && o.output != outputYAML && o.output != outputJSON {
		errs = append(errs, fmt.Errorf("--output: %q is none of text, yaml, json", o.output))
	}
	return errors.Join(append(errs, o.platformFlags.Complete())...)
}

func newPlan() *cobra.Command {
	options := new(planOptions)
	cmd := &cobra.Command{
		Use:   "plan -f <instance> [-c <configuration>]",
		Short: "Show what an instance would become, and whether it would be let in",
		Long: `Shows, without changing anything, what would become of instances if they were applied: the instance with
its defaults and labels, the resources that it would expand into, as far as they can be told before
anything exists, and the verdict of all guardrails.

It is the webhooks' own code. The configuration is that of the current cluster, or that of files (-c),
without any cluster. The exit code is 1 where an instance would be refused.`,
		Example: `  # By the configuration of the current cluster
  kroguard plan -f shop.yaml

  # In a pull request, by files
  kroguard plan -f instances/ -c platform/

  # What it would create, for another tool
  kroguard plan -f shop.yaml -c platform/ -o yaml | kubectl apply --dry-run=server -f -

  # Who is refused what
  kroguard plan -f instances/ -c platform/ -o json | jq -r '.items[] | select(.allowed | not) | .message'`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := options.Complete(); err != nil {
				return usageError{err}
			}
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt)
			defer stop()
			plans, err := makePlans(ctx, options, cmd.InOrStdin())
			if err != nil {
				return err
			}
			if err := options.print(cmd.OutOrStdout(), plans); err != nil {
				return err
			}
			return refusal(plans)
		},
	}
	options.addFlags(cmd.Flags())
	return cmd
}

// makePlans reads the files and plans all instances.
func makePlans(ctx context.Context, options *planOptions, in io.Reader) ([]*plan.Plan, error) {
	platform, instances, current, err := options.read(ctx, in)
	if err != nil {
		return nil, err
	}
	snapshot, err := options.snapshot(ctx, platform)
	if err != nil && (current == nil || snapshot == nil) {
		// What is wrong in a cluster counts there as it does, and its owners are told.
		return nil, err
	}
	if current != nil && options.user == "" {
		if options.user, options.groups, err = current.whoAmI(ctx); err != nil {
			return nil, err
		}
	}
	var plans []*plan.Plan
	for i := range instances {
		request, err := instances[i].Request()
		if err != nil {
			return nil, err
		}
		request.Admission.UserInfo.Username, request.Admission.UserInfo.Groups = options.user, options.groups
		if !snapshot.IsInstance(request) {
			continue
		}
		if current != nil {
			if err := current.apply(ctx, &instances[i], request); err != nil {
				return nil, fmt.Errorf("%s: %w", instances[i].Source, err)
			}
		}
		made, err := plan.Make(ctx, snapshot, request, nil, time.Now())
		if err != nil {
			return nil, fmt.Errorf("%s: %w", instances[i].Source, err)
		}
		made.Source = instances[i].Source
		plans = append(plans, made)
	}
	if len(plans) == 0 {
		return nil, fmt.Errorf("there is no instance in %s: no ResourceGraphDefinition generates the kinds there (%s)",
			strings.Join(options.instances, ", "), kindsOf(instances))
	}
	return plans, nil
}

func kindsOf(objects []manifests.Object) string {
	var kinds []string
	for i := range objects {
		kinds = append(kinds, objects[i].Kind.GroupVersion().String()+" "+objects[i].Kind.Kind)
	}
	if len(kinds) == 0 {
		return "none"
	}
	return strings.Join(kinds, ", ")
}

// read reads the configuration, and the instances. The cluster is nil where the configuration is that of files.
func (o *planOptions) read(ctx context.Context, in io.Reader) (*manifests.Configuration, []manifests.Object, *cluster, error) {
	platform, current, err := o.platformFlags.read(ctx)
	errs := []error{err}
	written := new(manifests.Configuration)
	for _, path := range o.instances {
		if path == "-" {
			errs = append(errs, written.ReadFrom("standard input", in))
		} else {
			errs = append(errs, written.Read(path))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, nil, nil, err
	}
	if err := written.SetNamespace(o.namespace); err != nil {
		return nil, nil, nil, err
	}
	platform.AddNamespacesOf(written.Others)
	return platform, written.Others, current, nil
}

// planList is the plans as JSON.
type planList struct {
	Items []*plan.Plan `json:"items"`
}

func (o *planOptions) print(out io.Writer, plans []*plan.Plan) error {
	if o.output == outputJSON {
		encoder := json.NewEncoder(out)
		encoder.SetIndent("", "  ")
		encoder.SetEscapeHTML(false)
		return encoder.Encode(planList{plans})
	}
	for i, made := range plans {
		if o.output == outputYAML {
			if err := made.WriteResources(out); err != nil {
				return err
			}
			continue
		}
		if i > 0 {
			fmt.Fprintln(out)
		}
		if err := made.WriteText(out, isTerminal(out)); err != nil {
			return err
		}
	}
	return nil
}

// isTerminal reports whether colors may be shown.
func isTerminal(out io.Writer) bool {
	file, ok := out.(*os.File)
	return ok && term.IsTerminal(int(file.Fd())) && os.Getenv("NO_COLOR") == ""
}

// refusal is the error of plans some of which are refused.
func refusal(plans []*plan.Plan) error {
	refused := 0
	for _, made := range plans {
		if !made.Allowed {
			refused++
		}
	}
	if refused == 0 {
		return nil
	}
	return fmt.Errorf("%d of %d instances would be %w", refused, len(plans), errRefused)
}
