package cel

// dimensions bound the size of a value.
type dimensions struct {
	// size bounds the bytes of a string and the entries of a list or map: what CEL calculates costs with, where it counts the
	// characters of a string.
	size float64
	// entries bounds how often a comprehension over it runs.
	entries float64
	// weight bounds the cost of visiting all that is in it.
	weight float64
}

// largest bounds what either bounds.
func (d dimensions) largest(other dimensions) dimensions {
	return dimensions{size: max(d.size, other.size), entries: max(d.entries, other.entries), weight: max(d.weight, other.weight)}
}

// extent bounds a value and, with one bound for all of it, whatever is in it at any depth: keys, elements, fields.
type extent struct {
	dimensions

	inner dimensions
	// fields are the extents of those fields of an object that are set apart; rest is that of each other field. Both are nil for
	// what is not taken apart.
	fields map[string]*extent
	rest   *extent
}

// field is the extent of a field.
func (e *extent) field(name string) *extent {
	if apart, ok := e.fields[name]; ok {
		return apart
	}
	if e.rest != nil {
		return e.rest
	}
	return e.element()
}

// objectOf is the extent of an object whose bulk is set apart.
func objectOf(lean, full class) *extent {
	all, rest := inputOf(full), inputOf(lean)
	metadata := &extent{dimensions: all.dimensions, inner: all.inner, rest: rest, fields: map[string]*extent{}}
	for _, name := range []string{"annotations", "managedFields"} {
		metadata.fields[name] = all
	}
	return &extent{
		dimensions: all.dimensions, inner: all.inner, rest: rest, fields: map[string]*extent{"metadata": metadata},
	}
}

// scalar is the extent of a value of fixed size.
func scalar() *extent { return textOf(1) }

// textOf is the extent of a string of at most so many bytes.
func textOf(size float64) *extent {
	return &extent{dimensions: dimensions{size: size, weight: size/10 + 2}, inner: dimensions{size: 1, weight: 2}}
}

// listOf is the extent of a list of at most so many elements; nil is that of none.
func listOf(entries float64, element *extent) *extent {
	if element == nil {
		element = scalar()
	}
	return &extent{
		dimensions: dimensions{size: entries, entries: entries, weight: times(entries, element.weight) + 1},
		inner:      element.largest(element.inner),
	}
}

// inputOf is the extent of anything read from an input of a class. Nothing is known of its type.
func inputOf(c class) *extent {
	l := c.limits()
	d := dimensions{size: float64(max(l.length, l.entries)), entries: float64(l.entries), weight: float64(l.weight)}
	return &extent{dimensions: d, inner: d}
}

// element is the extent of what is in the value.
func (e *extent) element() *extent { return &extent{dimensions: e.inner, inner: e.inner} }

// either is the extent of a value that is one of two; nil is none.
func either(a, b *extent) *extent {
	switch {
	case b == nil:
		return a
	case a == nil:
		return b
	}
	return &extent{dimensions: a.largest(b.dimensions), inner: a.inner.largest(b.inner)}
}

// both is the extent of two values put together.
func both(a, b *extent) *extent {
	return &extent{
		dimensions: dimensions{size: a.size + b.size, entries: a.entries + b.entries, weight: a.weight + b.weight},
		inner:      a.inner.largest(b.inner),
	}
}

// grown is the extent of what was start, and is once after one step, after so many steps that each add as much.
func grown(start, once *extent, steps float64) *extent {
	growth := func(start, once float64) float64 {
		return max(start, once) + times(steps, max(0, once-start))
	}
	return &extent{
		dimensions: dimensions{
			size:    growth(start.size, once.size),
			entries: growth(start.entries, once.entries),
			weight:  growth(start.weight, once.weight),
		},
		inner: start.inner.largest(once.inner),
	}
}

// times multiplies; nothing times anything is nothing.
func times(a, b float64) float64 {
	if a == 0 || b == 0 {
		return 0
	}
	return a * b
}
