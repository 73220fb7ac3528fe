package machine

import (
	"github.com/open-policy-agent/opa/v1/ast"
)

// operand is a value that is known when a step runs: a constant, what is in a slot, or what is computed from these.
type operand struct {
	// term is the constant.
	term *ast.Term
	// eval computes the value; nil for a constant or a slot. It yields nil where it fails, and sets the machine's error.
	eval func(m *machine) *ast.Term
	slot int
}

func constant(term *ast.Term) operand { return operand{term: term} }

func inSlot(slot int) operand { return operand{slot: slot} }

func computed(eval func(m *machine) *ast.Term) operand { return operand{eval: eval} }

// get is the value; nil where it failed, or where a slot that a Run fills in is undefined.
func (o *operand) get(m *machine) *ast.Term {
	if o.term != nil {
		return o.term
	}
	if o.eval != nil {
		return o.eval(m)
	}
	return m.slots[o.slot]
}

// scope knows which variables are bound where a step is compiled, and to what. A step's continuation is compiled within the
// step, in the same scope; a closure (a negation, a comprehension) has a scope of its own, whose bindings end with it.
type scope struct {
	parent *scope
	bound  map[ast.Var]operand
}

func newScope(parent *scope) *scope { return &scope{parent: parent, bound: map[ast.Var]operand{}} }

func (s *scope) lookup(name ast.Var) (operand, bool) {
	for ; s != nil; s = s.parent {
		if value, ok := s.bound[name]; ok {
			return value, true
		}
	}
	return operand{}, false
}

func (s *scope) bind(name ast.Var, value operand) { s.bound[name] = value }

// ground reports whether the term's value is known: whether operand yields one for it.
func (s *scope) ground(term *ast.Term) bool {
	switch value := term.Value.(type) {
	case ast.Null, ast.Boolean, ast.Number, ast.String, *ast.ArrayComprehension, *ast.SetComprehension, *ast.ObjectComprehension:
		return true
	case ast.Var:
		_, ok := s.lookup(value)
		return ok
	case *ast.Array:
		for i := range value.Len() {
			if !s.ground(value.Elem(i)) {
				return false
			}
		}
		return true
	case ast.Set:
		return !value.Until(func(element *ast.Term) bool { return !s.ground(element) })
	case ast.Object:
		return !value.Until(func(key, element *ast.Term) bool { return !s.ground(key) || !s.ground(element) })
	default:
		return false
	}
}

// operand is the value of a ground term.
func (c *compiler) operand(s *scope, term *ast.Term) (operand, error) {
	switch value := term.Value.(type) {
	case ast.Null, ast.Boolean, ast.Number, ast.String:
		return constant(term), nil
	case ast.Var:
		bound, ok := s.lookup(value)
		if !ok {
			return operand{}, unsupported(term.Location, "variable %s is not bound", value)
		}
		return bound, nil
	case *ast.Array, ast.Set, ast.Object:
		return c.composite(s, term)
	case *ast.ArrayComprehension:
		return c.arrayComprehension(s, value)
	case *ast.SetComprehension:
		return c.setComprehension(s, value)
	case *ast.ObjectComprehension:
		return c.objectComprehension(s, value)
	default:
		return operand{}, unsupported(term.Location, "a term of type %s as a value", ast.ValueName(value))
	}
}

// operands are the values of ground terms.
func (c *compiler) operands(s *scope, terms []*ast.Term) ([]operand, error) {
	out := make([]operand, len(terms))
	for i, term := range terms {
		if !s.ground(term) {
			return nil, unsupported(term.Location, "%s is not ground", term)
		}
		var err error
		if out[i], err = c.operand(s, term); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// composite is an array, set or object. One that has constants alone is built once.
func (c *compiler) composite(s *scope, term *ast.Term) (operand, error) {
	switch value := term.Value.(type) {
	case *ast.Array:
		elements := make([]*ast.Term, value.Len())
		for i := range elements {
			elements[i] = value.Elem(i)
		}
		parts, err := c.operands(s, elements)
		if err != nil {
			return operand{}, err
		}
		return build(parts, func(terms []*ast.Term) *ast.Term { return ast.ArrayTerm(terms...) }), nil
	case ast.Set:
		parts, err := c.operands(s, value.Slice())
		if err != nil {
			return operand{}, err
		}
		return build(parts, func(terms []*ast.Term) *ast.Term { return ast.SetTerm(terms...) }), nil
	default:
		object, _ := value.(ast.Object)
		var terms []*ast.Term
		object.Foreach(func(key, element *ast.Term) { terms = append(terms, key, element) })
		parts, err := c.operands(s, terms)
		if err != nil {
			return operand{}, err
		}
		return build(parts, objectOf), nil
	}
}

// objectOf is an object of keys and values in turn. A key that occurs again takes the place of the earlier one, as in OPA.
func objectOf(terms []*ast.Term) *ast.Term {
	object := ast.NewObjectWithCapacity(len(terms) / 2)
	for i := 0; i < len(terms); i += 2 {
		object.Insert(terms[i], terms[i+1])
	}
	return ast.NewTerm(object)
}

// build makes a value of its parts each time it is asked, or once where all are constant. assemble must not change the terms, but may
// keep the slice.
func build(parts []operand, assemble func([]*ast.Term) *ast.Term) operand {
	collect := func(m *machine) []*ast.Term {
		terms := make([]*ast.Term, len(parts))
		for i := range parts {
			if terms[i] = parts[i].get(m); terms[i] == nil {
				return nil
			}
		}
		return terms
	}
	for i := range parts {
		if parts[i].term == nil {
			return computed(func(m *machine) *ast.Term {
				terms := collect(m)
				if terms == nil || !m.charge(len(terms)*bytesPerElement, nil) {
					return nil
				}
				return assemble(terms)
			})
		}
	}
	return constant(assemble(collect(nil)))
}
