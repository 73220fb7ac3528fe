package controller

import (
	"context"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	runtimeschema "k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/source"
)

const (
	// optionalSyncTimeout is how long snapshots wait for the first list of a kind that need not be installed. Without Knodex'
	// Projects a namespace would seem to belong to nobody; but nothing may keep guardrails from being published for long.
	optionalSyncTimeout = 5 * time.Second
	// optionalRetry is how soon it is tried again where the kind is not served yet, or its list not there. Events come sooner
	// in all but odd cases.
	optionalRetry = 2 * time.Second
)

// watcher is a controller that can be given another source while it runs.
type watcher interface {
	Watch(source source.Source) error
}

// optionalKind reads the objects of a kind where its CRD is installed, whenever that is. It is for one goroutine.
type optionalKind struct {
	cache   cache.Cache
	mapper  meta.RESTMapper
	watcher watcher
	// kind is the kind, crd the name of its CustomResourceDefinition; empty where that is not known, or there is none.
	kind runtimeschema.GroupVersionKind
	crd  string
	// matters are the events that make a new snapshot.
	matters predicate.Predicate
	// delay is how long an event waits for company; 0 is coalesce.
	delay time.Duration

	watching bool
	// deadline is when to stop waiting for the first list.
	deadline time.Time
}

// list returns the objects; none where the kind is not installed. A retry other than zero asks to be called again after it:
// what is returned is not the whole truth yet.
func (k *optionalKind) list(ctx context.Context) (objects []unstructured.Unstructured, retry time.Duration, err error) {
	if k.crd != "" {
		crd := newCustomResourceDefinition()
		if err := k.cache.Get(ctx, client.ObjectKey{Name: k.crd}, crd); err != nil {
			if apierrors.IsNotFound(err) {
				return nil, 0, k.forget(ctx)
			}
			return nil, 0, fmt.Errorf("looking for CRD %s: %w", k.crd, err)
		}
	}
	served, err := k.follow()
	if err != nil || !served {
		return nil, optionalRetry, err
	}
	synced, err := k.waitForSync(ctx)
	if err != nil || !synced {
		return nil, optionalRetry, err
	}
	list := &unstructured.UnstructuredList{}
	list.SetGroupVersionKind(k.kind.GroupVersion().WithKind(k.kind.Kind + "List"))
	if err := k.cache.List(ctx, list, client.UnsafeDisableDeepCopy); err != nil {
		return nil, 0, fmt.Errorf("listing %s: %w", k.kind, err)
	}
	return list.Items, 0, nil
}

func (k *optionalKind) object() *unstructured.Unstructured {
	object := &unstructured.Unstructured{}
	object.SetGroupVersionKind(k.kind)
	return object
}

// follow watches the kind as soon as the API server serves it, and reports whether it is watched.
func (k *optionalKind) follow() (bool, error) {
	if k.watching {
		return true, nil
	}
	if _, err := k.mapper.RESTMapping(k.kind.GroupKind(), k.kind.Version); err != nil {
		if meta.IsNoMatchError(err) {
			return false, nil
		}
		return false, fmt.Errorf("looking for %s: %w", k.kind, err)
	}
	objects := source.Kind[client.Object](k.cache, k.object(), enqueueAfter(max(k.delay, coalesce)), k.matters)
	if err := k.watcher.Watch(objects); err != nil {
		return false, fmt.Errorf("watching %s: %w", k.kind, err)
	}
	k.watching, k.deadline = true, time.Now().Add(optionalSyncTimeout)
	return true, nil
}

// waitForSync waits for the first list, until the deadline.
func (k *optionalKind) waitForSync(ctx context.Context) (bool, error) {
	informer, err := k.cache.GetInformer(ctx, k.object(), cache.BlockUntilSynced(false))
	if err != nil {
		return false, fmt.Errorf("watching %s: %w", k.kind, err)
	}
	ctx, cancel := context.WithDeadline(ctx, k.deadline)
	defer cancel()
	ticker := time.NewTicker(coalesce)
	defer ticker.Stop()
	for !informer.HasSynced() {
		select {
		case <-ctx.Done():
			return false, nil
		case <-ticker.C:
		}
	}
	return true, nil
}

// forget stops watching a kind that is gone, whose list would fail for ever.
func (k *optionalKind) forget(ctx context.Context) error {
	if !k.watching {
		return nil
	}
	if err := k.cache.RemoveInformer(ctx, k.object()); err != nil {
		return fmt.Errorf("forgetting %s: %w", k.kind, err)
	}
	k.watching = false
	return nil
}
