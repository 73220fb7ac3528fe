package controller

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/labels"
	runtimeschema "k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	"github.com/kroguard/kroguard/policies"
	"github.com/kroguard/kroguard/policies/admissionpolicy"
	"github.com/kroguard/kroguard/policies/cel"
)

// policySource yields the policies of another engine. A retry other than zero asks to be called again after it.
type policySource interface {
	list(ctx context.Context) (list []policies.Policy, retry time.Duration, err error)
}

// admissionPolicies are the cluster's ValidatingAdmissionPolicies. It is for one goroutine; what it yields is not.
type admissionPolicies struct {
	reader   client.Reader
	cache    cache.Cache
	mapper   meta.RESTMapper
	watcher  watcher
	compiler *admissionpolicy.Compiler
	params   *watchedParams
	kinds    map[runtimeschema.GroupVersionKind]*optionalKind
}

var _ policySource = (*admissionPolicies)(nil)

func newAdmissionPolicies(c cache.Cache, mapper meta.RESTMapper, w watcher, driver *cel.Driver) *admissionPolicies {
	params := &watchedParams{mapper: mapper}
	params.objects.Store(admissionpolicy.NewObjects(nil))
	return &admissionPolicies{
		reader: c, cache: c, mapper: mapper, watcher: w, params: params,
		compiler: admissionpolicy.NewCompiler(admissionpolicy.Options{Driver: driver, Params: params}),
		kinds:    map[runtimeschema.GroupVersionKind]*optionalKind{},
	}
}

func (a *admissionPolicies) list(ctx context.Context) ([]policies.Policy, time.Duration, error) {
	var definitions admissionregistrationv1.ValidatingAdmissionPolicyList
	var bindings admissionregistrationv1.ValidatingAdmissionPolicyBindingList
	for _, list := range []client.ObjectList{&definitions, &bindings} {
		if err := a.reader.List(ctx, list, client.UnsafeDisableDeepCopy); err != nil {
			return nil, 0, fmt.Errorf("listing %T: %w", list, err)
		}
	}
	retry, err := a.updateParams(ctx, admissionpolicy.ParamKinds(pointers(definitions.Items), pointers(bindings.Items)))
	if err != nil {
		return nil, 0, err
	}
	return a.compiler.Compile(pointers(definitions.Items), pointers(bindings.Items)), retry, nil
}

// updateParams watches the kinds that are params, and no others.
func (a *admissionPolicies) updateParams(ctx context.Context, kinds []runtimeschema.GroupVersionKind) (time.Duration, error) {
	wanted := make(map[runtimeschema.GroupVersionKind]*optionalKind, len(kinds))
	var retry time.Duration
	var objects []map[string]any
	for _, kind := range kinds {
		watched := a.kinds[kind]
		if watched == nil {
			watched = &optionalKind{
				cache: a.cache, mapper: a.mapper, watcher: a.watcher, kind: kind, matters: predicate.ResourceVersionChangedPredicate{},
			}
		}
		wanted[kind] = watched
		list, soon, err := watched.list(ctx)
		if err != nil {
			return 0, err
		}
		retry = sooner(retry, soon)
		for i := range list {
			objects = append(objects, list[i].Object)
		}
	}
	for kind, watched := range a.kinds {
		if wanted[kind] == nil {
			if err := watched.forget(ctx); err != nil {
				return 0, err
			}
		}
	}
	a.kinds = wanted
	a.params.objects.Store(admissionpolicy.NewObjects(objects))
	return retry, nil
}

// watchedParams are the params that are in the cluster now.
type watchedParams struct {
	mapper  meta.RESTMapper
	objects atomic.Pointer[admissionpolicy.Objects]
}

var _ admissionpolicy.Params = (*watchedParams)(nil)

// Namespaced asks the API server's discovery, which the mapper remembers.
func (p *watchedParams) Namespaced(kind runtimeschema.GroupVersionKind) (bool, error) {
	mapping, err := p.mapper.RESTMapping(kind.GroupKind(), kind.Version)
	if err != nil {
		return false, err
	}
	return mapping.Scope.Name() == meta.RESTScopeNameNamespace, nil
}

// Get yields one object; nil where there is none.
func (p *watchedParams) Get(kind runtimeschema.GroupVersionKind, namespace, name string) (map[string]any, error) {
	return p.objects.Load().Get(kind, namespace, name)
}

// List yields the selected objects of a namespace.
func (p *watchedParams) List(
	kind runtimeschema.GroupVersionKind, namespace string, selector labels.Selector,
) ([]map[string]any, error) {
	return p.objects.Load().List(kind, namespace, selector)
}
