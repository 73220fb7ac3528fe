package render

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	krov1alpha1 "github.com/kubernetes-sigs/kro/api/v1alpha1"
	runtimeschema "k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/kube-openapi/pkg/validation/spec"
)

// ErrNoGraph says that no RGD generates the kind of an instance.
var ErrNoGraph = errors.New("no ResourceGraphDefinition generates this kind")

// Options are the bounds of a Set. Zero fields have their defaults.
type Options struct {
	Limits                   Limits
	CacheEntries, CacheBytes int
}

// Set are the compiled RGDs of a platform. It is immutable, but for what it has rendered before, and safe for concurrent use.
type Set struct {
	limits Limits
	cache  *cache
	graphs map[runtimeschema.GroupKind]*Graph
	// nests are the graphs with a resource of a kind that another RGD generates.
	nests map[*Graph]bool
	// failed says why the RGD of a kind can't be rendered.
	failed map[runtimeschema.GroupKind]error
}

// NewSet compiles RGDs. An RGD may have resources of the kind of another; each kind is one RGD's, the first's. What the
// previous set, which may be nil, has compiled and rendered is taken over as far as neither the RGD nor the kinds that it uses
// have changed, with the options of that set. An RGD that does not compile fails alone; see Failed. The error is the context's.
func NewSet(ctx context.Context, definitions []Definition, types Types, options Options, previous *Set) (*Set, error) {
	s := &Set{
		limits: options.Limits.withDefaults(),
		graphs: map[runtimeschema.GroupKind]*Graph{},
		nests:  map[*Graph]bool{},
		failed: map[runtimeschema.GroupKind]error{},
	}
	b := setBuilder{
		set: s, types: types, previous: previous,
		definitions: map[runtimeschema.GroupKind]Definition{}, visited: map[runtimeschema.GroupKind]bool{},
	}
	var kinds []runtimeschema.GroupKind
	for _, definition := range definitions {
		kind := instanceKind(definition)
		if _, claimed := b.definitions[kind]; !claimed {
			b.definitions[kind] = definition
			kinds = append(kinds, kind)
		}
	}
	for _, kind := range kinds {
		if err := b.compile(ctx, kind); err != nil {
			return nil, err
		}
	}
	s.cache = b.cache(options)
	return s, nil
}

// Graph returns the graph of the instances of a kind. The error is a *CompileError, or ErrNoGraph.
func (s *Set) Graph(kind runtimeschema.GroupKind) (*Graph, error) {
	if g, ok := s.graphs[kind]; ok {
		return g, nil
	}
	if err, ok := s.failed[kind]; ok {
		return nil, err
	}
	return nil, fmt.Errorf("%s: %w", kind, ErrNoGraph)
}

// Failed are the RGDs that can't be rendered, by the kind of their instances. It must not be changed.
func (s *Set) Failed() map[runtimeschema.GroupKind]error { return s.failed }

// instanceKind is the kind of an RGD's instances.
func instanceKind(definition Definition) runtimeschema.GroupKind {
	if definition.Spec.Schema == nil {
		return runtimeschema.GroupKind{}
	}
	kind := runtimeschema.GroupKind{Group: definition.Spec.Schema.Group, Kind: definition.Spec.Schema.Kind}
	if kind.Group == "" {
		kind.Group = krov1alpha1.KRODomainName
	}
	return kind
}

// setBuilder compiles RGDs, those first whose kinds others use.
type setBuilder struct {
	set         *Set
	types       Types
	previous    *Set
	definitions map[runtimeschema.GroupKind]Definition
	visited     map[runtimeschema.GroupKind]bool
}

func (b *setBuilder) compile(ctx context.Context, kind runtimeschema.GroupKind) error {
	if b.visited[kind] {
		return nil
	}
	b.visited[kind] = true
	definition, nests := b.definitions[kind], false
	for _, resource := range definition.Spec.Resources {
		used, ok := templateKind(resource)
		if _, own := b.definitions[used]; !ok || !own {
			continue
		}
		nests = true
		if err := b.compile(ctx, used); err != nil {
			return err
		}
	}
	g, err := b.graph(ctx, kind, definition)
	if err != nil {
		if ctx.Err() != nil {
			return err
		}
		b.set.failed[kind] = err
		return nil
	}
	b.set.graphs[kind] = g
	if nests {
		b.set.nests[g] = true
	}
	return nil
}

func (b *setBuilder) graph(ctx context.Context, kind runtimeschema.GroupKind, definition Definition) (*Graph, error) {
	types := nestedTypes{Types: b.types, graphs: b.set.graphs}
	if b.previous != nil {
		if g, ok := b.previous.graphs[kind]; ok && g.name == definition.Name {
			if digest, err := digestOf(definition); err == nil && digest == g.digest && g.used.same(types) {
				return g, nil
			}
		}
	}
	return Compile(ctx, definition, types)
}

func (b *setBuilder) cache(options Options) *cache {
	if b.previous == nil {
		if options.CacheEntries <= 0 {
			options.CacheEntries = DefaultCacheEntries
		}
		if options.CacheBytes <= 0 {
			options.CacheBytes = DefaultCacheBytes
		}
		return newCache(options.CacheEntries, options.CacheBytes)
	}
	b.set.limits = b.previous.limits
	graphs := make(map[*Graph]bool, len(b.set.graphs))
	for _, g := range b.set.graphs {
		graphs[g] = true
	}
	b.previous.cache.keep(graphs)
	return b.previous.cache
}

// templateKind is the kind of a resource that kro creates.
func templateKind(resource *krov1alpha1.Resource) (runtimeschema.GroupKind, bool) {
	if resource == nil {
		return runtimeschema.GroupKind{}, false
	}
	var template struct {
		APIVersion string `json:"apiVersion"`
		Kind       string `json:"kind"`
	}
	if err := json.Unmarshal(resource.Template.Raw, &template); err != nil {
		return runtimeschema.GroupKind{}, false
	}
	gv, err := runtimeschema.ParseGroupVersion(template.APIVersion)
	return runtimeschema.GroupKind{Group: gv.Group, Kind: template.Kind}, err == nil
}

// nestedTypes are types in which the kinds of RGDs are those that the RGDs generate now. Two RGDs that nest each other can't
// both know the other's kind; the one that is compiled first takes it from the types.
type nestedTypes struct {
	Types
	graphs map[runtimeschema.GroupKind]*Graph
}

func (n nestedTypes) graph(gvk runtimeschema.GroupVersionKind) (*Graph, bool) {
	g, ok := n.graphs[gvk.GroupKind()]
	return g, ok && g.gvk == gvk
}

// ResolveSchema returns the schema of a kind.
func (n nestedTypes) ResolveSchema(gvk runtimeschema.GroupVersionKind) (*spec.Schema, error) {
	if g, ok := n.graph(gvk); ok {
		return g.schema, nil
	}
	return n.Types.ResolveSchema(gvk)
}

// ResourceFor returns the resource and the scope of a kind.
func (n nestedTypes) ResourceFor(gvk runtimeschema.GroupVersionKind) (runtimeschema.GroupVersionResource, bool, bool) {
	if g, ok := n.graph(gvk); ok {
		return g.resource, g.namespaced, true
	}
	return n.Types.ResourceFor(gvk)
}
