package controller

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	runtimeschema "k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/kroguard/kroguard/internal/registration"
	"github.com/kroguard/kroguard/internal/review"
	"github.com/kroguard/kroguard/internal/telemetry"
)

// Limits of what the reconciler writes by itself. Restoring what somebody changed is immediate; against another writer that
// never gives in, such as a replica of another version during a rollout, it settles at one write a second.
const (
	writesPerSecond = 1
	writeBurst      = 20
)

var (
	errNoBundle   = errors.New("the CA bundle of the webhook server is not known yet")
	errNotWritten = errors.New("the webhook configurations are not written yet")
	errNoSnapshot = errors.New("the first snapshot is not published yet")
)

// Creating can't be limited to a name. Reading and writing are, which the field selectors of CacheOptions make possible.
//
// +kubebuilder:rbac:groups=admissionregistration.k8s.io,resources=mutatingwebhookconfigurations;validatingwebhookconfigurations,verbs=create
// +kubebuilder:rbac:groups=admissionregistration.k8s.io,resources=mutatingwebhookconfigurations;validatingwebhookconfigurations,resourceNames=kroguard,verbs=get;list;watch;update

// WebhookConfigurationReconciler keeps both webhook configurations as they should be.
type WebhookConfigurationReconciler struct {
	// cached reads from the watch caches, live from the API server.
	cached, live client.Reader
	writer       client.Writer
	store        *review.Store
	options      registration.Options
	certificates Certificates
	settleTime   time.Duration
	limit        *rate.Limiter
	// metrics may be nil.
	metrics *telemetry.Configurations

	// mu is held while the configurations are read, compared and written; the memories below are its.
	mu           sync.Mutex
	retention    retention
	observations observations
	// settled are the configurations as they were last in place, as built.
	settled configurations

	// inPlace is the CA bundle of the configurations when they were last seen to be as they should.
	inPlace atomic.Pointer[[]byte]
}

var _ reconcile.Reconciler = (*WebhookConfigurationReconciler)(nil)

// Reconcile implements reconcile.Reconciler; every request means both configurations.
func (r *WebhookConfigurationReconciler) Reconcile(ctx context.Context, _ reconcile.Request) (reconcile.Result, error) {
	again, err := r.ensure(ctx, r.cached, nil, r.limit)
	switch {
	case errors.Is(err, errNoBundle):
		return reconcile.Result{}, nil // the certificates tell when it is there
	case lostRace(err):
		// Another replica was first, and the watch is about to tell.
		return reconcile.Result{RequeueAfter: coalesce}, nil
	}
	return reconcile.Result{RequeueAfter: again}, err
}

// Ready is a readiness check: a snapshot is published, and the API server knows where to call with which CA.
func (r *WebhookConfigurationReconciler) Ready(*http.Request) error {
	if r.store.Load() == nil {
		return errNoSnapshot
	}
	inPlace := r.inPlace.Load()
	if inPlace == nil || !bytes.Equal(*inPlace, r.certificates.CABundle()) {
		return errNotWritten
	}
	return nil
}

// ensure makes the configurations as they should be, with rules for extra resources besides those needed. It returns when to
// look again, zero for never. limit, where not nil, bounds writes.
func (r *WebhookConfigurationReconciler) ensure(
	ctx context.Context, reader client.Reader, extra []runtimeschema.GroupResource, limit *rate.Limiter,
) (again time.Duration, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()

	options := r.options
	if options.CABundle = r.certificates.CABundle(); options.CABundle == nil {
		return 0, errNoBundle
	}
	resources, err := r.needed(ctx)
	if err != nil {
		return 0, err
	}
	current, err := read(ctx, reader)
	if err != nil {
		return 0, err
	}
	both, either := current.registered()
	r.observations.observe(both, time.Now())
	kept, again := r.retention.keep(either, resources, time.Now())
	resources = append(append(resources, kept...), extra...)

	next := current.desired(options, resources)
	mutating, validating := registration.Build(options, resources)
	built := configurations{mutating: mutating, validating: validating}
	if next.upToDate() {
		r.settled = built
		r.inPlace.Store(&options.CABundle)
		return again, nil
	}
	if limit != nil {
		if reservation := limit.Reserve(); reservation.Delay() > 0 {
			defer reservation.Cancel()
			return reservation.Delay(), nil
		}
	}
	if err := r.write(ctx, next, built); err != nil {
		return 0, err
	}
	r.settled = built
	both, _ = built.registered()
	r.observations.observe(both, time.Now())
	r.inPlace.Store(&options.CABundle)
	log.FromContext(ctx).Info("wrote the webhook configurations", "kinds", len(both))
	return again, nil
}

// needed are the kinds whose instances must be judged, as far as the caches know.
func (r *WebhookConfigurationReconciler) needed(ctx context.Context) ([]runtimeschema.GroupResource, error) {
	crds := newCustomResourceDefinitionList()
	if err := r.cached.List(ctx, crds, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("listing CRDs: %w", err)
	}
	snapshot := r.store.Load()
	if snapshot == nil {
		return neededResources(nil, crds.Items), nil
	}
	return neededResources(snapshot.Offerings.All(), crds.Items), nil
}

// read reads both configurations.
func read(ctx context.Context, reader client.Reader) (configurations, error) {
	var current configurations
	key := client.ObjectKey{Name: registration.Name}
	mutating := &admissionregistrationv1.MutatingWebhookConfiguration{}
	switch err := reader.Get(ctx, key, mutating); {
	case err == nil:
		current.mutating = mutating
	case !apierrors.IsNotFound(err):
		return configurations{}, fmt.Errorf("reading the mutating webhook configuration: %w", err)
	}
	validating := &admissionregistrationv1.ValidatingWebhookConfiguration{}
	switch err := reader.Get(ctx, key, validating); {
	case err == nil:
		current.validating = validating
	case !apierrors.IsNotFound(err):
		return configurations{}, fmt.Errorf("reading the validating webhook configuration: %w", err)
	}
	return current, nil
}

// write writes what differs. Updates carry the resourceVersion that was read, so that they never undo what this replica has not
// seen.
func (r *WebhookConfigurationReconciler) write(ctx context.Context, differing, built configurations) error {
	for _, object := range differing.objects() {
		reason, drifted := r.settled.drift(object, built)
		if object.GetResourceVersion() == "" {
			if err := r.writer.Create(ctx, object); err != nil {
				return fmt.Errorf("creating %T: %w", object, err)
			}
		} else if err := r.writer.Update(ctx, object); err != nil {
			return fmt.Errorf("updating %T: %w", object, err)
		}
		// Only now is it certain that what was read was not just out of date.
		r.metrics.CountWrite()
		if drifted {
			r.metrics.CountDrift(reason)
			log.FromContext(ctx).Info("put a webhook configuration back", "type", fmt.Sprintf("%T", object), "reason", reason)
		}
	}
	return nil
}

// lostRace reports whether a write failed because somebody else wrote or deleted first.
func lostRace(err error) bool {
	return apierrors.IsConflict(err) || apierrors.IsAlreadyExists(err) || apierrors.IsNotFound(err)
}
