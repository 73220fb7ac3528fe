package machine

import (
	"github.com/open-policy-agent/opa/v1/ast"
)

// building is what a comprehension has gathered so far.
type building struct {
	elements []*ast.Term
	set      ast.Set
	object   ast.Object
}

// gather compiles a comprehension's body, which adds to what is under construction for each way in which it holds. That has a place
// in the machine, one for each comprehension of the policy: none is active twice.
func (c *compiler) gather(
	s *scope, body ast.Body, heads []*ast.Term, add func(m *machine, b *building, values []*ast.Term) bool,
) (func(m *machine) *building, error) {
	inner := newScope(s)
	place := c.program.buildings
	c.program.buildings++
	run, err := c.body(inner, body, func() (step, error) {
		operands, err := c.operands(inner, heads)
		if err != nil {
			return nil, err
		}
		return func(m *machine) bool {
			var values [2]*ast.Term
			for i := range operands {
				if values[i] = operands[i].get(m); values[i] == nil {
					return m.err == nil
				}
			}
			return m.charge(bytesPerElement, heads[0].Location) && add(m, m.buildings[place], values[:len(operands)])
		}, nil
	})
	if err != nil {
		return nil, err
	}
	return func(m *machine) *building {
		b := new(building)
		m.buildings[place] = b
		run(m)
		if m.err != nil {
			return nil
		}
		return b
	}, nil
}

func (c *compiler) arrayComprehension(s *scope, source *ast.ArrayComprehension) (operand, error) {
	run, err := c.gather(s, source.Body, []*ast.Term{source.Term}, func(_ *machine, b *building, values []*ast.Term) bool {
		b.elements = append(b.elements, values[0])
		return true
	})
	if err != nil {
		return operand{}, err
	}
	return finished(run, func(b *building) *ast.Term { return ast.ArrayTerm(b.elements...) }), nil
}

func (c *compiler) setComprehension(s *scope, source *ast.SetComprehension) (operand, error) {
	run, err := c.gather(s, source.Body, []*ast.Term{source.Term}, func(_ *machine, b *building, values []*ast.Term) bool {
		if b.set == nil {
			b.set = ast.NewSet()
		}
		b.set.Add(values[0])
		return true
	})
	if err != nil {
		return operand{}, err
	}
	return finished(run, func(b *building) *ast.Term { return setTerm(b.set) }), nil
}

func (c *compiler) objectComprehension(s *scope, source *ast.ObjectComprehension) (operand, error) {
	conflicting := conflict(conflictObject, source.Key.Location)
	run, err := c.gather(s, source.Body, []*ast.Term{source.Key, source.Value}, func(m *machine, b *building, values []*ast.Term) bool {
		if b.object == nil {
			b.object = ast.NewObject()
		}
		if before := b.object.Get(values[0]); before != nil && !m.equal(before, values[1]) {
			m.fail(conflicting)
			return false
		}
		b.object.Insert(values[0], values[1])
		return true
	})
	if err != nil {
		return operand{}, err
	}
	return finished(run, func(b *building) *ast.Term { return objectTerm(b.object) }), nil
}

// finished is the value of what was gathered; none where that failed.
func finished(run func(m *machine) *building, value func(b *building) *ast.Term) operand {
	return computed(func(m *machine) *ast.Term {
		if b := run(m); b != nil {
			return value(b)
		}
		return nil
	})
}

// setTerm and objectTerm are what was built, which is nil where nothing was added.
func setTerm(built ast.Set) *ast.Term {
	if built == nil {
		return ast.InternedEmptySet
	}
	return ast.NewTerm(built)
}

func objectTerm(built ast.Object) *ast.Term {
	if built == nil {
		return ast.InternedEmptyObject
	}
	return ast.NewTerm(built)
}
