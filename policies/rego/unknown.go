package rego

import (
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/kroguard/kroguard/policies"
)

// marks are terms that stand in the input for values that nobody can tell yet. Each is known by its identity: what it holds is never
// seen by a policy.
type marks struct {
	fields []policies.UnresolvedField
	own    []*ast.Term

	mu sync.Mutex
	// bits and names are of the object's fields, and of those of the rendered resources once these are asked for.
	bits  map[*ast.Term]uint64
	names []string
}

// maxMarks is how many fields are told apart; the last bit stands for all others.
const maxMarks = 64

func newMarks(fields []policies.UnresolvedField) *marks {
	m := &marks{fields: fields}
	names := make([]string, len(fields))
	for i := range fields {
		names[i] = fields[i].Path.String()
	}
	m.own = m.add(names)
	return m
}

// add makes a further mark for each name. What Unknown has yielded before stays as it is.
func (m *marks) add(names []string) []*ast.Term {
	m.mu.Lock()
	defer m.mu.Unlock()
	bits := maps.Clone(m.bits)
	if bits == nil {
		bits = make(map[*ast.Term]uint64, len(names))
	}
	made := make([]*ast.Term, len(names))
	for i, name := range names {
		// A set of values has to keep marks apart, so each has a text of its own.
		made[i] = ast.StringTerm("\x00" + name)
		bits[made[i]] = 1 << min(len(m.names), maxMarks-1)
		m.names = append(m.names, name)
	}
	m.bits = bits
	return made
}

// Unknown are all marks with their bits.
func (d *document) Unknown() map[*ast.Term]uint64 {
	if d.marks == nil {
		return nil
	}
	d.marks.mu.Lock()
	defer d.marks.mu.Unlock()
	return d.marks.bits
}

// touched names the fields that bits stand for.
func (d *document) touched(bits uint64) []string {
	d.marks.mu.Lock()
	defer d.marks.mu.Unlock()
	var names []string
	for i, name := range d.marks.names {
		if bits&(1<<min(i, maxMarks-1)) != 0 {
			names = append(names, name)
		}
	}
	return names
}

// put puts the marks of the object's fields into a part of the document. Each goes into the smallest part that it belongs to.
func (m *marks) put(id int, term *ast.Term) *ast.Term {
	for i := range m.fields {
		if place, rest := placeOf(m.fields[i].Path); place == id {
			term = mark(term, rest, m.own[i])
		}
	}
	return term
}

// placeOf is the part that a field of the object is in, and the way to it from there.
func placeOf(path policies.FieldPath) (part int, rest policies.FieldPath) {
	at := func(i int) string {
		if i >= len(path) {
			return ""
		}
		key, _ := path[i].(string)
		return key
	}
	switch {
	case at(0) == "spec":
		return partSpec, path[1:]
	case at(0) == "metadata" && at(1) == "labels":
		return partLabels, path[2:]
	case at(0) == "metadata" && at(1) == "annotations":
		return partAnnotations, path[2:]
	case at(0) == "metadata":
		return partMetadata, path[1:]
	default:
		return partObject, path
	}
}

// mark is a term with a mark at the end of a path. The term itself stays as it is.
func mark(term *ast.Term, path policies.FieldPath, with *ast.Term) *ast.Term {
	if len(path) == 0 {
		return with
	}
	switch step := path[0].(type) {
	case string:
		fields := ast.NewObject()
		if term != nil {
			if object, ok := term.Value.(ast.Object); ok {
				object.Foreach(fields.Insert)
			}
		}
		key := ast.StringTerm(step)
		fields.Insert(key, mark(fields.Get(key), path[1:], with))
		return ast.NewTerm(fields)
	case int:
		var elements []*ast.Term
		if term != nil {
			if array, ok := term.Value.(*ast.Array); ok {
				array.Foreach(func(element *ast.Term) { elements = append(elements, element) })
			}
		}
		for len(elements) <= step {
			elements = append(elements, ast.InternedNullTerm)
		}
		elements[step] = mark(elements[step], path[1:], with)
		return ast.ArrayTerm(elements...)
	default:
		return with
	}
}

// resources are the rendered resources, as input.resources. One that may or may not be there is marked as a whole.
func (d *document) resources() (*ast.Term, error) {
	rendering, err := d.rendering()
	if err != nil {
		return nil, fmt.Errorf("it reads input.resources: %w", err)
	}
	var elements []*ast.Term
	var names []string
	var paths []policies.FieldPath
	for i := range rendering.Resources {
		resource := &rendering.Resources[i]
		place := len(elements)
		switch {
		case resource.Judged():
			term, err := anyTerm(resource.Object)
			if err != nil {
				return nil, err
			}
			elements = append(elements, term)
			for j := range resource.Unresolved {
				path := resource.Unresolved[j].Path
				names = append(names, fmt.Sprintf("%s[%d]%s", keyResources, place, path))
				paths = append(paths, append(policies.FieldPath{place}, path...))
			}
		case resource.State == policies.ResourceUnknown:
			elements = append(elements, ast.InternedNullTerm)
			names = append(names, fmt.Sprintf("whether node %s will be there", resource.Node))
			paths = append(paths, policies.FieldPath{place})
		}
	}
	list := ast.ArrayTerm(elements...)
	if d.marks == nil {
		return list, nil
	}
	for i, with := range d.marks.add(names) {
		list = mark(list, paths[i], with)
	}
	return list, nil
}

// unresolved are the paths of the object's fields that nobody can tell yet, as input.unresolved; undefined where there are none.
func (d *document) unresolved() (*ast.Term, error) {
	if len(d.input.Unresolved) == 0 {
		return nil, nil
	}
	paths := make([]*ast.Term, len(d.input.Unresolved))
	for i := range d.input.Unresolved {
		paths[i] = ast.StringTerm(d.input.Unresolved[i].Path.String())
	}
	return ast.ArrayTerm(paths...), nil
}

// isPartial reports whether there is anything that nobody can tell yet, of the object, or of the rendered resources where a policy
// reads them.
func isPartial(input *policies.Input, readsResources bool) bool {
	return len(input.Unresolved) > 0 || readsResources
}

// unsure marks findings as ones that may not hold once more is known.
func unsure(findings []policies.Finding, dependsOn []string) {
	for i := range findings {
		findings[i].Unknown, findings[i].DependsOn = true, dependsOn
	}
}

// readsResources reports whether a compiled policy names input.resources.
func readsResources(compiler *ast.Compiler) bool {
	found := false
	for _, module := range compiler.Modules {
		ast.WalkRefs(module, func(ref ast.Ref) bool {
			if len(ref) > 1 && ref[0].Equal(ast.InputRootDocument) && ref[1].Equal(ast.StringTerm(keyResources)) {
				found = true
			}
			return found
		})
	}
	return found
}

// partialResources reports whether there is anything about the rendered resources that nobody can tell yet.
func (d *document) partialResources() bool {
	rendering, err := d.rendering()
	if err != nil {
		return false
	}
	return slices.ContainsFunc(rendering.Resources, func(r policies.RenderedResource) bool {
		return r.State == policies.ResourceUnknown || len(r.Unresolved) > 0
	})
}
