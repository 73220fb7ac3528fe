package render

import (
	"fmt"
	"maps"
	"slices"

	"github.com/kubernetes-sigs/kro/pkg/cel/sentinels"
	"github.com/kubernetes-sigs/kro/pkg/graph/fieldpath"

	"github.com/kroguard/kroguard/policies"
)

// template is a part of a node's template, made so that what has no expression in it is shared by all objects, not copied.
type template struct {
	// expression yields the value; nil where there is none.
	expression *expression
	// fields or items are the parts of an object or a list that has an expression somewhere.
	fields []templateField
	items  []*template
	// constant is a value without any expression, and bytes its size.
	constant any
	bytes    int
}

type templateField struct {
	name string
	part *template
}

// newTemplate takes over a template and the expressions in it, by path as kro's parser writes it.
func newTemplate(value any, expressions map[string]*expression) (*template, error) {
	root := &placement{}
	for path, e := range expressions {
		segments, err := fieldpath.Parse(path)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		root.place(segments, e)
	}
	t, placed := newPart(value, root)
	if placed != len(expressions) {
		return nil, fmt.Errorf("the template has expressions at fields that kro's own paths can't name: a key has a bracket or a quote")
	}
	return t, nil
}

// placement tells where the expressions are.
type placement struct {
	expression *expression
	children   map[any]*placement
}

func (p *placement) place(segments []fieldpath.Segment, e *expression) {
	for _, segment := range segments {
		var element any = segment.Name
		if segment.Index >= 0 {
			element = segment.Index
		}
		if p.children == nil {
			p.children = map[any]*placement{}
		}
		if p.children[element] == nil {
			p.children[element] = &placement{}
		}
		p = p.children[element]
	}
	p.expression = e
}

// newPart makes a part, and counts the expressions placed in it.
func newPart(value any, at *placement) (part *template, placed int) {
	if at == nil {
		return &template{constant: value, bytes: bytesOf(value)}, 0
	}
	if at.expression != nil {
		return &template{expression: at.expression}, 1
	}
	t := new(template)
	switch v := value.(type) {
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			part, n := newPart(v[name], at.children[name])
			t.fields = append(t.fields, templateField{name, part})
			placed += n
		}
	case []any:
		for i := range v {
			part, n := newPart(v[i], at.children[i])
			t.items = append(t.items, part)
			placed += n
		}
	}
	if placed == 0 {
		return &template{constant: value, bytes: bytesOf(value)}, 0
	}
	return t, placed
}

// assembly is an object in the making.
type assembly struct {
	// evaluate yields the value of an expression.
	evaluate func(*expression) (result, error)
	// unresolved are the fields left out, in the order of their paths.
	unresolved []policies.UnresolvedField
	// unset is why one of them can't come, short of somebody setting a field of the instance.
	unset string
	bytes int
	path  policies.FieldPath
}

// absent is what a field that is left out has for a value.
type absent struct{ omitted bool }

// build assembles a part. The result is an absent value for what is left out.
func (a *assembly) build(t *template) (any, error) {
	switch {
	case t.expression != nil:
		return a.value(t.expression)
	case t.fields != nil:
		return a.object(t.fields)
	case t.items != nil:
		return a.list(t.items)
	}
	a.bytes += t.bytes
	return t.constant, nil
}

func (a *assembly) value(e *expression) (any, error) {
	r, err := a.evaluate(e)
	if err != nil {
		return nil, err
	}
	if !r.known() {
		if r.unset != "" {
			a.unset = r.unset
		}
		a.unresolved = append(a.unresolved, policies.UnresolvedField{
			Path: slices.Clone(a.path), Expressions: e.parts, WaitsFor: r.waitsFor,
		})
		return absent{}, nil
	}
	value := withoutOmitted(r.value)
	a.bytes += bytesOf(value)
	return value, nil
}

func (a *assembly) object(fields []templateField) (any, error) {
	object := make(map[string]any, len(fields))
	for _, field := range fields {
		a.path = append(a.path, field.name)
		value, err := a.build(field.part)
		a.path = a.path[:len(a.path)-1]
		if err != nil {
			return nil, err
		}
		if _, out := value.(absent); !out {
			object[field.name] = value
			a.bytes += len(field.name) + len(`"":,`)
		}
	}
	return object, nil
}

func (a *assembly) list(items []*template) (any, error) {
	list := make([]any, 0, len(items))
	for _, item := range items {
		a.path = append(a.path, len(list))
		value, err := a.build(item)
		a.path = a.path[:len(a.path)-1]
		if err != nil {
			return nil, err
		}
		if out, ok := value.(absent); ok {
			if out.omitted {
				continue
			}
			value = nil
		}
		list = append(list, value)
	}
	return list, nil
}

// withoutOmitted leaves out what omit() yields, as kro's resolver does. The value is the caller's own.
func withoutOmitted(value any) any {
	switch v := value.(type) {
	case sentinels.Omit:
		return absent{omitted: true}
	case map[string]any:
		for key, element := range v {
			element = withoutOmitted(element)
			if _, out := element.(absent); out {
				delete(v, key)
			} else {
				v[key] = element
			}
		}
	case []any:
		kept := v[:0]
		for _, element := range v {
			element = withoutOmitted(element)
			if _, out := element.(absent); !out {
				kept = append(kept, element)
			}
		}
		return kept
	}
	return value
}

// bytesOf is about the size of a value as JSON.
func bytesOf(value any) int {
	switch v := value.(type) {
	case string:
		return len(v) + len(`""`)
	case map[string]any:
		size := len("{}")
		for key, element := range v {
			size += len(key) + len(`"":,`) + bytesOf(element)
		}
		return size
	case []any:
		size := len("[]")
		for _, element := range v {
			size += 1 + bytesOf(element)
		}
		return size
	default:
		return len("false")
	}
}
