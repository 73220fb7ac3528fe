package render

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/google/cel-go/cel"
	krov1alpha1 "github.com/kubernetes-sigs/kro/api/v1alpha1"
	krocel "github.com/kubernetes-sigs/kro/pkg/cel"
	"github.com/kubernetes-sigs/kro/pkg/graph"
	krometadata "github.com/kubernetes-sigs/kro/pkg/metadata"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	runtimeschema "k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/kube-openapi/pkg/validation/spec"
)

// Definition is an RGD as kro reconciles instances with it: the snapshot of the newest verified GraphRevision, or the spec of the
// RGD itself.
type Definition struct {
	// Name is the RGD's name, and the offering's.
	Name string
	Spec krov1alpha1.ResourceGraphDefinitionSpec
}

// CompileError says why an RGD can't be rendered.
type CompileError struct {
	Offering string
	Err      error
}

// Error names the RGD, the resource, and what to do.
func (e *CompileError) Error() string {
	return fmt.Sprintf("ResourceGraphDefinition %q can't be rendered: %v; correct the RGD: kro builds its graph with the same library",
		e.Offering, e.Err)
}

// Unwrap is the reason.
func (e *CompileError) Unwrap() error { return e.Err }

// Compile compiles an RGD. readyWhen is left out: before anything exists, nothing is ready. Kinds of which types know nothing
// take anything; the resources of such a kind say so. It takes some milliseconds. The error is a *CompileError, or the context's.
func Compile(ctx context.Context, definition Definition, types Types) (*Graph, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	g, err := compile(definition, types)
	if err != nil {
		return nil, &CompileError{Offering: definition.Name, Err: err}
	}
	return g, nil
}

func compile(definition Definition, types Types) (*Graph, error) {
	digest, err := digestOf(definition)
	if err != nil {
		return nil, err
	}
	rgd, err := prepared(definition)
	if err != nil {
		return nil, err
	}
	used := newUsedTypes(types)
	used.guessScopes(rgd)
	builder, err := graph.NewBuilder(nil, nil, graph.WithSchemaResolver(used), graph.WithRESTMapper(used))
	if err != nil {
		return nil, err
	}
	built, err := builder.NewResourceGraphDefinition(rgd, kroConfig())
	if err != nil && len(used.unknown) > 0 && permit(rgd) {
		if permitted, again := builder.NewResourceGraphDefinition(rgd, kroConfig()); again == nil {
			built, err = permitted, nil
		}
	}
	if err != nil {
		return nil, err
	}
	// A graph outlives the types that it was compiled with.
	used.types = nil
	return newGraph(definition.Name, digest, built, used)
}

// digestOf tells definitions apart.
func digestOf(definition Definition) ([sha256.Size]byte, error) {
	text, err := json.Marshal(definition)
	if err != nil {
		return [sha256.Size]byte{}, err
	}
	return sha256.Sum256(text), nil
}

// prepared is the RGD as kro's builder gets it here.
func prepared(definition Definition) (*krov1alpha1.ResourceGraphDefinition, error) {
	rgd := &krov1alpha1.ResourceGraphDefinition{
		ObjectMeta: metav1.ObjectMeta{Name: definition.Name}, Spec: *definition.Spec.DeepCopy(),
	}
	if rgd.Spec.Schema == nil {
		return nil, fmt.Errorf("spec.schema is missing")
	}
	if rgd.Spec.Schema.Group == "" {
		rgd.Spec.Schema.Group = krov1alpha1.KRODomainName
	}
	for i, resource := range rgd.Spec.Resources {
		if resource == nil {
			return nil, fmt.Errorf("spec.resources[%d] is empty", i)
		}
		resource.ReadyWhen = nil
	}
	return rgd, nil
}

// newGraph keeps of kro's graph what rendering needs.
func newGraph(name string, digest [sha256.Size]byte, built *graph.Graph, used *usedTypes) (*Graph, error) {
	g := &Graph{
		name:       name,
		digest:     digest,
		used:       used,
		definition: built.CRD,
		gvk: runtimeschema.GroupVersionKind{
			Group:   built.CRD.Spec.Group,
			Version: built.CRD.Spec.Versions[0].Name,
			Kind:    built.CRD.Spec.Names.Kind,
		},
		resource:       built.Instance.Meta.GVR,
		namespaced:     built.Instance.Meta.Namespaced,
		instanceSchema: newLazySchema(built.ResourceSchemas[graph.InstanceNodeID]),
		index:          make(map[string]int, len(built.TopologicalOrder)),
		reads:          metadataReads{fields: map[string]bool{}},
	}
	env, err := typedEnvironment(built)
	if err != nil {
		return nil, err
	}
	c := &expressionCompiler{env: env, slots: map[string]*expression{}, reads: &g.reads}
	for i, id := range built.TopologicalOrder {
		g.index[id] = i
		n, err := newNode(c, built, id, used)
		if err != nil {
			return nil, fmt.Errorf("resource %q: %w", id, err)
		}
		for _, dependency := range built.Nodes[id].Meta.Dependencies {
			n.dependencies = append(n.dependencies, g.index[dependency])
		}
		slices.Sort(n.dependencies)
		g.nodes = append(g.nodes, n)
	}
	g.slots = len(c.slots)
	return g, g.addStructure()
}

// typedEnvironment is the environment in which kro's builder has compiled the expressions (pkg/graph/builder.go, CompileSource).
func typedEnvironment(built *graph.Graph) (*cel.Env, error) {
	schemas := make(map[string]*spec.Schema, len(built.ResourceSchemas))
	maps.Copy(schemas, built.ResourceSchemas)
	for id, n := range built.Nodes {
		if n.Meta.Type == graph.NodeTypeCollection || n.Meta.Type == graph.NodeTypeExternalCollection {
			schemas[id] = spec.ArrayProperty(schemas[id])
		}
	}
	return krocel.TypedEnvironment(schemas)
}

func newNode(c *expressionCompiler, built *graph.Graph, id string, used *usedTypes) (*node, error) {
	source := built.Nodes[id]
	object := source.Template.Object
	gvk, err := krometadata.ExtractGVKFromUnstructured(object)
	if err != nil {
		return nil, err
	}
	n := &node{
		id:         id,
		kind:       source.Meta.Type,
		gvk:        gvk,
		gvr:        source.Meta.GVR,
		namespaced: source.Meta.Namespaced,
		unknown:    used.unknown[gvk],
		schema:     newLazySchema(built.ResourceSchemas[id]),
		applyOrder: strconv.Itoa(built.ApplyOrders[id]),
	}
	env := c.env
	var iterators []string
	if len(source.ForEach) > 0 {
		if env, err = n.addDimensions(c, source.ForEach); err != nil {
			return nil, err
		}
		for _, d := range n.dimensions {
			iterators = append(iterators, d.name)
		}
	}
	for _, condition := range source.IncludeWhen {
		e, err := c.compile(c.env, condition, nil)
		if err != nil {
			return nil, fmt.Errorf("includeWhen ${%s}: %w", condition.UserExpression(), err)
		}
		e.user = unpermitted(e.user)
		n.includeWhen = append(n.includeWhen, e)
	}
	expressions := make(map[string]*expression, len(source.Variables))
	for _, variable := range source.Variables {
		e, err := c.compile(env, variable.Expression, iterators)
		if err != nil {
			return nil, fmt.Errorf("%s: ${%s}: %w", variable.Path, variable.Expression.UserExpression(), err)
		}
		expressions[variable.Path] = e
	}
	n.template, err = newTemplate(object, expressions)
	return n, err
}

// addDimensions compiles forEach, and returns the environment in which its iterators are declared.
func (n *node) addDimensions(c *expressionCompiler, dimensions []graph.ForEachDimension) (*cel.Env, error) {
	var iterators []cel.EnvOption
	for _, d := range dimensions {
		e, err := c.compile(c.env, d.Expression, nil)
		if err != nil {
			return nil, fmt.Errorf("forEach %q: %w", d.Name, err)
		}
		e.user = unpermitted(e.user)
		list, err := outputType(c.env, d.Expression)
		if err != nil {
			return nil, fmt.Errorf("forEach %q: %w", d.Name, err)
		}
		element, err := krocel.ListElementType(list)
		if err != nil {
			return nil, fmt.Errorf("forEach %q: %w", d.Name, err)
		}
		n.dimensions = append(n.dimensions, dimension{name: d.Name, list: e})
		iterators = append(iterators, cel.Variable(d.Name, element))
	}
	return c.env.Extend(iterators...)
}
