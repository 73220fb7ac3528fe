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
	// knodexCRD is the CRD of the Knodex Project.
	knodexCRD = "projects.knodex.io"
	// knodexSyncTimeout is how long snapshots wait for the first list of Knodex Projects. Without them a namespace would seem
	// to belong to nobody; but nothing may keep guardrails from being published for long.
	knodexSyncTimeout = 5 * time.Second
	// knodexRetry is how soon it is tried again where the kind is not served yet, or its list not there. Events come sooner
	// in all but odd cases.
	knodexRetry = 2 * time.Second
)

func knodexKind() runtimeschema.GroupVersionKind {
	return runtimeschema.GroupVersionKind{Group: "knodex.io", Version: "v1alpha1", Kind: "Project"}
}

func newKnodexProject() *unstructured.Unstructured {
	project := &unstructured.Unstructured{}
	project.SetGroupVersionKind(knodexKind())
	return project
}

// watcher is a controller that can be given another source while it runs.
type watcher interface {
	Watch(source source.Source) error
}

// +kubebuilder:rbac:groups=knodex.io,resources=projects,verbs=get;list;watch

// knodexProjects reads Knodex Projects where their CRD is installed, whenever that is. It is for one goroutine.
type knodexProjects struct {
	cache   cache.Cache
	mapper  meta.RESTMapper
	watcher watcher

	watching bool
	// deadline is when to stop waiting for the first list.
	deadline time.Time
}

// list returns the projects; none where the kind is not installed. A retry other than zero asks to be called again after it:
// what is returned is not the whole truth yet.
func (k *knodexProjects) list(ctx context.Context) (projects []unstructured.Unstructured, retry time.Duration, err error) {
	crd := newCustomResourceDefinition()
	if err := k.cache.Get(ctx, client.ObjectKey{Name: knodexCRD}, crd); err != nil {
		if apierrors.IsNotFound(err) {
			return nil, 0, k.forget(ctx)
		}
		return nil, 0, fmt.Errorf("looking for CRD %s: %w", knodexCRD, err)
	}
	served, err := k.follow()
	if err != nil || !served {
		return nil, knodexRetry, err
	}
	synced, err := k.waitForSync(ctx)
	if err != nil || !synced {
		return nil, knodexRetry, err
	}
	list := &unstructured.UnstructuredList{}
	list.SetGroupVersionKind(knodexKind().GroupVersion().WithKind("ProjectList"))
	if err := k.cache.List(ctx, list, client.UnsafeDisableDeepCopy); err != nil {
		return nil, 0, fmt.Errorf("listing Knodex Projects: %w", err)
	}
	return list.Items, 0, nil
}

// follow watches the kind as soon as the API server serves it, and reports whether it is watched.
func (k *knodexProjects) follow() (bool, error) {
	if k.watching {
		return true, nil
	}
	kind := knodexKind()
	if _, err := k.mapper.RESTMapping(kind.GroupKind(), kind.Version); err != nil {
		if meta.IsNoMatchError(err) {
			return false, nil
		}
		return false, fmt.Errorf("looking for Knodex Projects: %w", err)
	}
	projects := source.Kind[client.Object](k.cache, newKnodexProject(), enqueueEverything(), predicate.GenerationChangedPredicate{})
	if err := k.watcher.Watch(projects); err != nil {
		return false, fmt.Errorf("watching Knodex Projects: %w", err)
	}
	k.watching, k.deadline = true, time.Now().Add(knodexSyncTimeout)
	return true, nil
}

// waitForSync waits for the first list, until the deadline.
func (k *knodexProjects) waitForSync(ctx context.Context) (bool, error) {
	informer, err := k.cache.GetInformer(ctx, newKnodexProject(), cache.BlockUntilSynced(false))
	if err != nil {
		return false, fmt.Errorf("watching Knodex Projects: %w", err)
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
func (k *knodexProjects) forget(ctx context.Context) error {
	if !k.watching {
		return nil
	}
	if err := k.cache.RemoveInformer(ctx, newKnodexProject()); err != nil {
		return fmt.Errorf("forgetting Knodex Projects: %w", err)
	}
	k.watching = false
	return nil
}
