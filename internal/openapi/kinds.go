// Package openapi tells the renderer of the kinds that a cluster serves: their schemas from the API server's OpenAPI v3 documents, their
// resources and scopes from discovery.
package openapi

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	runtimeschema "k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/cel/openapi/resolver"
	"k8s.io/client-go/discovery"
	clientopenapi "k8s.io/client-go/openapi"
	"k8s.io/kube-openapi/pkg/validation/spec"

	"github.com/kroguard/kroguard/internal/render"
)

// Kinds are the kinds of a cluster, as they were when they were last refreshed. It is safe for concurrent use.
type Kinds struct {
	client discovery.DiscoveryInterface

	mu        sync.Mutex
	resources map[runtimeschema.GroupVersionKind]resource
	// documents are the OpenAPI documents by path. The URL of each has a digest of its content.
	documents map[string]clientopenapi.GroupVersion
	// parsed are those that were read since the last refresh: they are large, and read again only when a kind is asked for that was
	// not asked for before.
	parsed map[string]components
	// known are the kinds that were asked for.
	known map[runtimeschema.GroupVersionKind]known
}

var _ render.Types = (*Kinds)(nil)

// resource is what discovery says of a kind.
type resource struct {
	gvr        runtimeschema.GroupVersionResource
	namespaced bool
}

// known is a schema with the URL of the document that it is from.
type known struct {
	url    string
	schema *spec.Schema
}

// components are the schemas of a document, by name.
type components map[string]*spec.Schema

// New returns kinds that know nothing until they are refreshed.
func New(client discovery.DiscoveryInterface) *Kinds {
	return &Kinds{client: client, known: map[runtimeschema.GroupVersionKind]known{}}
}

// Refresh asks the API server which kinds there are, in two or three requests. Schemas are read when they are asked for. Groups whose
// API server is not reachable are as unknown kinds. It reports whether anything is different from before.
func (k *Kinds) Refresh() (changed bool, err error) {
	_, lists, err := k.client.ServerGroupsAndResources()
	if err != nil && !discovery.IsGroupDiscoveryFailedError(err) {
		return false, fmt.Errorf("asking the API server for its kinds: %w", err)
	}
	documents, err := k.client.OpenAPIV3().Paths()
	if err != nil {
		return false, fmt.Errorf("asking the API server for its schemas: %w", err)
	}
	resources := resourcesOf(lists)
	k.mu.Lock()
	defer k.mu.Unlock()
	changed = !reflect.DeepEqual(resources, k.resources) || !sameURLs(documents, k.documents)
	k.resources, k.documents, k.parsed = resources, documents, map[string]components{}
	return changed, nil
}

// resourcesOf leaves out subresources.
func resourcesOf(lists []*metav1.APIResourceList) map[runtimeschema.GroupVersionKind]resource {
	resources := map[runtimeschema.GroupVersionKind]resource{}
	for _, list := range lists {
		gv, err := runtimeschema.ParseGroupVersion(list.GroupVersion)
		if err != nil {
			continue
		}
		for i := range list.APIResources {
			r := &list.APIResources[i]
			if strings.Contains(r.Name, "/") {
				continue
			}
			of := gv
			if r.Group != "" || r.Version != "" {
				of = runtimeschema.GroupVersion{Group: r.Group, Version: r.Version}
			}
			resources[of.WithKind(r.Kind)] = resource{gvr: of.WithResource(r.Name), namespaced: r.Namespaced}
		}
	}
	return resources
}

func sameURLs(a, b map[string]clientopenapi.GroupVersion) bool {
	if len(a) != len(b) {
		return false
	}
	for path, document := range a {
		if other := b[path]; other == nil || other.ServerRelativeURL() != document.ServerRelativeURL() {
			return false
		}
	}
	return true
}

// ResourceFor implements render.Types. The resource of a kind that is unknown is guessed.
func (k *Kinds) ResourceFor(gvk runtimeschema.GroupVersionKind) (gvr runtimeschema.GroupVersionResource, namespaced, isKnown bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if r, ok := k.resources[gvk]; ok {
		return r.gvr, r.namespaced, true
	}
	gvr, _ = meta.UnsafeGuessKindToResource(gvk)
	return gvr, true, false
}

// ResolveSchema implements render.Types. For a kind whose document has changed and that has not, it is the same pointer.
func (k *Kinds) ResolveSchema(gvk runtimeschema.GroupVersionKind) (*spec.Schema, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	path := pathOf(gvk.GroupVersion())
	document := k.documents[path]
	if document == nil {
		return nil, fmt.Errorf("%s: %w", gvk, resolver.ErrSchemaNotFound)
	}
	url := document.ServerRelativeURL()
	before := k.known[gvk]
	if before.schema != nil && before.url == url {
		return before.schema, nil
	}
	schema, err := k.read(path, document, gvk)
	if err != nil {
		return nil, err
	}
	if before.schema != nil && reflect.DeepEqual(before.schema, schema) {
		schema = before.schema
	}
	k.known[gvk] = known{url: url, schema: schema}
	return schema, nil
}

// Release lets go of documents that were read: they are megabytes.
func (k *Kinds) Release() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.parsed = map[string]components{}
}

const (
	referencePrefix = "#/components/schemas/"
	extensionKinds  = "x-kubernetes-group-version-kind"
)

// read yields the schema of a kind with all references in it resolved.
func (k *Kinds) read(path string, document clientopenapi.GroupVersion, gvk runtimeschema.GroupVersionKind) (*spec.Schema, error) {
	schemas, ok := k.parsed[path]
	if !ok {
		var err error
		if schemas, err = parse(document); err != nil {
			return nil, fmt.Errorf("reading the schemas of %s: %w", gvk.GroupVersion(), err)
		}
		k.parsed[path] = schemas
	}
	name, err := schemas.nameOf(gvk)
	if err != nil {
		return nil, err
	}
	return resolver.PopulateRefs(func(reference string) (*spec.Schema, bool) {
		schema, ok := schemas[strings.TrimPrefix(reference, referencePrefix)]
		return schema, ok
	}, name)
}

func parse(document clientopenapi.GroupVersion) (components, error) {
	text, err := document.Schema(runtime.ContentTypeJSON)
	if err != nil {
		return nil, err
	}
	var parsed struct {
		Components struct {
			Schemas components `json:"schemas"`
		} `json:"components"`
	}
	if err := json.Unmarshal(text, &parsed); err != nil {
		return nil, err
	}
	return parsed.Components.Schemas, nil
}

// nameOf finds the schema of a kind.
func (c components) nameOf(gvk runtimeschema.GroupVersionKind) (string, error) {
	for name, schema := range c {
		var kinds []runtimeschema.GroupVersionKind
		if err := schema.Extensions.GetObject(extensionKinds, &kinds); err != nil {
			return "", fmt.Errorf("schema %s: %w", name, err)
		}
		for _, kind := range kinds {
			if kind == gvk {
				return name, nil
			}
		}
	}
	return "", fmt.Errorf("%s: %w", gvk, resolver.ErrSchemaNotFound)
}

func pathOf(gv runtimeschema.GroupVersion) string {
	if gv.Group == "" {
		return "api/" + gv.Version
	}
	return "apis/" + gv.Group + "/" + gv.Version
}
