package controller

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
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
	// announceTime is what a Service takes, once a probe found a replica ready: the kubelet's report, the endpoints, and kube-proxy on the
	// API server's node. A Deployment's minReadySeconds is longer, so that a rollout is complete when the configurations are in place.
	announceTime = 2 * time.Second
	// pollReady is how often readiness is looked at until then.
	pollReady = 200 * time.Millisecond
)

var (
	errNoBundle   = errors.New("the CA bundle of the webhook server is not known yet")
	errNotWritten = errors.New("the webhook configurations are not written yet")
	errNoSnapshot = errors.New("the first snapshot is not published yet")
	errNoOwner    = errors.New("the owner of what kroguard makes (--owner-clusterrole) is gone, so nothing is made")
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
	// owner is the name of the ClusterRole that owns the configurations; empty for none.
	owner string

	// announce is how long this replica must have been ready before it writes configurations where there are none: the time that a
	// Service takes to send it requests. Zero where no Service is in between.
	announce time.Duration
	// readySince is when Ready first held, in nanoseconds since 1970; 0 before.
	readySince atomic.Int64
	// waiting says that there are no configurations, and that they wait for readiness.
	waiting atomic.Bool
	// metrics may be nil.
	metrics *telemetry.Configurations

	// mu is held while the configurations are read, compared and written; the memories below are its.
	mu           sync.Mutex
	retention    retention
	observations observations
	authorities  authorities
	// ownerFound is the owner when it was last read.
	ownerFound *metav1.OwnerReference
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

// Ready is a readiness check: a snapshot is published, and the API server knows where to call with which CA. Behind a Service, the first
// replica of a cluster is ready before the API server knows: the Service sends nothing to a replica that is not ready, and
// configurations that lead nowhere would refuse every instance.
func (r *WebhookConfigurationReconciler) Ready(*http.Request) error {
	if r.store.Load() == nil {
		return errNoSnapshot
	}
	inPlace := r.inPlace.Load()
	switch {
	case inPlace != nil && r.certificates.Trusted(*inPlace):
	case inPlace == nil && r.announce > 0 && r.waiting.Load():
	default:
		return errNotWritten
	}
	r.readySince.CompareAndSwap(0, time.Now().UnixNano())
	return nil
}

// announced returns how long to wait until configurations may be written where there are none.
func (r *WebhookConfigurationReconciler) announced() time.Duration {
	if r.announce == 0 {
		return 0
	}
	since := r.readySince.Load()
	if since == 0 {
		r.waiting.Store(true)
		return pollReady
	}
	return max(0, time.Until(time.Unix(0, since).Add(r.announce)))
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
	if current.none() && limit != nil {
		if wait := r.announced(); wait > 0 {
			return wait, nil
		}
	}
	if options.Owner, err = r.ownerReference(ctx, current); err != nil {
		return 0, err
	}
	options.CABundle, again = r.authorities.merge(options.CABundle, current.caBundle(), time.Now())
	both, either := current.registered()
	r.observations.observe(both, time.Now())
	kept, later := r.retention.keep(either, resources, time.Now())
	again = sooner(again, later)
	resources = append(append(resources, kept...), extra...)

	built := current.build(options, resources)
	next := current.desired(built)
	if next.upToDate() {
		r.settled = built
		r.seenInPlace(options.CABundle)
		return again, nil
	}
	if limit != nil {
		if reservation := limit.Reserve(); reservation.Delay() > 0 {
			defer reservation.Cancel()
			return reservation.Delay(), nil
		}
	}
	if current.none() && limit != nil {
		// First the one that injects, on which the other insists.
		next.validating = nil
		return r.settleTime, r.write(ctx, next, built)
	}
	if err := r.write(ctx, next, built); err != nil {
		return 0, err
	}
	r.settled = built
	both, _ = built.registered()
	r.observations.observe(both, time.Now())
	r.seenInPlace(options.CABundle)
	log.FromContext(ctx).Info("wrote the webhook configurations", "kinds", len(both))
	return again, nil
}

// +kubebuilder:rbac:groups=rbac.authorization.k8s.io,resources=clusterroles,resourceNames=kroguard,verbs=get

// ownerReference is the owner of the configurations. It is read again before one is created: an owner that was replaced has another
// UID, which is why the garbage collector deleted it, and one that is gone is being uninstalled, after which nothing may come back.
func (r *WebhookConfigurationReconciler) ownerReference(ctx context.Context, current configurations) (*metav1.OwnerReference, error) {
	if r.owner == "" {
		return nil, nil
	}
	if r.ownerFound != nil && current.mutating != nil && current.validating != nil {
		return r.ownerFound, nil
	}
	found, err := ReadOwner(ctx, r.live, r.owner)
	if err != nil {
		return nil, err
	}
	r.ownerFound = found
	return found, nil
}

// ReadOwner makes the reference to a ClusterRole.
func ReadOwner(ctx context.Context, live client.Reader, name string) (*metav1.OwnerReference, error) {
	role := &metav1.PartialObjectMetadata{}
	role.SetGroupVersionKind(rbacv1.SchemeGroupVersion.WithKind("ClusterRole"))
	if err := live.Get(ctx, client.ObjectKey{Name: name}, role); apierrors.IsNotFound(err) {
		// Not as an error that says "not found": that is what a lost race looks like.
		return nil, fmt.Errorf("%w: there is no ClusterRole %s", errNoOwner, name)
	} else if err != nil {
		return nil, fmt.Errorf("reading ClusterRole %s, which --owner-clusterrole names: %w", name, err)
	}
	return &metav1.OwnerReference{
		APIVersion: rbacv1.SchemeGroupVersion.String(), Kind: "ClusterRole", Name: name, UID: role.GetUID(),
	}, nil
}

// seenInPlace remembers the bundle that both configurations have, and tells the certificates.
func (r *WebhookConfigurationReconciler) seenInPlace(bundle []byte) {
	r.inPlace.Store(&bundle)
	r.certificates.InPlace(bundle)
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
