package kinds

import (
	"fmt"
	"reflect"
	"sync"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	runtimeschema "k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/cel/openapi/resolver"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/kube-openapi/pkg/validation/spec"

	"github.com/kroguard/kroguard/internal/render"
)

// Kinds are the kinds of Kubernetes and of some CustomResourceDefinitions. They are safe for concurrent use. A schema is built
// when it is first asked for, and is the same from then on.
type Kinds struct {
	scheme *runtime.Scheme
	custom map[runtimeschema.GroupVersionKind]*custom

	mu      sync.Mutex
	schemas map[runtimeschema.GroupVersionKind]*spec.Schema
}

var _ render.Types = (*Kinds)(nil)

// custom is a version of a CustomResourceDefinition.
type custom struct {
	plural     string
	namespaced bool
	props      *apiextensionsv1.JSONSchemaProps
}

// New returns the kinds of Kubernetes and of the definitions, which it keeps; a later definition of a kind counts. A
// definition also tells of kinds of which Kubernetes has Go types, and counts there as well.
func New(definitions ...*apiextensionsv1.CustomResourceDefinition) *Kinds {
	k := &Kinds{
		scheme:  scheme.Scheme,
		custom:  map[runtimeschema.GroupVersionKind]*custom{},
		schemas: map[runtimeschema.GroupVersionKind]*spec.Schema{},
	}
	for _, definition := range definitions {
		for _, version := range definition.Spec.Versions {
			gvk := runtimeschema.GroupVersionKind{
				Group: definition.Spec.Group, Version: version.Name, Kind: definition.Spec.Names.Kind,
			}
			c := &custom{
				plural:     definition.Spec.Names.Plural,
				namespaced: definition.Spec.Scope == apiextensionsv1.NamespaceScoped,
			}
			if version.Schema != nil {
				c.props = version.Schema.OpenAPIV3Schema
			}
			k.custom[gvk] = c
		}
	}
	return k
}

// ResourceFor returns the plural and the scope of a kind, and whether anything is known of it.
func (k *Kinds) ResourceFor(gvk runtimeschema.GroupVersionKind) (resource runtimeschema.GroupVersionResource, namespaced, known bool) {
	if c, ok := k.custom[gvk]; ok {
		return gvk.GroupVersion().WithResource(c.plural), c.namespaced, true
	}
	if _, ok := k.goType(gvk); !ok {
		return runtimeschema.GroupVersionResource{}, false, false
	}
	plural, _ := meta.UnsafeGuessKindToResource(gvk)
	return plural, !isClusterScoped(gvk.GroupKind()), true
}

// ResolveSchema returns the schema of a kind. The error wraps resolver.ErrSchemaNotFound for a kind of which nothing is known.
func (k *Kinds) ResolveSchema(gvk runtimeschema.GroupVersionKind) (*spec.Schema, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if s, ok := k.schemas[gvk]; ok {
		return s, nil
	}
	s, err := k.build(gvk)
	if err != nil {
		return nil, err
	}
	k.schemas[gvk] = s
	return s, nil
}

func (k *Kinds) build(gvk runtimeschema.GroupVersionKind) (*spec.Schema, error) {
	if c, ok := k.custom[gvk]; ok {
		s, err := render.CustomSchema(c.props)
		if err != nil {
			return nil, fmt.Errorf("the schema of %s: %w", gvk, err)
		}
		return s, nil
	}
	if goType, ok := k.goType(gvk); ok {
		return reflected(goType), nil
	}
	return nil, fmt.Errorf("nothing is known of %s: %w", gvk, resolver.ErrSchemaNotFound)
}

// goType is the Go type of a kind that is an object with metadata: no list, and none of the options of requests.
func (k *Kinds) goType(gvk runtimeschema.GroupVersionKind) (reflect.Type, bool) {
	goType, ok := k.scheme.AllKnownTypes()[gvk]
	if !ok {
		return nil, false
	}
	_, ok = goType.FieldByName("ObjectMeta")
	return goType, ok
}
