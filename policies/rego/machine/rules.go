package machine

import (
	"github.com/open-policy-agent/opa/v1/ast"
)

// rule is all definitions of one path, compiled.
type rule struct {
	kind        kind
	definitions []*definition
	// fallback is the default's value; nil where there is none.
	fallback *operand
	// parameters are the slots of a function's arguments, memo its place in the machine's memos.
	parameters []int
	memo       int
	// dependent is set where the value depends on the input; otherwise, where folded is set, it is known: nil for undefined.
	dependent, folded bool
	known             *ast.Term
	// uniform is set where every definition yields the same constant: the first that holds decides.
	uniform bool
}

// definition is one body, with the one that counts where it does not hold.
type definition struct {
	run    step
	orElse *definition
	// value is the constant that it yields; nil where that depends.
	value *ast.Term
}

// rule compiles a group, once, and yields its place in the Program.
func (c *compiler) rule(g *group) (int, error) {
	if g.compiled {
		c.dependent = c.dependent || c.program.rules[g.index].dependent
		return g.index, nil
	}
	if g.kind == kindUnknown {
		return 0, unsupported(g.rules[0].Location, "the heads of %s", g.path)
	}
	compiled := &rule{kind: g.kind}
	g.index, g.compiled = len(c.program.rules), true
	c.program.rules = append(c.program.rules, compiled)
	outer := c.dependent
	c.dependent = false
	if err := c.definitions(g, compiled); err != nil {
		return 0, err
	}
	compiled.dependent = c.dependent
	c.dependent = outer || compiled.dependent
	if !compiled.dependent && g.kind != kindFunction {
		compiled.known, compiled.folded = c.fold(func(m *machine) *ast.Term { return m.value(g.index) })
	}
	return g.index, nil
}

// definitions compiles what a group consists of.
func (c *compiler) definitions(g *group, compiled *rule) error {
	if g.kind == kindFunction {
		for range g.rules[0].Head.Args {
			compiled.parameters = append(compiled.parameters, c.slot())
		}
		compiled.memo = c.program.memos
		c.program.memos++
	}
	for _, source := range g.rules {
		if source.Default {
			fallback, err := c.operand(newScope(nil), source.Head.Value)
			if err != nil {
				return err
			}
			compiled.fallback = &fallback
			continue
		}
		definition, err := c.definition(g.index, compiled, source)
		if err != nil {
			return err
		}
		compiled.definitions = append(compiled.definitions, definition)
	}
	compiled.uniform = uniform(compiled.definitions)
	return nil
}

func (c *compiler) definition(index int, compiled *rule, source *ast.Rule) (*definition, error) {
	if source == nil {
		return nil, nil
	}
	d := &definition{}
	s := newScope(nil)
	run, err := c.arguments(s, compiled.parameters, source.Head.Args, func() (step, error) {
		return c.body(s, source.Body, func() (step, error) { return c.yield(s, index, d, source) })
	})
	if err != nil {
		return nil, err
	}
	d.run = run
	d.orElse, err = c.definition(index, compiled, source.Else)
	return d, err
}

// arguments matches a function's arguments with the patterns of a definition.
func (c *compiler) arguments(s *scope, slots []int, patterns []*ast.Term, next func() (step, error)) (step, error) {
	if len(patterns) == 0 {
		return next()
	}
	return c.match(s, patterns[0], inSlot(slots[0]), func() (step, error) {
		return c.arguments(s, slots[1:], patterns[1:], next)
	})
}

// yield is the last step of a definition: it puts the head's value into the rule's.
func (c *compiler) yield(s *scope, index int, d *definition, source *ast.Rule) (step, error) {
	head := source.Head
	switch {
	case head.RuleKind() == ast.MultiValue:
		key, err := c.headOperand(s, head.Key)
		if err != nil {
			return nil, err
		}
		return yieldElement(index, key), nil
	case len(head.Args) == 0 && c.program.rules[index].kind == kindObject:
		ref := source.Ref()
		parts, err := c.operands(s, []*ast.Term{ref[len(ref)-1], head.Value})
		if err != nil {
			return nil, err
		}
		return yieldField(index, parts[0], parts[1], head.Location), nil
	}
	value, err := c.headOperand(s, head.Value)
	if err != nil {
		return nil, err
	}
	d.value = value.term
	return yieldValue(index, value, source), nil
}

// headOperand is the value of a term in a rule's head.
func (c *compiler) headOperand(s *scope, term *ast.Term) (operand, error) {
	if !s.ground(term) {
		return operand{}, unsupported(term.Location, "%s in a rule's head", term)
	}
	return c.operand(s, term)
}

// yieldValue sets the value of a complete rule or function. What else it yields must be the same.
func yieldValue(index int, value operand, source *ast.Rule) step {
	path := source.Ref()
	return func(m *machine) bool {
		found := value.get(m)
		if found == nil {
			return false
		}
		st := &m.states[index]
		st.hit = true
		if st.value == nil {
			st.value, st.by = found, source.Location
		} else if !m.equal(st.value, found) {
			m.fail(conflictOfValues(path, st, found, source.Location))
			return false
		}
		return value.term == nil // a constant can't be another one the next time
	}
}

func yieldElement(index int, key operand) step {
	return func(m *machine) bool {
		element := key.get(m)
		if element == nil || !m.charge(bytesPerElement, nil) {
			return false
		}
		st := &m.states[index]
		if st.set == nil {
			st.set = ast.NewSet()
		}
		st.set.Add(element)
		if m.unknown != nil {
			m.certify(st, element)
		}
		return true
	}
}

func yieldField(index int, key, value operand, location *ast.Location) step {
	return func(m *machine) bool {
		name := key.get(m)
		if name == nil {
			return false
		}
		field := value.get(m)
		if field == nil || !m.charge(2*bytesPerElement, location) {
			return false
		}
		st := &m.states[index]
		if st.object == nil {
			st.object = ast.NewObject()
		}
		if before := st.object.Get(name); before != nil && !m.equal(before, field) {
			m.fail(conflict(conflictObject, location))
			return false
		}
		st.object.Insert(name, field)
		return true
	}
}

// uniform reports whether all definitions yield the same constant.
func uniform(definitions []*definition) bool {
	if len(definitions) == 0 {
		return false
	}
	first := definitions[0].value
	if first == nil {
		return false
	}
	for _, d := range definitions {
		for ; d != nil; d = d.orElse {
			if d.value == nil || !d.value.Equal(first) {
				return false
			}
		}
	}
	return true
}

// value is the value of a rule without arguments, computed when it is first asked for. It is nil where the rule is undefined, or
// where it failed.
func (m *machine) value(index int) *ast.Term {
	st := &m.states[index]
	if st.done {
		m.touched |= st.touched
		return st.value
	}
	r := m.program.rules[index]
	if r.folded {
		return r.known
	}
	before := m.touched
	m.touched = m.always
	m.search(r, st)
	st.touched = m.touched
	m.touched |= before
	if m.err != nil {
		return nil
	}
	switch r.kind {
	case kindSet:
		st.value = setTerm(st.set)
	case kindObject:
		st.value = objectTerm(st.object)
	default:
	}
	if st.value == nil && r.fallback != nil {
		st.value = r.fallback.get(m)
	}
	st.done = m.err == nil
	return st.value
}

// call is the value of a function, whose arguments are in its parameters' slots. It is nil where it is undefined, or failed.
func (m *machine) call(index int) *ast.Term {
	if !m.tick() {
		return nil
	}
	r := m.program.rules[index]
	st := &m.states[index]
	known := m.memoOf(r)
	if result, touched, ok := known.recall(m, r); ok {
		m.touched |= touched
		return result
	}
	st.value = nil
	before := m.touched
	m.touched = m.always
	m.search(r, st)
	touched := m.touched
	m.touched |= before
	if m.err != nil {
		return nil
	}
	if st.value == nil && r.fallback != nil {
		st.value = r.fallback.get(m)
	}
	known.remember(st.value, touched)
	return st.value
}

// search runs the definitions of a rule.
func (m *machine) search(r *rule, st *state) {
	alternatives := m.branch()
	for _, d := range r.definitions {
		st.hit = false
		alternatives.next(m)
		for ; d != nil && !st.hit; d = d.orElse {
			d.run(m)
			if m.err != nil {
				alternatives.end(m)
				return
			}
		}
		if r.uniform && st.value != nil {
			return // what the others would yield is the same
		}
	}
	alternatives.end(m)
}
