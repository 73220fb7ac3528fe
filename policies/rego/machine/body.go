package machine

import (
	"github.com/open-policy-agent/opa/v1/ast"
)

// found ends a search at the first way in which something holds.
func found(*machine) bool { return false }

// never is a step that holds in no way.
func never(*machine) bool { return true }

func foundStep() (step, error) { return found, nil }

// body compiles expressions, one after the other; next compiles what follows them.
func (c *compiler) body(s *scope, body ast.Body, next func() (step, error)) (step, error) {
	if len(body) == 0 {
		return next()
	}
	return c.expression(s, body[0], func() (step, error) { return c.body(s, body[1:], next) })
}

func (c *compiler) expression(s *scope, expr *ast.Expr, next func() (step, error)) (step, error) {
	if len(expr.With) > 0 {
		return nil, unsupported(expr.Location, "with")
	}
	if expr.Negated {
		return c.negation(s, ast.NewBody(expr.Complement()), next)
	}
	switch terms := expr.Terms.(type) {
	case *ast.Term:
		return c.holds(s, terms, next)
	case []*ast.Term:
		if expr.IsEquality() {
			return c.unify(s, []equation{{terms[1], terms[2]}}, next)
		}
		return c.callExpression(s, expr, terms, next)
	case *ast.Every:
		return c.every(s, terms, next)
	case *ast.Not:
		return c.negation(s, terms.Body, next)
	case *ast.LogicalAnd:
		return c.logical(s, terms.Lhs, terms.Rhs, false, next)
	case *ast.LogicalOr:
		return c.logical(s, terms.Lhs, terms.Rhs, true, next)
	default:
		return nil, unsupported(expr.Location, "an expression of type %T", terms)
	}
}

// negation holds, in one way, where the body holds in none.
func (c *compiler) negation(s *scope, body ast.Body, next func() (step, error)) (step, error) {
	inner, err := c.body(newScope(s), body, foundStep)
	if err != nil {
		return nil, err
	}
	then, err := next()
	if err != nil {
		return nil, err
	}
	return func(m *machine) bool {
		if inner(m) {
			return then(m)
		}
		return m.err == nil
	}, nil
}

// logical holds, in one way, where both bodies hold, or where either does. The second one is asked only where it matters.
func (c *compiler) logical(s *scope, left, right ast.Body, either bool, next func() (step, error)) (step, error) {
	first, err := c.body(newScope(s), left, foundStep)
	if err != nil {
		return nil, err
	}
	second, err := c.body(newScope(s), right, foundStep)
	if err != nil {
		return nil, err
	}
	then, err := next()
	if err != nil {
		return nil, err
	}
	return func(m *machine) bool {
		// Where the first one fails for what nobody can tell, so may the second one hold.
		holds := !first(m)
		if m.err != nil {
			return false
		}
		if holds != either {
			holds = !second(m)
			if m.err != nil {
				return false
			}
		}
		return !holds || then(m)
	}, nil
}

// holds is an expression of one term, which holds where its value is defined and not false.
func (c *compiler) holds(s *scope, term *ast.Term, next func() (step, error)) (step, error) {
	if ref, ok := term.Value.(ast.Ref); ok {
		return c.reference(s, ref, func(value operand) (step, error) { return truthy(value, next) })
	}
	if !s.ground(term) {
		return nil, unsupported(term.Location, "%s is not ground", term)
	}
	value, err := c.operand(s, term)
	if err != nil {
		return nil, err
	}
	return truthy(value, next)
}

// truthy goes on where the value is not false.
func truthy(value operand, next func() (step, error)) (step, error) {
	if value.term != nil {
		if isFalse(value.term) {
			return never, nil
		}
		return next()
	}
	then, err := next()
	if err != nil {
		return nil, err
	}
	return func(m *machine) bool {
		got := value.get(m)
		if got == nil {
			return m.err == nil
		}
		return isFalse(got) || then(m)
	}, nil
}

func isFalse(term *ast.Term) bool {
	truth, ok := term.Value.(ast.Boolean)
	return ok && !bool(truth)
}

// every holds, in one way, where the body holds for each element of the domain.
func (c *compiler) every(s *scope, every *ast.Every, next func() (step, error)) (step, error) {
	domain, err := c.operand(s, every.Domain)
	if err != nil {
		return nil, err
	}
	inner := newScope(s)
	key, value := c.slot(), c.slot()
	body, err := c.elementOf(inner, every, key, value)
	if err != nil {
		return nil, err
	}
	then, err := next()
	if err != nil {
		return nil, err
	}
	// An element for which the body does not hold ends the loop.
	check := func(m *machine) bool { return !body(m) && m.err == nil }
	return func(m *machine) bool {
		elements := domain.get(m)
		if elements == nil {
			return m.err == nil
		}
		if !iterable(elements) {
			return true
		}
		if m.each(elements, key, value, check) {
			return then(m)
		}
		return m.err == nil
	}, nil
}

// elementOf is the body of every, for the key and the value in two slots.
func (c *compiler) elementOf(s *scope, every *ast.Every, key, value int) (step, error) {
	rest := func() (step, error) {
		return c.match(s, every.Value, inSlot(value), func() (step, error) { return c.body(s, every.Body, foundStep) })
	}
	if every.Key == nil {
		return rest()
	}
	return c.match(s, every.Key, inSlot(key), rest)
}

func iterable(term *ast.Term) bool {
	switch term.Value.(type) {
	case *ast.Array, ast.Set, ast.Object:
		return true
	default:
		return false
	}
}

// each runs the body for each element of a collection, in Rego's order, with key and value in two slots; a negative slot is left
// alone. It reports whether the search is to go on.
func (m *machine) each(collection *ast.Term, key, value int, body step) bool {
	if m.unknown != nil {
		return m.eachKnown(collection, key, value, body)
	}
	switch elements := collection.Value.(type) {
	case *ast.Array:
		for i := range elements.Len() {
			m.set(key, ast.InternedTerm(i))
			m.set(value, elements.Elem(i))
			if !m.tick() || !body(m) {
				return false
			}
		}
	case ast.Set:
		for _, element := range elements.Slice() {
			m.set(key, element)
			m.set(value, element)
			if !m.tick() || !body(m) {
				return false
			}
		}
	case ast.Object:
		keys := elements.KeysIterator()
		for name, ok := keys.Next(); ok; name, ok = keys.Next() {
			m.set(key, name)
			if value >= 0 {
				m.slots[value] = elements.Get(name)
			}
			if !m.tick() || !body(m) {
				return false
			}
		}
	}
	return true
}

func (m *machine) set(slot int, term *ast.Term) {
	if slot >= 0 {
		m.slots[slot] = term
	}
}
