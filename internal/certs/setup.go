package certs

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/open-policy-agent/cert-controller/pkg/rotator"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/source"
)

const (
	controllerName = "serving-certificate"
	// authorityName is what the certificate authority calls itself. cert-controller makes a new authority when it finds
	// another name in the Secret.
	authorityName         = "kroguard-ca"
	authorityOrganization = "kroguard"
)

// Setup makes sure that the Secret exists and adds to the manager what issues, renews and follows the certificate. Nothing here
// waits for a leader: every replica serves. The context bounds the creation of the Secret alone.
func Setup(ctx context.Context, mgr manager.Manager, options Options) (*Source, error) {
	if err := options.Complete(); err != nil {
		return nil, fmt.Errorf("serving certificate: %w", err)
	}
	certificates := newSource(options.DNSNames, time.Now)
	secrets, err := addSecretCache(mgr, options)
	if err != nil {
		return nil, err
	}
	dir, err := certificateDir(mgr, options.Dir)
	if err != nil {
		return nil, err
	}
	k := &keeper{reader: secrets, writer: mgr.GetClient(), key: options.secretKey(), dir: dir, source: certificates, owner: options.Owner, provider: options.Provider}
	if err := addProvider(ctx, mgr, options, k); err != nil {
		return nil, err
	}
	err = builder.ControllerManagedBy(mgr).
		Named(controllerName).
		WatchesRawSource(source.Kind(secrets, &corev1.Secret{}, &handler.TypedEnqueueRequestForObject[*corev1.Secret]{})).
		WithOptions(controller.Options{NeedLeaderElection: ptr.To(false)}).
		Complete(k)
	if err != nil {
		return nil, fmt.Errorf("setting up controller %s: %w", controllerName, err)
	}
	return certificates, nil
}

// addProvider adds what writes the Secret.
func addProvider(ctx context.Context, mgr manager.Manager, options Options, k *keeper) error {
	switch options.Provider {
	case CertManager:
		return mgr.Add(newIssuance(mgr, options, k.source))
	case Provided:
		// No event tells of a Secret that is not there, and reading it again would take another permission.
		k.source.wait(k.absent())
		mgr.GetLogger().Info("until the Secret is read: waiting for the serving certificate", "reason", k.absent())
		return nil
	default:
		// cert-controller gives up, and the manager with it, where it finds no Secret.
		if err := k.create(ctx); err != nil {
			return err
		}
		return addRotator(mgr, options, k.dir)
	}
}

// addRotator adds cert-controller. It is given no webhooks: the webhook configurations have another writer, which takes the CA
// bundle from the Source.
func addRotator(mgr manager.Manager, options Options, dir string) error {
	err := rotator.AddRotator(mgr, &rotator.CertRotator{
		SecretKey:             options.secretKey(),
		CertDir:               dir,
		CAName:                authorityName,
		CAOrganization:        authorityOrganization,
		DNSName:               options.DNSNames[0],
		ExtraDNSNames:         options.DNSNames[1:],
		IsReady:               make(chan struct{}),
		RequireLeaderElection: false,
	})
	if err != nil {
		return fmt.Errorf("setting up certificate rotation: %w", err)
	}
	return nil
}

// secretCache is a cache that every replica starts.
type secretCache struct{ cache.Cache }

var _ manager.LeaderElectionRunnable = secretCache{}

// NeedLeaderElection implements manager.LeaderElectionRunnable.
func (secretCache) NeedLeaderElection() bool { return false }

// addSecretCache adds a cache of the one Secret.
func addSecretCache(mgr manager.Manager, options Options) (cache.Cache, error) {
	secrets, err := cache.New(mgr.GetConfig(), cache.Options{
		HTTPClient: mgr.GetHTTPClient(),
		Scheme:     mgr.GetScheme(),
		Mapper:     mgr.GetRESTMapper(),
		ByObject: map[client.Object]cache.ByObject{&corev1.Secret{}: {
			Namespaces: map[string]cache.Config{options.Namespace: {
				FieldSelector: fields.OneTermEqualSelector("metadata.name", options.SecretName),
			}},
		}},
	})
	if err != nil {
		return nil, fmt.Errorf("setting up the cache of the certificate's Secret: %w", err)
	}
	if err := mgr.Add(secretCache{secrets}); err != nil {
		return nil, fmt.Errorf("adding the cache of the certificate's Secret: %w", err)
	}
	return secrets, nil
}

// temporaryDir removes a directory at the manager's end.
type temporaryDir string

var _ manager.LeaderElectionRunnable = temporaryDir("")

// NeedLeaderElection implements manager.LeaderElectionRunnable.
func (temporaryDir) NeedLeaderElection() bool { return false }

// Start implements manager.Runnable.
func (d temporaryDir) Start(ctx context.Context) error {
	<-ctx.Done()
	return os.RemoveAll(string(d))
}

// certificateDir is the given directory, or a temporary one.
func certificateDir(mgr manager.Manager, dir string) (string, error) {
	if dir != "" {
		return dir, nil
	}
	dir, err := os.MkdirTemp("", "kroguard-certs-")
	if err != nil {
		return "", fmt.Errorf("making the certificate's directory: %w", err)
	}
	return dir, mgr.Add(temporaryDir(dir))
}
