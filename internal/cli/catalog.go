package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/go-logr/logr"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/kroguard/kroguard/internal/catalog"
	"github.com/kroguard/kroguard/internal/review"
)

// catalogOptions are the flags that all of kroguard catalog have.
type catalogOptions struct {
	platformFlags

	namespace string
}

func (o *catalogOptions) addFlags(flags *pflag.FlagSet) {
	o.platformFlags.addFlags(flags)
	flags.StringVarP(&o.namespace, "namespace", "n", "default", "`namespace` that is asked about")
}

// Complete returns every flag that is wrong.
func (o *catalogOptions) Complete() error {
	err := o.platformFlags.Complete()
	if problems := validation.IsDNS1123Label(o.namespace); len(problems) > 0 {
		err = errors.Join(err, fmt.Errorf("--namespace: %q: %s", o.namespace, problems[0]))
	}
	return err
}

// outputFlag is -o, with the formats that a command has; the first is the default.
type outputFlag struct {
	formats []string
	format  string
}

func newOutputFlag(flags *pflag.FlagSet, formats ...string) *outputFlag {
	o := &outputFlag{formats: formats}
	flags.StringVarP(&o.format, "output", "o", formats[0], strings.Join(formats, ", "))
	return o
}

// Complete refuses a format that there is not.
func (o *outputFlag) Complete() error {
	if !slices.Contains(o.formats, o.format) {
		return fmt.Errorf("--output: %q is none of %s", o.format, strings.Join(o.formats, ", "))
	}
	return nil
}

func newCatalog() *cobra.Command {
	options, query := new(catalogOptions), new(catalog.Query)
	var output *outputFlag
	cmd := &cobra.Command{
		Use:   "catalog",
		Short: "List what may be created in a namespace",
		Long: `Lists the offerings that are allowed in a namespace: ResourceGraphDefinitions with the annotation
kroguard.io/catalog, as far as the offering and the namespace's project let them be used there.

It is the webhooks' own code. The configuration is that of the current cluster, or that of files (-c),
without any cluster.`,
		Example: `  # What may I create in payments-dev
  kroguard catalog -n payments-dev

  # All of it, with the reasons for what I may not
  kroguard catalog -n payments-dev --all

  # Databases, of a platform's files
  kroguard catalog -n payments-dev --category database -c platform/`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := errors.Join(options.Complete(), output.Complete()); err != nil {
				return usageError{err}
			}
			snapshot, err := options.load(cmd.Context(), options.namespace, cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			query.Limit = catalog.MaxLimit
			list := new(catalog.List)
			for more := true; more; more = query.Continue != "" {
				page, err := catalog.Offerings(cmd.Context(), snapshot, options.namespace, query, nil)
				if err != nil {
					return err
				}
				list.Items, query.Continue = append(list.Items, page.Items...), page.Continue
			}
			if output.format != outputTable {
				return printAs(cmd.OutOrStdout(), output.format, list)
			}
			return printOfferings(cmd.OutOrStdout(), options.namespace, list.Items, query.All)
		},
	}
	options.addFlags(cmd.PersistentFlags())
	flags := cmd.Flags()
	output = newOutputFlag(flags, outputTable, outputJSON, outputYAML)
	flags.BoolVar(&query.All, "all", false, "show those, too, that are not allowed, and why")
	flags.StringVar(&query.Category, "category", "", "show those of a `category`")
	flags.StringVar(&query.Tag, "tag", "", "show those with a `tag`")
	flags.StringVar(&query.Kind, "kind", "", "show those of a `kind`")
	flags.StringVarP(&query.Text, "query", "q", "", "show those that have all these `words` in name, title, description, category, tags or kind")
	cmd.AddCommand(newCatalogShow(options), newCatalogNew(options), newCatalogServe(options))
	return cmd
}

func newCatalogShow(options *catalogOptions) *cobra.Command {
	var output *outputFlag
	cmd := &cobra.Command{
		Use:   "show NAME",
		Short: "Show all of an offering in a namespace",
		Long: `Shows an offering as it is in a namespace: the defaults and labels that an instance gets there, and where
each comes from, the guardrails that judge it, what it becomes, and example manifests.`,
		Example: `  kroguard catalog show webapp -n payments-dev
  kroguard catalog show webapp -n payments-dev -c platform/ -o json | jq .schema`,
		Args: oneOffering,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := errors.Join(options.Complete(), output.Complete()); err != nil {
				return usageError{err}
			}
			snapshot, err := options.load(cmd.Context(), options.namespace, cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			detail, err := catalog.Describe(cmd.Context(), snapshot, options.namespace, args[0], nil, time.Now())
			if err != nil {
				return err
			}
			if output.format != outputText {
				return printAs(cmd.OutOrStdout(), output.format, detail)
			}
			return printDetail(cmd.OutOrStdout(), options.namespace, detail)
		},
	}
	output = newOutputFlag(cmd.Flags(), outputText, outputJSON, outputYAML)
	return cmd
}

func newCatalogNew(options *catalogOptions) *cobra.Command {
	var set []string
	var name string
	cmd := &cobra.Command{
		Use:   "new NAME",
		Short: "Print the manifest of a new instance",
		Long: `Prints the manifest of an instance with the values that are given; without any, the smallest that may be
applied. What the manifest says has the type that the offering's schema asks for. kroguard plan shows what
would become of it.`,
		Example: `  kroguard catalog new webapp -n payments-dev > shop.yaml
  kroguard catalog new webapp -n payments-dev --name shop --set spec.image=shop:1.2 --set spec.replicas=3 | kubectl apply -f -`,
		Args: oneOffering,
		RunE: func(cmd *cobra.Command, args []string) error {
			values, err := parseSet(set)
			if err := errors.Join(options.Complete(), err); err != nil {
				return usageError{err}
			}
			snapshot, err := options.load(cmd.Context(), options.namespace, cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			text, err := newManifest(cmd.Context(), snapshot, &catalog.Request{
				Namespace: options.namespace, Offering: args[0], Name: name, Values: values,
			})
			if err != nil {
				return err
			}
			_, err = cmd.OutOrStdout().Write(text)
			return err
		},
	}
	cmd.Flags().StringArrayVar(&set, "set", nil, "a field's value as `path=value`: spec.size=large, spec.ports[0].name=web; repeat for several, and for the elements of an array")
	cmd.Flags().StringVar(&name, "name", "", "`name` of the instance; default: example")
	return cmd
}

// newManifest is the manifest of what is wanted; the minimal example where that is nothing.
func newManifest(ctx context.Context, snapshot *review.Snapshot, wanted *catalog.Request) ([]byte, error) {
	if len(wanted.Values) > 0 || wanted.Name != "" {
		return catalog.Write(ctx, snapshot, wanted)
	}
	detail, err := catalog.Describe(ctx, snapshot, wanted.Namespace, wanted.Offering, nil, time.Now())
	if err != nil {
		return nil, err
	}
	if detail.Examples.Minimal == "" {
		return nil, fmt.Errorf("nobody can tell what a minimal %s is: give its fields with --set", detail.API.Kind)
	}
	return []byte(detail.Examples.Minimal), nil
}

func newCatalogServe(options *catalogOptions) *cobra.Command {
	address := ""
	cmd := &cobra.Command{
		Use:   "serve -c <configuration>",
		Short: "Serve the catalog of files, for looking at it",
		Long: `Serves the catalog of a platform's files as JSON, on this machine alone and without asking who looks.
/openapi.json tells what there is.`,
		Example: `  kroguard catalog serve -c config/samples/platform
  curl http://localhost:8088/v1/namespaces/payments-dev/offerings`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			err := options.Complete()
			if len(options.configuration) == 0 {
				err = errors.Join(err, errors.New("-c is missing: name files or folders with a platform's configuration"))
			}
			if err := errors.Join(err, checkLoopback(address)); err != nil {
				return usageError{err}
			}
			snapshot, err := options.load(cmd.Context(), "", cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			return serveCatalog(ctx, address, snapshot, cmd.OutOrStdout())
		},
	}
	cmd.Flags().StringVar(&address, "listen", "localhost:8088", "loopback `address` to listen on")
	return cmd
}

// checkLoopback refuses an address that others reach: whoever asks is told everything.
func checkLoopback(address string) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("--listen: %q is no address of the form host:port", address)
	}
	if !isLoopback(host) {
		return fmt.Errorf("--listen: %q is not only of this machine: write localhost:port", address)
	}
	return nil
}

func serveCatalog(ctx context.Context, address string, snapshot *review.Snapshot, out io.Writer) error {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return err
	}
	server := catalog.NewServer(catalog.NewHandler(catalog.HandlerOptions{
		Snapshot: func() *review.Snapshot { return snapshot }, Log: logr.Discard(),
	}))
	fmt.Fprintf(out, "the catalog is at http://%s (Ctrl-C ends it)\n", listener.Addr())
	return serveUntil(ctx, server, listener)
}

// load reads and compiles the configuration. A namespace that files don't have is made up; "" asks for none, so that files without any
// have the default one. What is wrong in a cluster counts there as it does, and is told.
func (o *catalogOptions) load(ctx context.Context, namespace string, errOut io.Writer) (*review.Snapshot, error) {
	platform, current, err := o.platformFlags.read(ctx)
	if err != nil {
		return nil, err
	}
	if namespace == "" && len(platform.Namespaces) == 0 {
		namespace = o.namespace
	}
	if current == nil {
		platform.AddNamespace(namespace)
	}
	snapshot, err := o.snapshot(ctx, platform)
	if err != nil && (current == nil || snapshot == nil) {
		return nil, err
	}
	if err != nil {
		fmt.Fprintln(errOut, "Warning:", err)
	}
	if namespace != "" && snapshot.Namespaces[namespace] == nil {
		return nil, fmt.Errorf("there is no namespace %q", namespace)
	}
	return snapshot, nil
}

func oneOffering(cmd *cobra.Command, args []string) error {
	if len(args) != 1 {
		return usageError{fmt.Errorf("name one offering; see '%s --help'", cmd.CommandPath())}
	}
	return nil
}

// parseSet reads path=value.
func parseSet(set []string) (map[string][]string, error) {
	values := map[string][]string{}
	var errs []error
	for _, one := range set {
		path, value, ok := strings.Cut(one, "=")
		if !ok {
			errs = append(errs, fmt.Errorf("--set: %q is no path=value", one))
			continue
		}
		values[path] = append(values[path], value)
	}
	return values, errors.Join(errs...)
}
