package render

import (
	"crypto/sha256"
	"fmt"
	"slices"

	"github.com/kubernetes-sigs/kro/pkg/graph"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	runtimeschema "k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/kube-openapi/pkg/validation/spec"
)

// Graph is a compiled RGD. It is immutable and safe for concurrent use.
type Graph struct {
	name       string
	digest     [sha256.Size]byte
	gvk        runtimeschema.GroupVersionKind
	resource   runtimeschema.GroupVersionResource
	namespaced bool
	used       *usedTypes

	// definition is the CustomResourceDefinition that kro generates, structure its schema for defaulting.
	definition *apiextensionsv1.CustomResourceDefinition
	structure  *schema.Structural
	// schema is that of instances where they are nested in another one.
	schema *spec.Schema
	// instanceSchema is the schema of the variable "schema".
	instanceSchema *lazySchema

	// nodes are in the order in which kro creates them; index is the place of each by its id.
	nodes []*node
	index map[string]int
	// slots is the number of expressions without iterators.
	slots int
	reads metadataReads
}

// node is a resource of the graph.
type node struct {
	id         string
	kind       graph.NodeType
	gvk        runtimeschema.GroupVersionKind
	gvr        runtimeschema.GroupVersionResource
	namespaced bool
	// unknown says that nothing is known of the kind.
	unknown bool
	schema  *lazySchema
	// dependencies are the places of the nodes that it refers to.
	dependencies []int
	applyOrder   string
	includeWhen  []*expression
	dimensions   []dimension
	template     *template
}

// dimension is one list that forEach goes through.
type dimension struct {
	name string
	list *expression
}

// Offering is the RGD's name.
func (g *Graph) Offering() string { return g.name }

// GVK is the kind of the instances.
func (g *Graph) GVK() runtimeschema.GroupVersionKind { return g.gvk }

// CRD is the CustomResourceDefinition that kro generates. It must not be changed.
func (g *Graph) CRD() *apiextensionsv1.CustomResourceDefinition { return g.definition }

// Default puts the defaults of the generated CustomResourceDefinition into an instance, as the API server does before
// admission.
func (g *Graph) Default(instance map[string]any) { defaulting.Default(instance, g.structure) }

// UnknownKinds are the kinds of the graph's resources of which nothing is known, sorted: their fields are not checked, and
// whether they have a namespace is a guess.
func (g *Graph) UnknownKinds() []runtimeschema.GroupVersionKind {
	var kinds []runtimeschema.GroupVersionKind
	for gvk := range g.used.unknown {
		kinds = append(kinds, gvk)
	}
	slices.SortFunc(kinds, func(a, b runtimeschema.GroupVersionKind) int {
		switch {
		case a.String() < b.String():
			return -1
		case a.String() > b.String():
			return 1
		}
		return 0
	})
	return kinds
}

// addStructure makes the schemas that nested instances are checked and defaulted by.
func (g *Graph) addStructure() error {
	var internal apiextensions.JSONSchemaProps
	props := g.definition.Spec.Versions[0].Schema.OpenAPIV3Schema
	if err := apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(props, &internal, nil); err != nil {
		return fmt.Errorf("converting the schema: %w", err)
	}
	structure, err := schema.NewStructural(&internal)
	if err != nil {
		return fmt.Errorf("making the schema structural: %w", err)
	}
	g.structure = structure
	if g.schema, err = CustomSchema(props); err != nil {
		return err
	}
	if len(g.used.unknown) > 0 {
		// The types in the status are as unknown as the kinds that they come from.
		g.schema.Properties[fieldStatus] = *AnyObject()
	}
	return nil
}
