package render

import (
	"maps"
	"slices"

	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"

	"github.com/kroguard/kroguard/policies"
)

// pending says what of a value nobody can tell yet, as a tree along the paths that lead to it. nil is a value that is known.
type pending struct {
	// waitsFor is not empty where the value itself is unknown: the nodes that it waits for.
	waitsFor []string
	// children are those of a value some of whose parts are unknown, by key or index.
	children map[any]*pending
}

// put notes that what a path leads to is unknown.
func (p *pending) put(path policies.FieldPath, waitsFor []string) {
	for _, element := range path {
		if len(p.waitsFor) > 0 {
			return
		}
		if p.children == nil {
			p.children = map[any]*pending{}
		}
		child := p.children[element]
		if child == nil {
			child = new(pending)
			p.children[element] = child
		}
		p = child
	}
	p.waitsFor, p.children = waitsFor, nil
}

// child is what is unknown of a part.
func (p *pending) child(element any) *pending {
	if p == nil {
		return nil
	}
	return p.children[element]
}

// all are the nodes that the value and its parts wait for.
func (p *pending) all(into map[string]bool) {
	if p == nil {
		return
	}
	for _, id := range p.waitsFor {
		into[id] = true
	}
	for _, child := range p.children {
		child.all(into)
	}
}

// unknown is CEL's value for what waits for some nodes. CEL carries it through all operators and functions: a result that
// does not depend on it is known in spite of it.
func unknown(waitsFor ...string) *types.Unknown {
	var u *types.Unknown
	for i, id := range waitsFor {
		u = types.MergeUnknowns(u, types.NewUnknown(int64(i), types.NewAttributeTrail(id)))
	}
	return u
}

// waiting are the nodes that an unknown value waits for, sorted.
func waiting(u *types.Unknown) []string {
	ids := map[string]bool{}
	for _, id := range u.IDs() {
		trails, _ := u.GetAttributeTrails(id)
		for _, trail := range trails {
			ids[trail.Variable()] = true
		}
	}
	return slices.Sorted(maps.Keys(ids))
}

// partial is a value of which not all is known.
type partial interface {
	ref.Val
	// unknownPart is what the value's parts wait for, nil where all that is there is known.
	unknownPart() *types.Unknown
}

// scope says what is known of a value's fields.
type scope struct {
	pending *pending
	// absent is the node whose absent fields may yet come, from its controller or from the API server's defaults; "" where
	// absent is absent.
	absent string
}

func (s scope) unknownPart() *types.Unknown {
	if s.pending == nil {
		return nil
	}
	ids := map[string]bool{}
	s.pending.all(ids)
	return unknown(slices.Sorted(maps.Keys(ids))...)
}

// wrap makes of a value one that tells what is unknown from what is absent.
func (s scope) wrap(value ref.Val) ref.Val {
	if s.pending != nil && len(s.pending.waitsFor) > 0 {
		return unknown(s.pending.waitsFor...)
	}
	if s.pending == nil && s.absent == "" {
		return value
	}
	switch v := value.(type) {
	case *partialMap, *partialList:
		return value
	case traits.Mapper:
		return &partialMap{Mapper: v, scope: s}
	case traits.Lister:
		return &partialList{Lister: v, scope: s}
	}
	return value
}

func (s scope) child(element any) scope {
	return scope{pending: s.pending.child(element), absent: s.absent}
}

// partialMap is an object of which not all is known.
type partialMap struct {
	traits.Mapper
	scope
}

var (
	_ traits.Mapper = (*partialMap)(nil)
	_ partial       = (*partialMap)(nil)
)

// Find returns a field; an unknown value where it may yet come.
func (m *partialMap) Find(key ref.Val) (ref.Val, bool) {
	name, ok := key.(types.String)
	if !ok {
		return m.Mapper.Find(key)
	}
	field := m.child(string(name))
	if field.pending != nil && len(field.pending.waitsFor) > 0 {
		return unknown(field.pending.waitsFor...), true
	}
	value, found := m.Mapper.Find(key)
	switch {
	case found:
		return field.wrap(value), true
	case m.absent != "":
		return unknown(m.absent), true
	}
	return value, false
}

// Get returns a field, an unknown value, or an error.
func (m *partialMap) Get(key ref.Val) ref.Val {
	if value, found := m.Find(key); found {
		return value
	}
	return m.Mapper.Get(key)
}

// Contains reports whether a field is there, which may be unknown.
func (m *partialMap) Contains(key ref.Val) ref.Val {
	value, found := m.Find(key)
	if types.IsUnknown(value) {
		return value
	}
	return types.Bool(found)
}

// partialList is a list of which not all is known.
type partialList struct {
	traits.Lister
	scope
}

var (
	_ traits.Lister = (*partialList)(nil)
	_ partial       = (*partialList)(nil)
)

// Get returns an element.
func (l *partialList) Get(index ref.Val) ref.Val {
	value := l.Lister.Get(index)
	if i, err := types.IndexOrError(index); err == nil {
		return l.child(i).wrap(value)
	}
	return value
}

// Iterator walks over the elements.
func (l *partialList) Iterator() traits.Iterator {
	size, _ := l.Size().(types.Int)
	return &partialIterator{Iterator: l.Lister.Iterator(), list: l, size: size}
}

type partialIterator struct {
	traits.Iterator
	list       *partialList
	next, size types.Int
}

// HasNext reports whether there is another element.
func (i *partialIterator) HasNext() ref.Val { return types.Bool(i.next < i.size) }

// Next returns it.
func (i *partialIterator) Next() ref.Val {
	i.next++
	return i.list.Get(i.next - 1)
}
