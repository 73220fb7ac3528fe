package machine

import (
	"slices"

	"github.com/open-policy-agent/opa/v1/ast"
)

// continuation compiles what follows a value.
type continuation func(value operand) (step, error)

// reference compiles a reference: next is for each value that it leads to.
func (c *compiler) reference(s *scope, ref ast.Ref, next continuation) (step, error) {
	switch {
	case ref[0].Equal(ast.InputRootDocument):
		return c.inputReference(s, ref, next)
	case ref[0].Equal(ast.DefaultRootDocument):
		return c.dataReference(s, ref, next)
	}
	if !s.ground(ref[0]) {
		return nil, unsupported(ref[0].Location, "%s is not ground", ref[0])
	}
	base, err := c.operand(s, ref[0])
	if err != nil {
		return nil, err
	}
	if base.eval != nil {
		return c.once(base, func(value operand) (step, error) { return c.path(s, value, ref[1:], next) })
	}
	return c.path(s, base, ref[1:], next)
}

// once puts a computed value into a slot, so that it is computed once.
func (c *compiler) once(value operand, next continuation) (step, error) {
	slot := c.slot()
	then, err := next(inSlot(slot))
	if err != nil {
		return nil, err
	}
	return func(m *machine) bool {
		got := value.get(m)
		if got == nil {
			return m.err == nil
		}
		m.slots[slot] = got
		return then(m)
	}, nil
}

// inputReference starts at the longest prefix that is known: a constant, or a path that the caller of the run resolved.
func (c *compiler) inputReference(s *scope, ref ast.Ref, next continuation) (step, error) {
	static := staticLength(ref)
	if static == 1 {
		c.dependent, c.program.readsInput = true, true
		// The document as a whole, or a part of it by a key that is not known.
		if len(c.options.Constants) == 0 {
			return c.path(s, inSlot(c.program.input), ref[1:], next)
		}
		return c.once(computed(c.wholeInput()), func(value operand) (step, error) { return c.path(s, value, ref[1:], next) })
	}
	key, _ := ref[1].Value.(ast.String)
	if value, ok := c.options.Constants[string(key)]; ok {
		return c.path(s, constant(value), ref[2:], next)
	}
	c.dependent = true
	best, length := c.program.input, 1
	for i, prefix := range c.options.Prefixes {
		if n := len(prefix) + 1; n > length && n <= static && hasPath(ref, prefix) {
			best, length = c.prefixSlots[i], n
		}
	}
	if best == c.program.input {
		c.program.readsInput = true
	} else {
		c.readPrefixes[best] = true
	}
	return c.path(s, inSlot(best), ref[length:], next)
}

// hasPath reports whether the reference begins with the path, behind its head.
func hasPath(ref ast.Ref, path []string) bool {
	for i, name := range path {
		if text, ok := ref[i+1].Value.(ast.String); !ok || string(text) != name {
			return false
		}
	}
	return true
}

// wholeInput builds the input document with the constants, once for a run.
func (c *compiler) wholeInput() func(m *machine) *ast.Term {
	constants := c.options.Constants
	slot := c.program.input
	return func(m *machine) *ast.Term {
		if m.document != nil {
			return m.document
		}
		whole := ast.NewObject()
		if document := m.slots[slot]; document != nil {
			object, ok := document.Value.(ast.Object)
			if !ok {
				return document
			}
			object.Foreach(func(key, value *ast.Term) { whole.Insert(key, value) })
		}
		for key, value := range constants {
			whole.Insert(ast.StringTerm(key), value)
		}
		m.document = ast.NewTerm(whole)
		return m.document
	}
}

// dataReference leads to the value of a rule, and into it.
func (c *compiler) dataReference(s *scope, ref ast.Ref, next continuation) (step, error) {
	if slot, ok := c.document(ref); ok {
		c.dependent = true
		return c.path(s, inSlot(slot), ref[2:], next)
	}
	group, n, err := c.resolve(ref)
	if err != nil {
		return nil, err
	}
	if group == nil {
		return never, nil
	}
	if group.kind == kindFunction {
		return never, nil // a function is no document
	}
	index, err := c.rule(group)
	if err != nil {
		return nil, err
	}
	if known := c.program.rules[index]; known.folded {
		if known.known == nil {
			return never, nil
		}
		return c.path(s, constant(known.known), ref[n:], next)
	}
	value := computed(func(m *machine) *ast.Term { return m.value(index) })
	return c.once(value, func(value operand) (step, error) { return c.path(s, value, ref[n:], next) })
}

// document is the slot of the base document that a reference leads to, if it does.
func (c *compiler) document(ref ast.Ref) (int, bool) {
	if len(ref) < 2 {
		return 0, false
	}
	name, _ := ref[1].Value.(ast.String)
	i := slices.Index(c.options.Documents, string(name))
	if i < 0 {
		return 0, false
	}
	return c.documentSlots[i], true
}

// path compiles the way from a value along the keys; keys that are not bound range over all that there are.
func (c *compiler) path(s *scope, base operand, keys []*ast.Term, next continuation) (step, error) {
	known := 0
	for known < len(keys) && s.ground(keys[known]) {
		known++
	}
	if known > 0 {
		operands, err := c.operands(s, keys[:known])
		if err != nil {
			return nil, err
		}
		return c.lookup(base, operands, func(value operand) (step, error) { return c.path(s, value, keys[known:], next) })
	}
	if len(keys) == 0 {
		return c.defined(base, next)
	}
	return c.enumerate(s, base, keys, next)
}

// defined goes on where a value that a Run fills in is defined; all others are.
func (c *compiler) defined(base operand, next continuation) (step, error) {
	then, err := next(base)
	if err != nil || base.term != nil || base.slot > len(c.prefixSlots)+len(c.documentSlots) {
		return then, err
	}
	return func(m *machine) bool { return m.slots[base.slot] == nil || then(m) }, nil
}

// lookup follows keys that are known.
func (c *compiler) lookup(base operand, keys []operand, next continuation) (step, error) {
	fixed := constants(keys)
	if base.term != nil && fixed != nil {
		value := follow(new(machine), base.term, fixed)
		if value == nil {
			return never, nil
		}
		return next(constant(value))
	}
	slot := c.slot()
	then, err := next(inSlot(slot))
	if err != nil {
		return nil, err
	}
	if fixed != nil {
		from := base.slot
		return func(m *machine) bool {
			value := follow(m, m.slots[from], fixed)
			if value == nil {
				return true
			}
			m.slots[slot] = value
			return then(m)
		}, nil
	}
	return func(m *machine) bool {
		value := base.get(m)
		for i := range keys {
			key := keys[i].get(m)
			if key == nil {
				return m.err == nil
			}
			if value = get(m, value, key); value == nil {
				return true
			}
		}
		m.slots[slot] = value
		return then(m)
	}, nil
}

// constants are the terms of operands that are all constant; nil otherwise.
func constants(operands []operand) []*ast.Term {
	terms := make([]*ast.Term, len(operands))
	for i := range operands {
		if terms[i] = operands[i].term; terms[i] == nil {
			return nil
		}
	}
	return terms
}

// follow is the value at the end of a path; nil where there is none.
func follow(m *machine, value *ast.Term, keys []*ast.Term) *ast.Term {
	for _, key := range keys {
		if value = get(m, value, key); value == nil {
			return nil
		}
	}
	return value
}

// get is the element of a collection at a key; nil where there is none. An element of a set is its own key.
func get(m *machine, collection, key *ast.Term) *ast.Term {
	if collection == nil {
		return nil
	}
	switch value := collection.Value.(type) {
	case *ast.Array:
		element := value.Get(key)
		if element == nil || m.unknown == nil {
			return element
		}
		return m.element(element)
	case ast.Set:
		if m.unknown != nil && iterable(key) {
			return m.elementOfSet(value, key)
		}
		if value.Contains(key) {
			return key
		}
	case ast.Object:
		if m.unknown != nil && iterable(key) {
			return m.fieldAt(value, key)
		}
		return m.known(value.Get(key))
	}
	return nil
}

// enumerate ranges over a collection, and binds or matches the first of the keys.
func (c *compiler) enumerate(s *scope, base operand, keys []*ast.Term, next continuation) (step, error) {
	key, value := c.slot(), c.slot()
	inner, err := c.match(s, keys[0], inSlot(key), func() (step, error) { return c.path(s, inSlot(value), keys[1:], next) })
	if err != nil {
		return nil, err
	}
	return func(m *machine) bool {
		collection := base.get(m)
		if collection == nil {
			return m.err == nil
		}
		return m.each(collection, key, value, inner)
	}, nil
}
