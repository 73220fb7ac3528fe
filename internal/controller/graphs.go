package controller

import (
	"context"
	"sync"
	"time"

	internalv1alpha1 "github.com/kubernetes-sigs/kro/api/internal.kro.run/v1alpha1"
	krov1alpha1 "github.com/kubernetes-sigs/kro/api/v1alpha1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	runtimeschema "k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/kroguard/kroguard/internal/offering"
	"github.com/kroguard/kroguard/internal/render"
)

// +kubebuilder:rbac:groups=internal.kro.run,resources=graphrevisions,verbs=list;watch

const (
	// revisionCRD is the CRD of kro's GraphRevision.
	revisionCRD = "graphrevisions.internal.kro.run"
	// settleKinds is how long after a change of a CustomResourceDefinition the cluster's kinds may still be on their way into the API
	// server's discovery and OpenAPI documents. A second is usual.
	settleKinds = 10 * time.Second
	// refreshKinds is how often they are asked for meanwhile, and at most.
	refreshKinds = time.Second
	// maxKindsAge is after how long they are asked for anyway: API servers that are aggregated come and go without a
	// CustomResourceDefinition.
	maxKindsAge = 10 * time.Minute
	// retryKinds is when it is tried again where the API server did not answer.
	retryKinds = 5 * time.Second
)

func revisionKind() runtimeschema.GroupVersionKind {
	return runtimeschema.GroupVersionKind{Group: "internal.kro.run", Version: "v1alpha1", Kind: "GraphRevision"}
}

// kindSource is where the cluster's kinds come from.
type kindSource interface {
	render.Types
	// Refresh asks for them anew, and reports whether any is different.
	Refresh() (changed bool, err error)
	// Release lets go of what was read on the way.
	Release()
}

// graphs compile what renders instances. It is for one goroutine, but for touch.
type graphs struct {
	// kinds is nil where nothing is to be rendered.
	kinds kindSource
	// revisions is nil where RGDs alone count.
	revisions *optionalKind

	mu sync.Mutex
	// touched is when a CustomResourceDefinition changed last.
	touched time.Time

	refreshed time.Time
	set       *render.Set
}

// touch notes that a CustomResourceDefinition has changed.
func (g *graphs) touch() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.touched = time.Now()
}

// update compiles the graphs of the offerings that count. A retry other than zero asks to be called again after it. What the API server
// does not tell now keeps nothing else from being published: what can't be rendered is refused where a guardrail asks for it.
func (g *graphs) update(
	ctx context.Context, rgds []*krov1alpha1.ResourceGraphDefinition, catalog *offering.Catalog,
) (*render.Set, time.Duration, error) {
	if g == nil || g.kinds == nil {
		return nil, 0, nil
	}
	retry, err := g.refresh()
	if err != nil {
		log.FromContext(ctx).Error(err, "instances are rendered by what was known before")
		if g.refreshed.IsZero() {
			return nil, retry, nil
		}
	}
	revisions, soon, err := g.listRevisions(ctx)
	if err != nil {
		return nil, 0, err
	}
	set, err := render.NewSet(ctx, render.Definitions(rgds, revisions, catalog.Counts), g.kinds, render.Options{}, g.set)
	g.kinds.Release()
	if err != nil {
		return nil, 0, err
	}
	g.set = set
	return set, sooner(retry, soon), nil
}

// refresh asks for the cluster's kinds where they may have changed.
func (g *graphs) refresh() (retry time.Duration, err error) {
	g.mu.Lock()
	touched := g.touched
	g.mu.Unlock()
	now := time.Now()
	settled := touched.Add(settleKinds)
	age := now.Sub(g.refreshed)
	if !now.Before(settled) && !g.refreshed.Before(settled) && age < maxKindsAge {
		return maxKindsAge - age, nil
	}
	if age < refreshKinds {
		return refreshKinds - age, nil
	}
	if _, err := g.kinds.Refresh(); err != nil {
		return retryKinds, err
	}
	g.refreshed = now
	if now.Before(settled) {
		return refreshKinds, nil
	}
	return maxKindsAge, nil
}

// listRevisions are kro's GraphRevisions; none where kro has none.
func (g *graphs) listRevisions(ctx context.Context) ([]*internalv1alpha1.GraphRevision, time.Duration, error) {
	if g.revisions == nil {
		return nil, 0, nil
	}
	objects, retry, err := g.revisions.list(ctx)
	if err != nil {
		return nil, 0, err
	}
	revisions := make([]*internalv1alpha1.GraphRevision, 0, len(objects))
	for i := range objects {
		revision, err := convert[internalv1alpha1.GraphRevision](&objects[i])
		if err != nil {
			log.FromContext(ctx).Error(err, "a GraphRevision can't be read", "name", objects[i].GetName())
			continue
		}
		revisions = append(revisions, revision)
	}
	return revisions, retry, nil
}

// convert makes a typed object of one that is not, which stays as it is.
func convert[T any](object *unstructured.Unstructured) (*T, error) {
	typed := new(T)
	return typed, runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, typed)
}

// sooner is the shorter of two times; 0 stands for never.
func sooner(a, b time.Duration) time.Duration {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}

// definitionEvents enqueue the one key, and note that the cluster's kinds may have changed.
func definitionEvents(g *graphs) handler.EventHandler {
	enqueue := func(q queue) {
		g.touch()
		q.AddAfter(everything(), coalesce)
	}
	return handler.Funcs{
		CreateFunc: func(_ context.Context, _ event.CreateEvent, q queue) { enqueue(q) },
		UpdateFunc: func(_ context.Context, e event.UpdateEvent, q queue) {
			if e.ObjectOld.GetGeneration() != e.ObjectNew.GetGeneration() {
				enqueue(q)
			}
		},
		DeleteFunc: func(_ context.Context, _ event.DeleteEvent, q queue) { enqueue(q) },
	}
}
