package machine

import (
	"github.com/open-policy-agent/opa/v1/ast"
)

// PartialInput is an Input with values that nobody can tell yet. Terms of its own stand for them: a Run takes them for absent, as an
// element of an array for null, and keeps account of what has looked at one, or would have come by one: that may turn out otherwise
// once the value is there.
type PartialInput interface {
	Input
	// Unknown are the terms, each with a bit to tell it by in Touched; several may share one. It is asked after all that the Program
	// reads was asked for. The map must not change afterwards.
	Unknown() map[*ast.Term]uint64
}

// Outcome is the value of a root.
type Outcome struct {
	// Certain is what holds whatever the unknown values are, Uncertain what depends on some of them: the elements of a set, or the whole
	// value. Either may be nil.
	Certain, Uncertain *ast.Term
	// Touched are the bits of the unknown values that Uncertain, or the error of the root, may depend on.
	Touched uint64
}

// Outcome evaluates a root as Root does, and says what is certain. An error may depend on an unknown value where Touched is not 0.
func (r *Run) Outcome(root int) (Outcome, error) {
	m := &r.machine
	m.touched = m.always
	m.ever = m.always
	index := m.program.roots[root]
	value, err := r.Root(root)
	touched := m.touched
	m.touched = 0
	if err != nil {
		return Outcome{Touched: m.ever}, err
	}
	if len(m.unknown) == 0 || value == nil || touched == 0 {
		return Outcome{Certain: m.cleaned(value)}, nil
	}
	st := &m.states[index]
	set, isSet := value.Value.(ast.Set)
	if !isSet || m.program.rules[index].kind != kindSet {
		return Outcome{Uncertain: m.cleaned(value), Touched: touched}, nil
	}
	var certain, uncertain []*ast.Term
	for _, element := range set.Slice() {
		if st.certain != nil && st.certain.Contains(element) {
			certain = append(certain, m.cleaned(element))
		} else {
			uncertain = append(uncertain, m.cleaned(element))
		}
	}
	return Outcome{Certain: ast.SetTerm(certain...), Uncertain: ast.SetTerm(uncertain...), Touched: st.uncertain}, nil
}

// touch notes that the way to here has looked at unknown values.
func (m *machine) touch(bits uint64) {
	m.touched |= bits
	m.ever |= bits
}

// known is a value that was read of a collection; nil where nobody can tell it.
func (m *machine) known(term *ast.Term) *ast.Term {
	if term == nil || m.unknown == nil {
		return term
	}
	if bit, unknown := m.unknown[term]; unknown {
		m.touch(bit)
		return nil
	}
	return term
}

// element is known for an element of an array, which is null where nobody can tell it.
func (m *machine) element(term *ast.Term) *ast.Term {
	if known := m.known(term); known != nil {
		return known
	}
	return ast.InternedNullTerm
}

// within are the bits of the unknown values in a term.
func (m *machine) within(term *ast.Term) uint64 {
	if bit, unknown := m.unknown[term]; unknown {
		return bit
	}
	var bits uint64
	switch value := term.Value.(type) {
	case *ast.Array:
		value.Foreach(func(element *ast.Term) { bits |= m.within(element) })
	case ast.Set:
		value.Foreach(func(element *ast.Term) { bits |= m.within(element) })
	case ast.Object:
		value.Foreach(func(key, element *ast.Term) { bits |= m.within(key) | m.within(element) })
	}
	return bits
}

// direct are the bits of the unknown values that are elements of a collection themselves, and how many there are.
func (m *machine) direct(collection *ast.Term) (bits uint64, n int) {
	count := func(element *ast.Term) {
		if bit, unknown := m.unknown[element]; unknown {
			bits, n = bits|bit, n+1
		}
	}
	switch value := collection.Value.(type) {
	case *ast.Array:
		value.Foreach(count)
	case ast.Object:
		value.Foreach(func(_, element *ast.Term) { count(element) })
	}
	return bits, n
}

// whole is a term that is looked at as a whole: the run has looked at every unknown value in it, and sees none.
func (m *machine) whole(term *ast.Term) *ast.Term {
	if m.unknown == nil || !iterable(term) {
		return term
	}
	bits := m.within(term)
	if bits == 0 {
		return term
	}
	m.touch(bits)
	return m.cleaned(term)
}

// cleaned is a term without unknown values.
func (m *machine) cleaned(term *ast.Term) *ast.Term {
	if term == nil || m.unknown == nil || m.within(term) == 0 {
		return term
	}
	if _, unknown := m.unknown[term]; unknown {
		return ast.InternedNullTerm
	}
	switch value := term.Value.(type) {
	case *ast.Array:
		elements := make([]*ast.Term, value.Len())
		for i := range elements {
			elements[i] = m.cleaned(value.Elem(i))
		}
		return ast.ArrayTerm(elements...)
	case ast.Set:
		var elements []*ast.Term
		value.Foreach(func(element *ast.Term) { elements = append(elements, m.cleaned(element)) })
		return ast.SetTerm(elements...)
	case ast.Object:
		object := ast.NewObject()
		value.Foreach(func(key, element *ast.Term) {
			if _, unknown := m.unknown[element]; !unknown {
				object.Insert(m.cleaned(key), m.cleaned(element))
			}
		})
		return ast.NewTerm(object)
	default:
		return term
	}
}

// equal reports whether two values are the same.
func (m *machine) equal(a, b *ast.Term) bool {
	if a == b {
		return true
	}
	if m.unknown != nil && iterable(a) && iterable(b) {
		a, b = m.whole(a), m.whole(b)
	}
	return equal(a, b)
}

// exact is a built-in's result on operands with unknown values in them, for built-ins that look at no more than the uppermost layer of
// an operand; ok is false for others.
func (m *machine) exact(name string, operands *[3]*ast.Term) (result *ast.Term, ok bool) {
	switch name {
	case "count":
		if _, isSet := operands[0].Value.(ast.Set); isSet {
			return nil, false // elements that differ in an unknown value may be one
		}
		counted := quickCount(operands)
		if _, isObject := operands[0].Value.(ast.Object); isObject {
			bits, n := m.direct(operands[0])
			if n > 0 {
				m.touch(bits)
				length, _ := integer(counted)
				return ast.InternedTerm(length - int64(n)), true
			}
		}
		return counted, counted != nil
	case "object.get":
		if iterable(operands[1]) {
			return nil, false
		}
		object, isObject := operands[0].Value.(ast.Object)
		if !isObject {
			return nil, false
		}
		if value := m.known(object.Get(operands[1])); value != nil {
			return value, true
		}
		return operands[2], true
	case "equal", "neq":
		if iterable(operands[0]) != iterable(operands[1]) {
			return ast.InternedTerm(name == "neq"), true
		}
		return nil, false
	case "internal.member_2":
		return m.member(operands)
	}
	if check := quickTypeCheck(name); check != nil {
		return check(operands), true
	}
	return nil, false
}

// member is whether a simple value is in an array: it is where it is among those known.
func (m *machine) member(operands *[3]*ast.Term) (*ast.Term, bool) {
	array, isArray := operands[1].Value.(*ast.Array)
	if !isArray || iterable(operands[0]) {
		return nil, false
	}
	bits, _ := m.direct(operands[1])
	for i := range array.Len() {
		element := array.Elem(i)
		if _, unknown := m.unknown[element]; !unknown && equal(element, operands[0]) {
			return ast.InternedTerm(true), true
		}
	}
	m.touch(bits)
	if _, isNull := operands[0].Value.(ast.Null); isNull && bits != 0 {
		return ast.InternedTerm(true), true // what nobody can tell is null
	}
	return ast.InternedTerm(false), true
}

// branches runs alternatives, each from what was touched before, and has touched all that any of them did afterwards, so that what
// follows from their failing counts as uncertain. What an alternative itself goes on to find is as certain as its own way to it.
type branches struct{ before, all uint64 }

func (m *machine) branch() branches { return branches{before: m.touched, all: m.touched} }

func (b *branches) next(m *machine) {
	b.all |= m.touched
	m.touched = b.before
}

// end is after the last alternative.
func (b *branches) end(m *machine) { m.touched |= b.all }

// eachKnown is each where there are unknown values. One that is a field of an object is passed by; that another way may open up there is
// a touch of all that follows from there being no further way.
func (m *machine) eachKnown(collection *ast.Term, key, value int, body step) bool {
	alternatives := m.branch()
	visit := func(k, v *ast.Term) bool {
		m.set(key, k)
		m.set(value, v)
		return m.tick() && body(m)
	}
	switch elements := collection.Value.(type) {
	case *ast.Array:
		for i := range elements.Len() {
			alternatives.next(m)
			if !visit(ast.InternedTerm(i), m.element(elements.Elem(i))) {
				return false
			}
		}
	case ast.Set:
		for _, element := range elements.Slice() {
			alternatives.next(m)
			if !visit(element, element) {
				return false
			}
		}
	case ast.Object:
		keys := elements.KeysIterator()
		for name, ok := keys.Next(); ok; name, ok = keys.Next() {
			alternatives.next(m)
			if field := m.known(elements.Get(name)); field != nil && !visit(name, field) {
				return false
			}
		}
	}
	alternatives.end(m)
	return true
}

// elementOfSet is the element of a set that a composite key is.
func (m *machine) elementOfSet(set ast.Set, key *ast.Term) *ast.Term {
	whole := m.whole(ast.NewTerm(set))
	cleaned, ok := whole.Value.(ast.Set)
	if key = m.whole(key); ok && cleaned.Contains(key) {
		return key
	}
	return nil
}

// fieldAt is the value at a composite key.
func (m *machine) fieldAt(object ast.Object, key *ast.Term) *ast.Term {
	whole := m.whole(ast.NewTerm(object))
	cleaned, ok := whole.Value.(ast.Object)
	if !ok {
		return nil
	}
	return cleaned.Get(m.whole(key))
}

// length is the number of an object's fields.
func (m *machine) length(term *ast.Term, object ast.Object) int {
	if m.unknown == nil {
		return object.Len()
	}
	bits, n := m.direct(term)
	m.touch(bits)
	return object.Len() - n
}

// certify notes whether an element of a set under construction depends on unknown values.
func (m *machine) certify(st *state, element *ast.Term) {
	if m.touched != 0 {
		st.uncertain |= m.touched
		return
	}
	if st.certain == nil {
		st.certain = ast.NewSet()
	}
	st.certain.Add(element)
}
