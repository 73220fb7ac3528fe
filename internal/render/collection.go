package render

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"

	"github.com/kroguard/kroguard/policies"
)

// collection renders a node with forEach.
func (w *walk) collection(i int, n *node) error {
	lists, reason, waitsFor, err := w.lists(n)
	if err != nil {
		return err
	}
	if reason != "" {
		w.values[i] = unknown(waitsFor...)
		return w.add(w.resource(n, policies.ResourceUnknown, reason), nil)
	}
	size := 1
	for _, elements := range lists {
		size *= len(elements)
		if size > maxCollectionSize {
			return &LimitError{Limit: LimitCollection, Max: maxCollectionSize, Asked: size}
		}
	}
	if size == 0 {
		w.values[i] = types.DefaultTypeAdapter.NativeToValue([]any{})
		return w.add(w.resource(n, policies.ResourceSkipped, "forEach has no elements"), nil)
	}
	items, err := w.items(n, lists, size)
	if err != nil {
		return err
	}
	w.values[i] = types.DefaultTypeAdapter.NativeToValue(items)
	return nil
}

// lists evaluates the dimensions of forEach. The reason says why one is unknown, and waitsFor for what it waits.
func (w *walk) lists(n *node) (lists [][]any, reason string, waitsFor []string, err error) {
	lists = make([][]any, len(n.dimensions))
	for i, d := range n.dimensions {
		r, err := w.evaluate(d.list)
		switch {
		case err != nil:
			return nil, "", nil, err
		case r.unset != "":
			return nil, fmt.Sprintf("forEach ${%s}: the instance lacks a field: %s", d.list.user, r.unset), []string{n.id}, nil
		case !r.known():
			return nil, fmt.Sprintf("forEach ${%s} waits for %s", d.list.user, named(r.waitsFor)), r.waitsFor, nil
		}
		elements, ok := r.value.([]any)
		if !ok {
			return nil, "", nil, &EvaluationError{Expression: d.list.user, Err: errors.New("forEach must yield a list")}
		}
		if len(elements) == 0 {
			return [][]any{{}}, "", nil, nil
		}
		lists[i] = elements
	}
	return lists, "", nil, nil
}

// items renders an element for each combination, the last dimension changing fastest.
func (w *walk) items(n *node, lists [][]any, size int) ([]ref.Val, error) {
	defer func() { w.iterators = nil }()
	w.iterators = make(map[string]any, len(lists))
	items := make([]ref.Val, 0, size)
	seen := make(map[[2]string]bool, size)
	for index := range size {
		rest := index
		for d := len(lists) - 1; d >= 0; d-- {
			w.iterators[n.dimensions[d].name] = n.dimensions[d].element(lists[d][rest%len(lists[d])])
			rest /= len(lists[d])
		}
		if !w.meter.take(1) || !w.meter.inTime() {
			return nil, w.meter.exceeded
		}
		o, err := w.object(n, &position{index: index, size: size})
		if err != nil {
			return nil, err
		}
		if o.identity != nil {
			if seen[*o.identity] {
				return nil, &EvaluationError{
					Err: fmt.Errorf("forEach yields two resources of the name %q", o.identity[1]),
				}
			}
			seen[*o.identity] = true
		}
		items = append(items, scope{pending: o.pending, absent: n.id}.wrap(valueOf(o.object, n.schema)))
		if err := w.add(w.rendered(n, n.id+"["+strconv.Itoa(index)+"]", o), o.pending); err != nil {
			return nil, err
		}
	}
	return items, nil
}

// element is an element of the list as expressions see it. What comes from another resource may get further fields.
func (d dimension) element(value any) any {
	if len(d.list.nodes) == 0 {
		return value
	}
	return scope{absent: d.list.nodes[0]}.wrap(types.DefaultTypeAdapter.NativeToValue(value))
}
