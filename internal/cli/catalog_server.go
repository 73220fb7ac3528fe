package cli

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/go-logr/logr"
	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/authenticatorfactory"
	"k8s.io/apiserver/pkg/authentication/request/headerrequest"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/apiserver/pkg/server/dynamiccertificates"
	authenticationv1client "k8s.io/client-go/kubernetes/typed/authentication/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/kroguard/kroguard/internal/catalog"
	"github.com/kroguard/kroguard/internal/certs"
	"github.com/kroguard/kroguard/internal/review"
	"github.com/kroguard/kroguard/internal/telemetry"
)

// Ways to find out who looks at the catalog.
const (
	authKubernetes = "kubernetes"
	authNone       = "none"
)

const (
	// knownFor is how long an answer of the API server about a token is reused.
	knownFor = 10 * time.Second
	// tokenTimeout bounds the question.
	tokenTimeout = 5 * time.Second
	// catalogShutdown is how long requests under way have when kroguard ends.
	catalogShutdown = 5 * time.Second
)

// catalogServer are the flags of the catalog that serve has.
type catalogServer struct {
	address    string
	auth       string
	exposed    bool
	proxyCA    string
	proxyNames []string
}

func (o *catalogServer) addFlags(flags *pflag.FlagSet) {
	flags.StringVar(&o.address, "catalog-address", "0", "`address` of the catalog (TLS), as :8444; 0 switches it off")
	flags.StringVar(&o.auth, "catalog-auth", authKubernetes, "who looks at the catalog: kubernetes asks the API server by token, none asks nobody")
	flags.BoolVar(&o.exposed, "catalog-unprotected", false, "let --catalog-auth none listen on addresses that others reach")
	flags.StringVar(&o.proxyCA, "catalog-proxy-ca-file", "", "`file` with the CA of an authenticating proxy's client certificate; its X-Remote-User, X-Remote-Group and X-Remote-Extra- headers are believed")
	flags.StringSliceVar(&o.proxyNames, "catalog-proxy-name", nil, "common `name` of the proxy's client certificate; repeat for several; default: any that the CA signed")
}

func (o *catalogServer) on() bool { return o.address != "" && o.address != "0" }

// Complete returns every flag that is wrong.
func (o *catalogServer) Complete() error {
	if !o.on() {
		return nil
	}
	var errs []error
	host, _, err := net.SplitHostPort(o.address)
	if err != nil {
		errs = append(errs, fmt.Errorf("--catalog-address: %q is no address of the form host:port or :port", o.address))
	}
	switch o.auth {
	case authKubernetes:
	case authNone:
		if err == nil && !isLoopback(host) && !o.exposed {
			errs = append(errs, fmt.Errorf("--catalog-auth: none shows everything to everybody who reaches %q: listen on localhost, or give --catalog-unprotected",
				o.address))
		}
	default:
		errs = append(errs, fmt.Errorf("--catalog-auth: %q is neither kubernetes nor none", o.auth))
	}
	if len(o.proxyNames) > 0 && o.proxyCA == "" {
		errs = append(errs, errors.New("--catalog-proxy-name is for --catalog-proxy-ca-file"))
	}
	return errors.Join(errs...)
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// +kubebuilder:rbac:groups=authentication.k8s.io,resources=tokenreviews,verbs=create

// add has the manager serve the catalog.
func (o *catalogServer) add(
	mgr manager.Manager, log logr.Logger, store *review.Store, certificates *certs.Source, rights authorizer.Authorizer,
	metrics *telemetry.Catalog,
) error {
	if !o.on() {
		return nil
	}
	options := catalog.HandlerOptions{Snapshot: store.Load, Log: log, Metrics: metrics}
	config := &tls.Config{MinVersion: tls.VersionTLS13, GetCertificate: certificates.GetCertificate, NextProtos: []string{"h2", "http/1.1"}}
	if o.auth == authKubernetes {
		var err error
		if options.Authenticator, err = o.authenticator(mgr.GetConfig(), mgr.GetHTTPClient(), config); err != nil {
			return fmt.Errorf("setting up the catalog: %w", err)
		}
		options.Rights = rights
	}
	return mgr.Add(&catalogRunnable{server: catalog.NewServer(catalog.NewHandler(options)), address: o.address, config: config, log: log})
}

// authenticator asks the API server about tokens, and believes the proxy.
func (o *catalogServer) authenticator(config *rest.Config, client *http.Client, serving *tls.Config) (authenticator.Request, error) {
	reviews, err := authenticationv1client.NewForConfigAndClient(config, client)
	if err != nil {
		return nil, err
	}
	delegating := authenticatorfactory.DelegatingAuthenticatorConfig{
		TokenAccessReviewClient: reviews, TokenAccessReviewTimeout: tokenTimeout, CacheTTL: knownFor,
		WebhookRetryBackoff: &wait.Backoff{Duration: 100 * time.Millisecond, Factor: 2, Jitter: .2, Steps: authorizerTries},
	}
	if o.proxyCA != "" {
		bundle, err := os.ReadFile(o.proxyCA)
		if err != nil {
			return nil, fmt.Errorf("--catalog-proxy-ca-file: %w", err)
		}
		authority, err := dynamiccertificates.NewStaticCAContent("catalog-proxy", bundle)
		if err != nil {
			return nil, fmt.Errorf("--catalog-proxy-ca-file: %w", err)
		}
		delegating.RequestHeaderConfig = &authenticatorfactory.RequestHeaderConfig{
			CAContentProvider:   authority,
			AllowedClientNames:  headerrequest.StaticStringSlice(o.proxyNames),
			UsernameHeaders:     headerrequest.StaticStringSlice{"X-Remote-User"},
			UIDHeaders:          headerrequest.StaticStringSlice{"X-Remote-Uid"},
			GroupHeaders:        headerrequest.StaticStringSlice{"X-Remote-Group"},
			ExtraHeaderPrefixes: headerrequest.StaticStringSlice{"X-Remote-Extra-"},
		}
		serving.ClientAuth, serving.ClientCAs = tls.RequestClientCert, x509.NewCertPool()
		serving.ClientCAs.AppendCertsFromPEM(bundle)
	}
	asked, _, err := delegating.New()
	return asked, err
}

// catalogRunnable serves the catalog as long as the manager runs, on every replica.
type catalogRunnable struct {
	server  *http.Server
	address string
	config  *tls.Config
	log     logr.Logger
}

// NeedLeaderElection implements manager.LeaderElectionRunnable.
func (r *catalogRunnable) NeedLeaderElection() bool { return false }

// Start implements manager.Runnable.
func (r *catalogRunnable) Start(ctx context.Context) error {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", r.address)
	if err != nil {
		return fmt.Errorf("serving the catalog: %w", err)
	}
	r.log.Info("serving the catalog", "address", listener.Addr().String())
	return serveUntil(ctx, r.server, tls.NewListener(listener, r.config))
}

// serveUntil serves until the context ends, and then what is under way.
func serveUntil(ctx context.Context, server *http.Server, listener net.Listener) error {
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	select {
	case err := <-ended:
		return fmt.Errorf("serving the catalog: %w", err)
	case <-ctx.Done():
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), catalogShutdown)
	defer cancel()
	return server.Shutdown(ctx)
}
