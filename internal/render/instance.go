package render

import (
	"fmt"
	"slices"

	"github.com/google/cel-go/common/types/ref"
	"github.com/kubernetes-sigs/kro/pkg/graph"
	runtimeschema "k8s.io/apimachinery/pkg/runtime/schema"
)

// outer marks a node of the graph around a nested instance's in what its resources wait for: once for each level up. No node
// id begins with it.
const outer = "^"

// instance is what is known of an instance.
type instance struct {
	object                   map[string]any
	metadata                 map[string]any
	name, namespace, version string
	// nameWaits and namespaceWaits say what these wait for, where they aren't known.
	nameWaits, namespaceWaits []string
	// pending is what of the object is unknown.
	pending *pending
}

// newInstance reads an instance of which some fields may be unknown.
func newInstance(g *Graph, object map[string]any, unresolved *pending) (instance, error) {
	i := instance{object: object, pending: unresolved}
	if object == nil {
		return i, fmt.Errorf("the instance is empty")
	}
	switch metadata := object[fieldMetadata].(type) {
	case map[string]any:
		i.metadata = metadata
	case nil:
	default:
		return i, fmt.Errorf("the instance's metadata is no object")
	}
	i.name, _ = i.metadata[fieldName].(string)
	i.namespace, _ = i.metadata[fieldNamespace].(string)
	i.version = g.gvk.Version
	if apiVersion, ok := object[fieldAPIVersion].(string); ok {
		if gv, err := runtimeschema.ParseGroupVersion(apiVersion); err == nil {
			i.version = gv.Version
		}
	}
	metadata := unresolved.child(fieldMetadata)
	i.nameWaits = metadata.waits(fieldName)
	if i.name == "" && i.nameWaits == nil {
		i.nameWaits = []string{graph.SchemaVarName}
	}
	i.namespaceWaits = metadata.waits(fieldNamespace)
	return i, nil
}

// waits are the nodes that a field waits for, nil where it is known.
func (p *pending) waits(field string) []string {
	if p == nil {
		return nil
	}
	if len(p.waitsFor) > 0 {
		return p.waitsFor
	}
	if child := p.children[field]; child != nil && len(child.waitsFor) > 0 {
		return child.waitsFor
	}
	return nil
}

// variable is the instance as expressions see it: without its status, and with what the API server will set still unknown.
func (i instance) variable(s *lazySchema) ref.Val {
	object := make(map[string]any, len(i.object))
	for key, value := range i.object {
		if key != fieldStatus {
			object[key] = value
		}
	}
	if i.metadata == nil {
		object[fieldMetadata] = map[string]any{}
	}
	root := i.pending.clone()
	for _, field := range setByAPIServer() {
		if value, ok := i.metadata[field]; !ok || value == "" {
			root.put([]any{fieldMetadata, field}, []string{graph.SchemaVarName})
		}
	}
	if i.nameWaits != nil {
		root.put([]any{fieldMetadata, fieldName}, i.nameWaits)
	}
	return scope{pending: root}.wrap(valueOf(object, s))
}

// setByAPIServer are the fields of metadata that every instance has once it exists.
func setByAPIServer() []string {
	return []string{"uid", "creationTimestamp", "generation", "resourceVersion"}
}

// clone is a copy whose root and metadata may be changed.
func (p *pending) clone() *pending {
	c := new(pending)
	if p == nil {
		return c
	}
	c.waitsFor = p.waitsFor
	for element, child := range p.children {
		if c.children == nil {
			c.children = map[any]*pending{}
		}
		if element == fieldMetadata {
			child = child.clone()
		}
		c.children[element] = child
	}
	return c
}

// outward is what a nested instance's own fields wait for, as the graph within it tells it.
func (p *pending) outward() *pending {
	if p == nil {
		return nil
	}
	c := new(pending)
	for _, id := range p.waitsFor {
		c.waitsFor = append(c.waitsFor, outer+id)
	}
	for element, child := range p.children {
		if c.children == nil {
			c.children = map[any]*pending{}
		}
		c.children[element] = child.outward()
	}
	return c
}

// remove takes out of an object what is unknown of it.
func (p *pending) remove(value any) {
	if p == nil {
		return
	}
	for element, child := range p.children {
		switch v := value.(type) {
		case map[string]any:
			key, ok := element.(string)
			switch {
			case !ok:
			case len(child.waitsFor) > 0:
				delete(v, key)
			default:
				child.remove(v[key])
			}
		case []any:
			index, ok := element.(int)
			switch {
			case !ok || index >= len(v):
			case len(child.waitsFor) > 0:
				v[index] = nil
			default:
				child.remove(v[index])
			}
		}
	}
}

// inward is what a node of a nested instance's graph waits for, as the graph around it tells it.
func inward(node string, waitsFor []string) []string {
	if len(waitsFor) == 0 {
		return waitsFor
	}
	ids := make([]string, len(waitsFor))
	for i, id := range waitsFor {
		switch {
		case id[:1] == outer:
			ids[i] = id[1:]
		case id == graph.SchemaVarName:
			ids[i] = node
		default:
			ids[i] = node + "/" + id
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}
