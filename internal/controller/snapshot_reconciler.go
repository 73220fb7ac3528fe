package controller

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	krov1alpha1 "github.com/kubernetes-sigs/kro/api/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/kroguard/kroguard/internal/offering"
	"github.com/kroguard/kroguard/internal/project"
	"github.com/kroguard/kroguard/internal/render"
	"github.com/kroguard/kroguard/internal/review"
	"github.com/kroguard/kroguard/internal/telemetry"
	"github.com/kroguard/kroguard/internal/truncate"
	"github.com/kroguard/kroguard/policies"
	"github.com/kroguard/kroguard/policies/v1alpha1"
)

// +kubebuilder:rbac:groups=kro.run,resources=resourcegraphdefinitions,verbs=list;watch
// +kubebuilder:rbac:groups=kroguard.io,resources=projects;guardrails;guardrailexceptions,verbs=list;watch
// +kubebuilder:rbac:groups="",resources=namespaces,verbs=list;watch
// +kubebuilder:rbac:groups=apiextensions.k8s.io,resources=customresourcedefinitions,verbs=list;watch
// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create;patch

// SnapshotReconciler publishes a snapshot of the configuration whenever anything of it changes.
type SnapshotReconciler struct {
	// reader is the cache; what it yields is not copied and must not be changed.
	reader client.Reader
	knodex *optionalKind
	// graphs render instances; sources are the policies of other engines that count besides guardrails.
	graphs  *graphs
	sources []policySource
	// observer is told of their policies; it may be nil.
	observer policies.Recorder
	store    *review.Store
	compiler *policies.Compiler
	settings review.Settings
	recorder events.EventRecorder
	// metrics is told of each snapshot, renders of what is rendered by it; they may be nil.
	metrics *telemetry.Snapshots
	renders *telemetry.Renders

	offerings  offeringCache
	projects   claimCache
	namespaces namespaceCache
	// published is what the store's snapshot was made of, for statuses.
	published atomic.Pointer[published]
	// changed is told of every snapshot.
	changed []*trigger
}

var _ reconcile.Reconciler = (*SnapshotReconciler)(nil)

// published is a snapshot with what its statuses need besides; immutable.
type published struct {
	snapshot *review.Snapshot
	// projects are the kroguard.io Projects by name.
	projects map[string]parsedProject
}

// configuration is all that a snapshot is made of.
type configuration struct {
	rgds       []*krov1alpha1.ResourceGraphDefinition
	projects   []*v1alpha1.Project
	knodex     []map[string]any
	guardrails []*v1alpha1.Guardrail
	exceptions []*v1alpha1.GuardrailException
	namespaces []*corev1.Namespace
}

// parts are what a configuration was made into; what did not change since the last time is the same as then.
type parts struct {
	catalog    *offering.Catalog
	graphs     *render.Set
	projects   []parsedProject
	guardrails *policies.Set
}

// Reconcile implements reconcile.Reconciler; every request means the whole configuration.
func (r *SnapshotReconciler) Reconcile(ctx context.Context, _ reconcile.Request) (reconcile.Result, error) {
	started := time.Now()
	config, retry, err := r.read(ctx)
	if err != nil {
		return reconcile.Result{}, err
	}
	config.namespaces = r.namespaces.update(config.namespaces)
	offerings, found := r.offerings.update(config.rgds)
	made := parts{
		catalog: offering.NewCatalog(offerings), projects: r.projects.update(config.projects),
		guardrails: r.compiler.Compile(ctx, config.guardrails, config.exceptions),
	}
	var soon, later time.Duration
	if made.graphs, soon, err = r.graphs.update(ctx, config.rgds, made.catalog); err != nil {
		return reconcile.Result{}, fmt.Errorf("compiling what renders instances: %w", err)
	}
	if made.guardrails, later, err = r.withOthers(ctx, made.guardrails); err != nil {
		return reconcile.Result{}, err
	}
	retry = sooner(retry, sooner(soon, later))
	if ctx.Err() != nil {
		return reconcile.Result{}, ctx.Err() // a set that was cut short is not published
	}
	next := assemble(config, made, r.settings)
	next.snapshot.Renders = r.renders

	r.published.Store(next)
	r.store.Publish(next.snapshot)
	r.metrics.Published(time.Now(), time.Since(started), config.contents(made.guardrails))
	for _, changed := range r.changed {
		changed.fire()
	}
	log.FromContext(ctx).V(1).Info("published a snapshot", "took", time.Since(started).String(), "offerings", len(offerings),
		"projects", len(config.projects)+len(config.knodex), "guardrails", len(config.guardrails), "namespaces", len(config.namespaces))
	for _, conflict := range next.snapshot.Offerings.Conflicts() {
		log.FromContext(ctx).Info("several RGDs claim one kind: the first by name counts",
			"kind", conflict.GroupKind.String(), "counts", conflict.Winner, "ignored", conflict.Losers)
	}
	r.report(found)
	return reconcile.Result{RequeueAfter: retry}, nil
}

// contents counts what a snapshot is made of. set has the guardrails and the policies of other engines.
func (c *configuration) contents(set *policies.Set) telemetry.Contents {
	counts := telemetry.Contents{
		ResourceGraphDefinitions: len(c.rgds), Projects: len(c.projects), KnodexProjects: len(c.knodex), Guardrails: len(c.guardrails),
		GuardrailExceptions: len(c.exceptions), Namespaces: len(c.namespaces),
	}
	for _, info := range set.Guardrails() {
		switch {
		case info.Source != "":
			counts.Policies++
		case info.Err != nil:
			counts.NotCompiled++
		}
	}
	return counts
}

// withOthers adds the policies of other engines to the guardrails.
func (r *SnapshotReconciler) withOthers(ctx context.Context, set *policies.Set) (*policies.Set, time.Duration, error) {
	if len(r.sources) == 0 {
		return set, 0, nil
	}
	var all []policies.Policy
	var retry time.Duration
	for _, source := range r.sources {
		list, soon, err := source.list(ctx)
		if err != nil {
			return nil, 0, err
		}
		all = append(all, list...)
		retry = sooner(retry, soon)
	}
	return set.With(all, r.observer), retry, nil
}

// assemble makes a snapshot. It is a pure function.
func assemble(config *configuration, made parts, settings review.Settings) *published {
	next := &published{projects: make(map[string]parsedProject, len(made.projects))}
	claims := make([]*project.Claim, 0, len(made.projects)+len(config.knodex))
	for _, parsed := range made.projects {
		claims = append(claims, parsed.claim)
		next.projects[parsed.claim.Project.Name] = parsed
	}
	for _, object := range config.knodex {
		// What is wrong with a Knodex Project is for Knodex to say: there is no status of ours on it.
		if claim, _, err := project.FromKnodex(object); err == nil {
			claims = append(claims, claim)
		}
	}
	namespaces := make(map[string]*corev1.Namespace, len(config.namespaces))
	names := make([]project.Namespace, 0, len(config.namespaces))
	for _, namespace := range config.namespaces {
		namespaces[namespace.Name] = namespace
		names = append(names, project.Namespace{Name: namespace.Name, Labels: namespace.Labels})
	}
	next.snapshot = &review.Snapshot{
		Offerings:  made.catalog,
		Graphs:     made.graphs,
		Projects:   project.NewIndex(claims, names),
		Guardrails: made.guardrails,
		Namespaces: namespaces,
		Settings:   settings,
	}
	return next
}

// read lists the configuration from the cache.
func (r *SnapshotReconciler) read(ctx context.Context) (*configuration, time.Duration, error) {
	var (
		rgds       krov1alpha1.ResourceGraphDefinitionList
		projects   v1alpha1.ProjectList
		guardrails v1alpha1.GuardrailList
		exceptions v1alpha1.GuardrailExceptionList
		namespaces corev1.NamespaceList
	)
	var errs []error
	for _, list := range []client.ObjectList{&rgds, &projects, &guardrails, &exceptions, &namespaces} {
		if err := r.reader.List(ctx, list, client.UnsafeDisableDeepCopy); err != nil {
			errs = append(errs, fmt.Errorf("listing %T: %w", list, err))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, 0, err
	}
	config := &configuration{
		rgds: pointers(rgds.Items), projects: pointers(projects.Items), guardrails: pointers(guardrails.Items),
		exceptions: pointers(exceptions.Items), namespaces: pointers(namespaces.Items),
	}
	foreign, retry, err := r.knodex.list(ctx)
	if err != nil {
		return nil, 0, err
	}
	if retry > 0 {
		log.FromContext(ctx).Info("Knodex Projects are not known yet: namespaces may seem to belong to no project")
	}
	for i := range foreign {
		config.knodex = append(config.knodex, foreign[i].Object)
	}
	return config, retry, nil
}

// report tells, by an event on the RGD, of malformed annotations that got in while kroguard was not there to refuse them.
func (r *SnapshotReconciler) report(found []malformed) {
	for _, m := range found {
		texts := make([]string, len(m.problems))
		for i, problem := range m.problems {
			texts[i] = problem.String()
		}
		r.recorder.Eventf(m.rgd, nil, corev1.EventTypeWarning, "Malformed", "ReadOffering", "%s",
			truncate.Text(strings.Join(texts, "; "), truncate.EventNote))
	}
}

// pointers is a slice of pointers to the elements.
func pointers[T any](items []T) []*T {
	out := make([]*T, len(items))
	for i := range items {
		out[i] = &items[i]
	}
	return out
}
