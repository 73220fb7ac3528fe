package cli

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"net/url"

	certmanagerv1 "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	"github.com/go-logr/logr"
	krov1alpha1 "github.com/kubernetes-sigs/kro/api/v1alpha1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
	webhookserver "sigs.k8s.io/controller-runtime/pkg/webhook"

	"github.com/kroguard/kroguard/internal/certs"
	"github.com/kroguard/kroguard/internal/controller"
	"github.com/kroguard/kroguard/internal/registration"
	"github.com/kroguard/kroguard/internal/review"
	"github.com/kroguard/kroguard/internal/telemetry"
	"github.com/kroguard/kroguard/policies"
	"github.com/kroguard/kroguard/policies/cel"
	"github.com/kroguard/kroguard/policies/rego"
	"github.com/kroguard/kroguard/policies/v1alpha1"
	"github.com/kroguard/kroguard/webhook"
)

// newManager wires everything that kroguard serve runs.
func newManager(ctx context.Context, log logr.Logger, options *serveOptions, drain *drain) (manager.Manager, error) {
	config, err := restConfig(options.kubeconfig)
	if err != nil {
		return nil, err
	}
	scheme, err := newScheme()
	if err != nil {
		return nil, err
	}
	serving := new(lateCertificate)
	mgr, err := ctrl.NewManager(config, manager.Options{
		Scheme:                 scheme,
		Logger:                 log,
		HealthProbeBindAddress: options.healthAddress,
		Metrics:                metricsserver.Options{BindAddress: options.metricsAddress},
		Cache:                  controller.CacheOptions(),
		WebhookServer: webhookserver.NewServer(webhookserver.Options{
			Host:    options.webhookHost,
			Port:    options.webhookPort,
			TLSOpts: []func(*tls.Config){serving.configure, options.certificates.configure},
		}),
	})
	if err != nil {
		return nil, fmt.Errorf("reaching the cluster: %w", err)
	}
	return mgr, assemble(ctx, mgr, log, options, serving, drain)
}

// assemble adds certificates, controllers, webhooks and checks to the manager.
func assemble(
	ctx context.Context, mgr manager.Manager, log logr.Logger, options *serveOptions, serving *lateCertificate, drain *drain,
) error {
	source, err := certs.Setup(ctx, mgr, certs.Options{
		Namespace: options.namespace, SecretName: options.secretName, DNSNames: options.dnsNames(), Dir: options.certDir,
		Provider: certs.Provider(options.certificates.provider), Issuer: options.certificates.issuerRef,
		Owner: options.ownerOf(mgr.GetAPIReader()),
	})
	if err != nil {
		return fmt.Errorf("setting up certificates: %w", err)
	}
	serving.source = source
	authorizer, err := newAuthorizer(mgr.GetConfig(), mgr.GetHTTPClient())
	if err != nil {
		return err
	}
	counted, err := telemetry.New(metrics.Registry, source)
	if err != nil {
		return fmt.Errorf("registering metrics: %w", err)
	}
	store := review.NewStore()
	driver, err := cel.New()
	if err != nil {
		return fmt.Errorf("setting up CEL: %w", err)
	}
	compiler := newCompiler(log, driver)
	compiler.Record(counted.Guardrails)
	templates, err := newTemplates(driver)
	if err != nil {
		return err
	}
	controllers, err := controller.Setup(mgr, controller.Options{
		Store: store, Compiler: compiler, Certificates: source, Owner: options.owner,
		AwaitReadiness: options.webhookURL == "" && options.healthAddress != "0",
		Sources: controller.Sources{
			Names: options.sources.names, Inventory: options.sources.inventory, CEL: driver, Gatekeeper: templates, Recorder: counted.Policies,
		},
		Settings: review.Settings{
			RequireProject: options.requireProject, KroUsers: options.kroUsers, LabelKeys: options.keys,
		},
		Registration: registration.Options{
			ClientConfig: options.clientConfig(), KroUsers: options.kroUsers, ExcludedNamespaces: []string{options.namespace},
		},
		Metrics: counted,
	})
	if err != nil {
		return fmt.Errorf("setting up controllers: %w", err)
	}
	webhook.Register(&drainingMux{Mux: mgr.GetWebhookServer(), drain: drain}, webhook.Options{
		Scheme: mgr.GetScheme(),
		Instances: &webhook.Instances{
			Store: store, Authorizer: authorizer, Metrics: counted.Admission, Log: log.WithName("admission"),
			BreakGlassGroup: options.breakGlassGroup, Events: mgr.GetEventRecorder("kroguard"),
		},
		Compiler: compiler,
		Rules:    controllers,
	})
	if err := options.catalog.add(mgr, log.WithName("catalog"), store, source, authorizer, counted.Catalog); err != nil {
		return err
	}
	started := onlyAfter(source.Check, mgr.GetWebhookServer().StartedChecker())
	return addChecks(mgr, map[string]healthz.Checker{
		"shutdown": drain.check, "certificate": source.Check, "webhooks": started,
		// The last of them: what it takes for ready is written into the webhook configurations.
		"configuration": onlyAfter(started, controllers.Ready),
	})
}

// addChecks adds the liveness check and the named readiness checks.
func addChecks(mgr manager.Manager, ready map[string]healthz.Checker) error {
	if err := mgr.AddHealthzCheck("ping", healthz.Ping); err != nil {
		return err
	}
	for name, check := range ready {
		if err := mgr.AddReadyzCheck(name, check); err != nil {
			return err
		}
	}
	return nil
}

// onlyAfter makes a check that is not run before another one holds: connecting to the webhook server without a certificate would
// only fill the log.
func onlyAfter(first, second healthz.Checker) healthz.Checker {
	return func(request *http.Request) error {
		if err := first(request); err != nil {
			return err
		}
		return second(request)
	}
}

// newCompiler compiles guardrails in all languages.
func newCompiler(log logr.Logger, driver *cel.Driver) *policies.Compiler {
	var options rego.Options
	if printed := log.WithName("rego").V(1); printed.Enabled() {
		// Only then: texts that nobody reads need not be made.
		options.Print = func(_ context.Context, guardrail, message string) { printed.Info(message, "guardrail", guardrail) }
	}
	return policies.NewCompiler(driver, driver, rego.New(options))
}

// newScheme knows every kind that kroguard reads or writes.
func newScheme() (*runtime.Scheme, error) {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		clientgoscheme.AddToScheme, apiextensionsv1.AddToScheme, krov1alpha1.AddToScheme, v1alpha1.AddToScheme,
		certmanagerv1.AddToScheme,
	} {
		if err := add(scheme); err != nil {
			return nil, fmt.Errorf("building the scheme: %w", err)
		}
	}
	return scheme, nil
}

// restConfig is the cluster that the flags or the environment name.
func restConfig(kubeconfig string) (*rest.Config, error) {
	config, err := loadConfig(kubeconfig, "")
	if err != nil {
		return nil, fmt.Errorf("no cluster to serve: %w; give --kubeconfig, set KUBECONFIG, or run in a Pod", err)
	}
	return config, nil
}

// clientConfig is how the API server reaches the webhooks.
func (o *serveOptions) clientConfig() registration.ClientConfig {
	if o.webhookURL != "" {
		return registration.ClientConfig{URL: o.webhookURL}
	}
	return registration.ClientConfig{Service: &registration.Service{Namespace: o.namespace, Name: o.serviceName}}
}

// ownerOf reads the owner of what kroguard makes; nil where there is none.
func (o *serveOptions) ownerOf(reader client.Reader) func(context.Context) (*metav1.OwnerReference, error) {
	if o.owner == "" {
		return nil
	}
	return func(ctx context.Context) (*metav1.OwnerReference, error) {
		return controller.ReadOwner(ctx, reader, o.owner)
	}
}

// dnsNames are the names that the serving certificate is for.
func (o *serveOptions) dnsNames() []string {
	service := o.serviceName + "." + o.namespace + ".svc"
	names := []string{service, service + ".cluster.local", "localhost"}
	if parsed, err := url.Parse(o.webhookURL); err == nil && parsed.Hostname() != "" && parsed.Hostname() != "localhost" {
		names = append(names, parsed.Hostname())
	}
	return names
}

// lateCertificate lets the webhook server be built before the certificate's source, which needs the manager that owns both.
type lateCertificate struct{ source *certs.Source }

func (c *lateCertificate) configure(config *tls.Config) {
	config.MinVersion = tls.VersionTLS13
	config.GetCertificate = func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		return c.source.GetCertificate(hello)
	}
}
