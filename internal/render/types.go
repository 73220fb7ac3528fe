package render

import (
	"fmt"

	krov1alpha1 "github.com/kubernetes-sigs/kro/api/v1alpha1"
	kroschema "github.com/kubernetes-sigs/kro/pkg/graph/schema"
	krometadata "github.com/kubernetes-sigs/kro/pkg/metadata"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	runtimeschema "k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/cel/openapi/resolver"
	"k8s.io/kube-openapi/pkg/validation/spec"
	"sigs.k8s.io/yaml"
)

// Types is where kinds come from: a cluster's OpenAPI and discovery, or files. It is safe for concurrent use. As long as a
// kind stays the same, so does the pointer to its schema: that is how a Set knows which graphs to compile again.
type Types interface {
	// ResolveSchema returns the schema of a kind with the schema of metadata in it and all references resolved. It must not be
	// changed.
	resolver.SchemaResolver
	// ResourceFor returns the resource and the scope of a kind, and whether anything is known of it.
	ResourceFor(gvk runtimeschema.GroupVersionKind) (resource runtimeschema.GroupVersionResource, namespaced, known bool)
}

// AnyObject is the schema of an object of which nothing is known. Expressions may then use any of its fields, and no type is
// checked.
func AnyObject() *spec.Schema {
	s := &spec.Schema{SchemaProps: spec.SchemaProps{Type: spec.StringOrArray{"object"}}}
	s.AddExtension("x-kubernetes-preserve-unknown-fields", true)
	return s
}

// CustomSchema is the schema of a custom resource as kro sees it in a cluster, where the API server puts the schema of metadata
// in. It is AnyObject where the definition has none.
func CustomSchema(props *apiextensionsv1.JSONSchemaProps) (*spec.Schema, error) {
	if props == nil {
		return AnyObject(), nil
	}
	s, err := kroschema.ConvertJSONSchemaPropsToSpecSchema(props)
	if err != nil {
		return nil, err
	}
	if s.Properties == nil {
		s.Properties = map[string]spec.Schema{}
	}
	s.Properties[fieldAPIVersion] = *spec.StringProperty()
	s.Properties[fieldKind] = *spec.StringProperty()
	s.Properties[fieldMetadata] = kroschema.ObjectMetaSchema
	return s, nil
}

// usedTypes are the types that one graph uses. Kinds of which nothing is known take anything, and are remembered. It serves
// kro's graph builder, which asks for nothing else of a REST mapper.
type usedTypes struct {
	meta.RESTMapper
	// types are nil once the graph is compiled.
	types Types
	// schemas are those asked for, by kind.
	schemas map[runtimeschema.GroupVersionKind]*spec.Schema
	unknown map[runtimeschema.GroupVersionKind]bool
	// cluster are kinds taken for cluster-scoped where they are unknown.
	cluster map[runtimeschema.GroupVersionKind]bool
}

var (
	_ resolver.SchemaResolver = (*usedTypes)(nil)
	_ meta.RESTMapper         = (*usedTypes)(nil)
)

func newUsedTypes(types Types) *usedTypes {
	return &usedTypes{
		types:   types,
		schemas: map[runtimeschema.GroupVersionKind]*spec.Schema{},
		unknown: map[runtimeschema.GroupVersionKind]bool{},
		cluster: map[runtimeschema.GroupVersionKind]bool{},
	}
}

// guessScopes takes unknown kinds for cluster-scoped whose templates name no namespace, where the instances have none either.
// kro would refuse the RGD otherwise.
func (u *usedTypes) guessScopes(rgd *krov1alpha1.ResourceGraphDefinition) {
	if rgd.Spec.Schema.Scope != krov1alpha1.ResourceScopeCluster {
		return
	}
	for _, resource := range rgd.Spec.Resources {
		var template struct {
			metav1.TypeMeta `json:",inline"`
			Metadata        struct {
				Namespace string `json:"namespace"`
			} `json:"metadata"`
		}
		if err := yaml.Unmarshal(resource.Template.Raw, &template); err == nil && template.Metadata.Namespace == "" {
			u.cluster[template.GroupVersionKind()] = true
		}
	}
}

// ResolveSchema returns the schema of a kind.
func (u *usedTypes) ResolveSchema(gvk runtimeschema.GroupVersionKind) (*spec.Schema, error) {
	if s, ok := u.schemas[gvk]; ok {
		return s, nil
	}
	var s *spec.Schema
	if _, _, known := u.types.ResourceFor(gvk); known {
		resolved, err := u.types.ResolveSchema(gvk)
		if err != nil {
			return nil, fmt.Errorf("the schema of %s: %w", gvk, err)
		}
		s = resolved
	}
	if s == nil {
		u.unknown[gvk] = true
		s = AnyObject()
	}
	u.schemas[gvk] = s
	return s, nil
}

// RESTMapping returns the resource and the scope of a kind; for an unknown kind, the likely ones.
func (u *usedTypes) RESTMapping(kind runtimeschema.GroupKind, versions ...string) (*meta.RESTMapping, error) {
	if len(versions) == 0 {
		return nil, &meta.NoKindMatchError{GroupKind: kind}
	}
	gvk := kind.WithVersion(versions[0])
	resource, namespaced, known := u.types.ResourceFor(gvk)
	if !known {
		resource = krometadata.GetResourceGraphDefinitionInstanceGVR(gvk.Group, gvk.Version, gvk.Kind)
		namespaced = !u.cluster[gvk]
	}
	scope := meta.RESTScopeRoot
	if namespaced {
		scope = meta.RESTScopeNamespace
	}
	return &meta.RESTMapping{Resource: resource, GroupVersionKind: gvk, Scope: scope}, nil
}

// same reports whether the kinds are still what they were.
func (u *usedTypes) same(types Types) bool {
	for gvk, before := range u.schemas {
		_, _, known := types.ResourceFor(gvk)
		if known == u.unknown[gvk] {
			return false
		}
		if !known {
			continue
		}
		if now, err := types.ResolveSchema(gvk); err != nil || now != before {
			return false
		}
	}
	return true
}
