package cel

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/google/cel-go/common/types"

	"github.com/kroguard/kroguard/policies"
)

// withUnknown is an object with CEL's unknown value in each of the fields that nobody can tell yet. The object itself stays as it is;
// what has no such field in it is shared. The ids of the values count from first.
func withUnknown(object map[string]any, fields []policies.UnresolvedField, first int) map[string]any {
	marked := any(object)
	for i := range fields {
		marked = markUnknown(marked, fields[i].Path, types.NewUnknown(int64(first+i), nil))
	}
	result, ok := marked.(map[string]any)
	if !ok {
		return object // a path that leads nowhere: the renderer's mistake, and nothing to be told of
	}
	return result
}

// markUnknown puts a value in the place that the path leads to, making what is missing on the way.
func markUnknown(value any, path policies.FieldPath, unknown *types.Unknown) any {
	if len(path) == 0 {
		return unknown
	}
	switch step := path[0].(type) {
	case string:
		fields, _ := value.(map[string]any)
		fields = maps.Clone(fields)
		if fields == nil {
			fields = map[string]any{}
		}
		fields[step] = markUnknown(fields[step], path[1:], unknown)
		return fields
	case int:
		elements, _ := value.([]any)
		elements = slices.Clone(elements)
		for len(elements) <= step {
			elements = append(elements, nil)
		}
		elements[step] = markUnknown(elements[step], path[1:], unknown)
		return elements
	default:
		return unknown
	}
}

// pathsOf renders the paths of fields.
func pathsOf(fields []policies.UnresolvedField, prefix string) []string {
	paths := make([]string, len(fields))
	for i := range fields {
		paths[i] = prefix + fields[i].Path.String()
	}
	return paths
}

// lazyResources are the rendered resources, made when a guardrail that reads them is evaluated.
type lazyResources struct {
	once sync.Once
	err  error

	value []any
	size  class
	// unknowns are the fields that nobody can tell yet, as inputValues.unknowns; their ids follow on those.
	unknowns []string
	// paths are parallel to unknowns.
	paths []policies.FieldPath
}

// render makes them. A resource that may or may not be there is an element that nobody can tell.
func (l *lazyResources) render(ctx context.Context, in *inputValues) error {
	l.once.Do(func() {
		rendering, err := in.input.Rendering(ctx)
		if err != nil {
			l.err = fmt.Errorf("it reads the rendered resources: %w", err)
			return
		}
		l.value = []any{}
		for i := range rendering.Resources {
			l.add(&rendering.Resources[i], len(in.unknowns))
		}
		l.size = classOf(l.value)
	})
	return l.err
}

func (l *lazyResources) add(resource *policies.RenderedResource, before int) {
	place := len(l.value)
	prefix := fmt.Sprintf("%s[%d]", resourcesVarName, place)
	next := before + len(l.unknowns) + 1
	switch {
	case resource.Judged():
		l.value = append(l.value, withUnknown(resource.Object, resource.Unresolved, next))
		l.unknowns = append(l.unknowns, pathsOf(resource.Unresolved, prefix)...)
		for i := range resource.Unresolved {
			l.paths = append(l.paths, append(policies.FieldPath{place}, resource.Unresolved[i].Path...))
		}
	case resource.State == policies.ResourceUnknown:
		l.value = append(l.value, types.NewUnknown(int64(next), nil))
		l.unknowns = append(l.unknowns, fmt.Sprintf("whether node %s will be there", resource.Node))
		l.paths = append(l.paths, policies.FieldPath{place})
	}
}

// nameOf is the field that an id of an Unknown stands for.
func (v *inputValues) nameOf(id int64) string {
	place := int(id) - 1
	if place < len(v.unknowns) {
		return v.unknowns[place]
	}
	if place -= len(v.unknowns); place < len(v.resources.unknowns) {
		return v.resources.unknowns[place]
	}
	return ""
}
