package machine

import (
	"github.com/open-policy-agent/opa/v1/ast"
)

// equation is two terms that are to be equal.
type equation struct {
	a, b *ast.Term
}

// unify compiles equations: those first that have a side whose value is known.
func (c *compiler) unify(s *scope, equations []equation, next func() (step, error)) (step, error) {
	if len(equations) == 0 {
		return next()
	}
	for i, e := range equations {
		rest := func() (step, error) { return c.unify(s, without(equations, i), next) }
		if ref, other, ok := reference(e); ok {
			return c.reference(s, ref, func(value operand) (step, error) { return c.equate(s, other, value, rest) })
		}
		pattern, known := e.a, e.b
		if !s.ground(known) {
			pattern, known = known, pattern
		}
		if !s.ground(known) {
			continue
		}
		value, err := c.operand(s, known)
		if err != nil {
			return nil, err
		}
		if value.eval != nil {
			return c.once(value, func(value operand) (step, error) { return c.match(s, pattern, value, rest) })
		}
		return c.match(s, pattern, value, rest)
	}
	return c.split(s, equations, next)
}

// equate compiles the equality of a value and a term that may be a reference too.
func (c *compiler) equate(s *scope, term *ast.Term, value operand, next func() (step, error)) (step, error) {
	if ref, ok := term.Value.(ast.Ref); ok {
		return c.reference(s, ref, func(other operand) (step, error) { return same(value, other, next) })
	}
	return c.match(s, term, value, next)
}

// reference is a side that is a reference, and the other side.
func reference(e equation) (ref ast.Ref, other *ast.Term, ok bool) {
	if ref, ok = e.a.Value.(ast.Ref); ok {
		return ref, e.b, true
	}
	ref, ok = e.b.Value.(ast.Ref)
	return ref, e.a, ok
}

// without is the equations without the one at i.
func without(equations []equation, i int) []equation {
	rest := make([]equation, 0, len(equations)-1)
	rest = append(rest, equations[:i]...)
	return append(rest, equations[i+1:]...)
}

// split takes two arrays apart, neither of which is known: each may know elements that the other one lacks.
func (c *compiler) split(s *scope, equations []equation, next func() (step, error)) (step, error) {
	for i, e := range equations {
		a, isArray := e.a.Value.(*ast.Array)
		b, both := e.b.Value.(*ast.Array)
		if !isArray || !both {
			continue
		}
		if a.Len() != b.Len() {
			return never, nil
		}
		apart := without(equations, i)
		for j := range a.Len() {
			apart = append(apart, equation{a.Elem(j), b.Elem(j)})
		}
		return c.unify(s, apart, next)
	}
	return nil, unsupported(equations[0].a.Location, "%s = %s", equations[0].a, equations[0].b)
}

// match compiles the equality of a value and a pattern: variables that are not bound yet are bound to what stands in their place.
func (c *compiler) match(s *scope, pattern *ast.Term, value operand, next func() (step, error)) (step, error) {
	if s.ground(pattern) {
		other, err := c.operand(s, pattern)
		if err != nil {
			return nil, err
		}
		return same(value, other, next)
	}
	switch p := pattern.Value.(type) {
	case ast.Var:
		s.bind(p, value)
		return next()
	case *ast.Array:
		return c.matchArray(s, p, value, next)
	case ast.Object:
		return c.matchObject(s, p, value, next)
	default:
		return nil, unsupported(pattern.Location, "a pattern of type %s", ast.ValueName(pattern.Value))
	}
}

// same goes on where two values are equal.
func same(a, b operand, next func() (step, error)) (step, error) {
	if a.term != nil && b.term != nil {
		if !equal(a.term, b.term) {
			return never, nil
		}
		return next()
	}
	then, err := next()
	if err != nil {
		return nil, err
	}
	return func(m *machine) bool {
		left := a.get(m)
		if left == nil {
			return m.err == nil
		}
		right := b.get(m)
		if right == nil {
			return m.err == nil
		}
		return !m.equal(left, right) || then(m)
	}, nil
}

// equal reports whether two values are the same.
func equal(a, b *ast.Term) bool {
	if a == b {
		return true
	}
	if left, ok := a.Value.(ast.String); ok {
		right, ok := b.Value.(ast.String)
		return ok && left == right
	}
	return a.Equal(b)
}

func (c *compiler) matchArray(s *scope, pattern *ast.Array, value operand, next func() (step, error)) (step, error) {
	n := pattern.Len()
	slots := make([]int, n)
	for i := range slots {
		slots[i] = c.slot()
	}
	then, err := c.matchElements(s, pattern, slots, next)
	if err != nil {
		return nil, err
	}
	return func(m *machine) bool {
		got := value.get(m)
		if got == nil {
			return m.err == nil
		}
		array, ok := got.Value.(*ast.Array)
		if !ok || array.Len() != n {
			return true
		}
		for i, slot := range slots {
			m.slots[slot] = array.Elem(i)
			if m.unknown != nil {
				m.slots[slot] = m.element(m.slots[slot])
			}
		}
		return then(m)
	}, nil
}

func (c *compiler) matchElements(s *scope, pattern *ast.Array, slots []int, next func() (step, error)) (step, error) {
	i := pattern.Len() - len(slots)
	if len(slots) == 0 {
		return next()
	}
	return c.match(s, pattern.Elem(i), inSlot(slots[0]), func() (step, error) {
		return c.matchElements(s, pattern, slots[1:], next)
	})
}

// matchObject matches an object of the same keys, which must be known.
func (c *compiler) matchObject(s *scope, pattern ast.Object, value operand, next func() (step, error)) (step, error) {
	names := pattern.Keys()
	keys, err := c.operands(s, names)
	if err != nil {
		return nil, err
	}
	slots := make([]int, len(keys))
	for i := range slots {
		slots[i] = c.slot()
	}
	then, err := c.matchFields(s, pattern, names, slots, next)
	if err != nil {
		return nil, err
	}
	return func(m *machine) bool {
		got := value.get(m)
		if got == nil {
			return m.err == nil
		}
		object, ok := got.Value.(ast.Object)
		if !ok || m.length(got, object) != len(keys) {
			return true
		}
		for i := range keys {
			key := keys[i].get(m)
			if key == nil {
				return m.err == nil
			}
			field := m.known(object.Get(key))
			if field == nil {
				return true
			}
			m.slots[slots[i]] = field
		}
		return then(m)
	}, nil
}

func (c *compiler) matchFields(
	s *scope, pattern ast.Object, names []*ast.Term, slots []int, next func() (step, error),
) (step, error) {
	if len(names) == 0 {
		return next()
	}
	return c.match(s, pattern.Get(names[0]), inSlot(slots[0]), func() (step, error) {
		return c.matchFields(s, pattern, names[1:], slots[1:], next)
	})
}
