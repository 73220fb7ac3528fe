package cli

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/kroguard/kroguard/internal/labeling"
)

// serveOptions are the flags of kroguard serve.
type serveOptions struct {
	kubeconfig     string
	namespace      string
	webhookAddress string
	webhookURL     string
	serviceName    string
	owner          string
	secretName     string
	healthAddress  string
	metricsAddress string
	certDir        string
	certificates   certificateOptions
	kroUsers       []string
	requireProject bool
	// breakGlassGroup is a group whose members' instances are let in whatever is wrong with them; empty for none.
	breakGlassGroup string
	sources         policySources
	catalog         catalogServer
	labelKeys       map[string]string
	shutdownDelay   time.Duration
	logLevel        string
	logFormat       string

	webhookHost string
	webhookPort int
	keys        labeling.Keys
}

// Defaults of the flags.
const (
	defaultNamespace = "kroguard-system"
	// defaultSecretName is the Secret with the serving certificate.
	defaultSecretName = "kroguard-webhook-cert"
	// defaultKroUser is the service account of kro's chart.
	defaultKroUser = "system:serviceaccount:kro-system:kro"
	// defaultShutdownDelay is how long kroguard goes on serving after it has said that it is no longer ready: Services take
	// some seconds until every node has stopped sending to a terminating Pod.
	defaultShutdownDelay = 5 * time.Second
)

func (o *serveOptions) addFlags(flags *pflag.FlagSet) {
	flags.StringVar(&o.kubeconfig, "kubeconfig", "", "kubeconfig `file`; default: $KUBECONFIG, else the Pod's service account")
	flags.StringVar(&o.namespace, "namespace", "", "kroguard's own `namespace`, never intercepted; default: $POD_NAMESPACE, else "+defaultNamespace)
	flags.StringVar(&o.webhookAddress, "webhook-address", ":9443", "`address` that the webhooks listen on (TLS)")
	flags.StringVar(&o.webhookURL, "webhook-url", "", "base `URL` by which the API server reaches the webhooks, for running outside the cluster; default: through the Service")
	flags.StringVar(&o.serviceName, "service-name", "kroguard-webhook", "`name` of the Service by which the API server reaches the webhooks")
	flags.StringVar(&o.owner, "owner-clusterrole", "", "`name` of the ClusterRole to own the webhook configurations and the Secret: the garbage collector removes them with it")
	flags.StringVar(&o.secretName, "cert-secret", defaultSecretName, "`name` of the Secret that keeps the serving certificate")
	o.certificates.addFlags(flags)
	flags.StringVar(&o.healthAddress, "health-address", ":8081", "`address` of /healthz and /readyz; 0 switches them off")
	flags.StringVar(&o.metricsAddress, "metrics-address", ":8080", "`address` of /metrics; 0 switches it off")
	flags.StringVar(&o.certDir, "cert-dir", "", "`directory` for the serving certificate's files; default: a temporary one")
	flags.StringSliceVar(&o.kroUsers, "kro-user", []string{defaultKroUser}, "user `name` under which kro runs; repeat for several")
	flags.BoolVar(&o.requireProject, "require-project", false, "refuse instances in namespaces that belong to no Project")
	flags.StringVar(&o.breakGlassGroup, "break-glass-group", "",
		"`group` whose members' instances are let in whatever guardrails say, loudly; default: none")
	o.sources.addFlags(flags, "")
	o.catalog.addFlags(flags)
	flags.StringToStringVar(&o.labelKeys, "label-key", nil, "write a label under another key, as `name=key`: team=example.com/team; names are "+strings.Join(labeling.KeyNames(), ", "))
	flags.DurationVar(&o.shutdownDelay, "shutdown-delay", defaultShutdownDelay, "how long to go on serving after a SIGTERM, until Services have noticed")
	flags.StringVar(&o.logLevel, "log-level", "info", "debug, info, warn or error")
	flags.StringVar(&o.logFormat, "log-format", "json", "json or text")
}

// Complete fills in what was left open and returns every flag that is wrong.
func (o *serveOptions) Complete() error {
	if o.namespace == "" {
		o.namespace = os.Getenv("POD_NAMESPACE")
	}
	if o.namespace == "" {
		o.namespace = defaultNamespace
	}
	var errs []error
	for _, name := range []struct{ flag, value string }{
		{"--namespace", o.namespace}, {"--service-name", o.serviceName}, {"--cert-secret", o.secretName},
	} {
		if problems := validation.IsDNS1123Subdomain(name.value); len(problems) > 0 {
			errs = append(errs, fmt.Errorf("%s: %q: %s", name.flag, name.value, problems[0]))
		}
	}
	if o.webhookURL != "" {
		parsed, err := url.Parse(o.webhookURL)
		if err != nil || parsed.Scheme != "https" || parsed.Host == "" || strings.Trim(parsed.Path, "/") != "" {
			errs = append(errs, fmt.Errorf("--webhook-url: %q is no base URL of the form https://host:port", o.webhookURL))
		}
	}
	host, port, err := net.SplitHostPort(o.webhookAddress)
	if err == nil {
		o.webhookHost = host
		o.webhookPort, err = strconv.Atoi(port)
	}
	if err != nil {
		errs = append(errs, fmt.Errorf("--webhook-address: %q is no address of the form host:port or :port", o.webhookAddress))
	}
	errs = append(errs, checkBreakGlassGroup(o.breakGlassGroup), o.sources.Complete(), o.catalog.Complete(), o.certificates.Complete())
	if o.shutdownDelay < 0 {
		errs = append(errs, fmt.Errorf("--shutdown-delay: %s is negative", o.shutdownDelay))
	}
	if o.keys, err = labeling.ParseKeys(o.labelKeys); err != nil {
		errs = append(errs, fmt.Errorf("--label-key: %w", err))
	}
	return errors.Join(errs...)
}
