package controller

import (
	"context"
	"fmt"
	"net/http"
	"time"

	krov1alpha1 "github.com/kubernetes-sigs/kro/api/v1alpha1"
	"golang.org/x/time/rate"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	runtimeschema "k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	runtimecontroller "sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	"github.com/kroguard/kroguard/internal/openapi"
	"github.com/kroguard/kroguard/internal/registration"
	"github.com/kroguard/kroguard/policies/v1alpha1"
)

// reconcileTimeout bounds one round of a controller, so that a call to the API server that hangs does not hold it for ever.
const reconcileTimeout = 30 * time.Second

// Controllers are what the webhooks and the probes need of the controllers.
type Controllers struct {
	webhooks *WebhookConfigurationReconciler
}

// EnsureRule returns nil once the API server sends instances of the resource to kroguard; see
// WebhookConfigurationReconciler.EnsureRule.
func (c *Controllers) EnsureRule(ctx context.Context, resource runtimeschema.GroupResource, dryRun bool) error {
	return c.webhooks.EnsureRule(ctx, resource, dryRun)
}

// Ready is a readiness check: the first snapshot is published and the webhook configurations are written with the CA bundle in
// use.
func (c *Controllers) Ready(request *http.Request) error { return c.webhooks.Ready(request) }

// Setup adds the controllers to the manager, whose cache must have CacheOptions and whose scheme must know Kubernetes', kro's and
// kroguard's kinds.
func Setup(mgr manager.Manager, options Options) (*Controllers, error) {
	if err := options.Complete(); err != nil {
		return nil, fmt.Errorf("controllers: %w", err)
	}
	statuses, webhooks := new(trigger), new(trigger)
	options.Certificates.Subscribe(webhooks.fire)

	discoverer, err := discovery.NewDiscoveryClientForConfigAndClient(mgr.GetConfig(), mgr.GetHTTPClient())
	if err != nil {
		return nil, fmt.Errorf("setting up discovery: %w", err)
	}
	snapshots := &SnapshotReconciler{
		graphs:   &graphs{kinds: openapi.New(discoverer)},
		observer: options.Sources.Recorder,
		reader:   mgr.GetCache(),
		store:    options.Store,
		compiler: options.Compiler,
		settings: options.Settings,
		recorder: mgr.GetEventRecorder("kroguard"),
		changed:  []*trigger{webhooks, statuses},
		metrics:  options.Metrics.Snapshots,
		renders:  options.Metrics.Renders,
	}
	if err := addSnapshots(mgr, snapshots, &options.Sources); err != nil {
		return nil, fmt.Errorf("setting up the snapshot controller: %w", err)
	}
	status := &StatusReconciler{
		reader: mgr.GetCache(), writer: mgr.GetClient().Status(), compiler: options.Compiler,
		published: snapshots.published.Load, now: options.Now,
	}
	err = newBuilder(mgr, "status").WatchesRawSource(statuses).Complete(status)
	if err != nil {
		return nil, fmt.Errorf("setting up the status controller: %w", err)
	}
	configurations := &WebhookConfigurationReconciler{
		cached: mgr.GetCache(), live: mgr.GetAPIReader(), writer: mgr.GetClient(),
		store: options.Store, options: options.Registration, certificates: options.Certificates, settleTime: options.SettleTime,
		limit: rate.NewLimiter(writesPerSecond, writeBurst), owner: options.Owner, metrics: options.Metrics.Configurations,
	}
	if options.AwaitReadiness {
		configurations.announce = announceTime
	}
	own := builder.WithPredicates(predicate.NewPredicateFuncs(func(object client.Object) bool { return object.GetName() == registration.Name }))
	err = newBuilder(mgr, "webhook-configuration").
		Watches(&admissionregistrationv1.MutatingWebhookConfiguration{}, enqueueEverything(), own).
		Watches(&admissionregistrationv1.ValidatingWebhookConfiguration{}, enqueueEverything(), own).
		WatchesMetadata(newCustomResourceDefinition(), enqueueEverything(), builder.WithPredicates(predicate.LabelChangedPredicate{})).
		WatchesRawSource(webhooks).
		Complete(configurations)
	if err != nil {
		return nil, fmt.Errorf("setting up the webhook configuration controller: %w", err)
	}
	return &Controllers{webhooks: configurations}, nil
}

// addSnapshots adds the snapshot controller. Its watches leave out what no snapshot depends on, above all statuses, which kro
// writes often.
func addSnapshots(mgr manager.Manager, r *SnapshotReconciler, sources *Sources) error {
	spec := builder.WithPredicates(predicate.GenerationChangedPredicate{})
	specAndMeta := builder.WithPredicates(predicate.Or[client.Object](
		predicate.GenerationChangedPredicate{}, predicate.LabelChangedPredicate{}, predicate.AnnotationChangedPredicate{},
	))
	building := newBuilder(mgr, "snapshot").
		Watches(&krov1alpha1.ResourceGraphDefinition{}, enqueueEverything(), specAndMeta).
		Watches(&v1alpha1.Project{}, enqueueEverything(), spec).
		Watches(&v1alpha1.Guardrail{}, enqueueEverything(), spec).
		Watches(&v1alpha1.GuardrailException{}, enqueueEverything(), spec).
		Watches(&corev1.Namespace{}, enqueueEverything(), specAndMeta).
		WatchesMetadata(newCustomResourceDefinition(), definitionEvents(r.graphs)).
		WatchesRawSource(new(trigger)) // an empty cluster has a snapshot, too
	if sources.has(SourceAdmissionPolicies) {
		building = building.
			Watches(&admissionregistrationv1.ValidatingAdmissionPolicy{}, enqueueEverything(), spec).
			Watches(&admissionregistrationv1.ValidatingAdmissionPolicyBinding{}, enqueueEverything(), spec)
	}
	controller, err := building.Build(r)
	if err != nil {
		return err
	}
	optional := func(kind runtimeschema.GroupVersionKind, crd string, matters predicate.Predicate) *optionalKind {
		return &optionalKind{
			cache: mgr.GetCache(), mapper: mgr.GetRESTMapper(), watcher: controller, kind: kind, crd: crd, matters: matters,
		}
	}
	r.knodex = optional(knodexKind(), knodexCRD, predicate.GenerationChangedPredicate{})
	// That a revision is verified is a condition, which changes no generation.
	r.graphs.revisions = optional(revisionKind(), revisionCRD, predicate.ResourceVersionChangedPredicate{})
	if sources.has(SourceAdmissionPolicies) {
		r.sources = append(r.sources, newAdmissionPolicies(mgr.GetCache(), mgr.GetRESTMapper(), controller, sources.CEL))
	}
	if sources.has(SourceGatekeeper) {
		r.sources = append(r.sources, newGatekeeperPolicies(optional, sources.Gatekeeper, sources.Inventory))
	}
	return nil
}

// newBuilder has what the controllers have in common: every replica runs them.
func newBuilder(mgr manager.Manager, name string) *builder.Builder {
	return builder.ControllerManagedBy(mgr).Named(name).WithOptions(runtimecontroller.Options{
		NeedLeaderElection:    ptr.To(false),
		ReconciliationTimeout: reconcileTimeout,
	})
}
