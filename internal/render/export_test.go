package render

import "github.com/kubernetes-sigs/kro/pkg/graph"

// KroGraph is the graph that kro's builder makes of an RGD here.
func KroGraph(definition Definition, types Types) (*graph.Graph, error) {
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
	return builder.NewResourceGraphDefinition(rgd, kroConfig())
}

// KroConfig is how kro's controller is configured.
func KroConfig() graph.Config { return kroConfig() }
