package machine

import (
	"regexp"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// quickFunc is what a built-in yields for operands that it commonly has; nil leaves the call to OPA's implementation.
type quickFunc func(operands *[3]*ast.Term) *ast.Term

// quickOf yields a way to call a built-in without the frame that OPA's implementations need; nil where there is none. It does the
// same as OPA's, for the built-ins that policies call most.
func quickOf(name string, arguments []operand) quickFunc {
	if quick := quickComparison(name); quick != nil {
		return quick
	}
	switch name {
	case "startswith":
		return onTexts(strings.HasPrefix)
	case "endswith":
		return onTexts(strings.HasSuffix)
	case "contains":
		return onTexts(strings.Contains)
	case "count":
		return quickCount
	case "internal.member_2":
		return quickMember
	case "object.get":
		return quickGet
	case "plus":
		return onIntegers(func(a, b int64) int64 { return a + b })
	case "minus":
		return onIntegers(func(a, b int64) int64 { return a - b })
	case "split":
		return quickSplit
	case "regex.match":
		return quickMatch(arguments)
	default:
		return quickTypeCheck(name)
	}
}

func quickComparison(name string) quickFunc {
	switch name {
	case "neq":
		return func(o *[3]*ast.Term) *ast.Term { return ast.InternedTerm(!equal(o[0], o[1])) }
	case "equal":
		return func(o *[3]*ast.Term) *ast.Term { return ast.InternedTerm(equal(o[0], o[1])) }
	case "gt":
		return comparison(func(order int) bool { return order > 0 })
	case "gte":
		return comparison(func(order int) bool { return order >= 0 })
	case "lt":
		return comparison(func(order int) bool { return order < 0 })
	case "lte":
		return comparison(func(order int) bool { return order <= 0 })
	default:
		return nil
	}
}

func comparison(holds func(order int) bool) quickFunc {
	return func(o *[3]*ast.Term) *ast.Term { return ast.InternedTerm(holds(o[0].Value.Compare(o[1].Value))) }
}

func onTexts(holds func(a, b string) bool) quickFunc {
	return func(o *[3]*ast.Term) *ast.Term {
		a, ok := o[0].Value.(ast.String)
		if !ok {
			return nil
		}
		b, ok := o[1].Value.(ast.String)
		if !ok {
			return nil
		}
		return ast.InternedTerm(holds(string(a), string(b)))
	}
}

// smallInteger is below what overflows when two are added.
const smallInteger = int64(1) << 61

func onIntegers(compute func(a, b int64) int64) quickFunc {
	return func(o *[3]*ast.Term) *ast.Term {
		a, ok := integer(o[0])
		if !ok {
			return nil
		}
		b, ok := integer(o[1])
		if !ok {
			return nil
		}
		return ast.InternedTerm(compute(a, b))
	}
}

func integer(term *ast.Term) (int64, bool) {
	number, ok := term.Value.(ast.Number)
	if !ok {
		return 0, false
	}
	value, ok := number.Int64()
	return value, ok && value > -smallInteger && value < smallInteger
}

func quickCount(o *[3]*ast.Term) *ast.Term {
	switch value := o[0].Value.(type) {
	case *ast.Array:
		return ast.InternedTerm(value.Len())
	case ast.Object:
		return ast.InternedTerm(value.Len())
	case ast.Set:
		return ast.InternedTerm(value.Len())
	default:
		return nil
	}
}

func quickMember(o *[3]*ast.Term) *ast.Term {
	switch collection := o[1].Value.(type) {
	case ast.Set:
		return ast.InternedTerm(collection.Contains(o[0]))
	case *ast.Array:
		for i := range collection.Len() {
			if equal(collection.Elem(i), o[0]) {
				return ast.InternedTerm(true)
			}
		}
		return ast.InternedTerm(false)
	default:
		return nil
	}
}

func quickGet(o *[3]*ast.Term) *ast.Term {
	object, ok := o[0].Value.(ast.Object)
	if !ok {
		return nil
	}
	if _, isPath := o[1].Value.(*ast.Array); isPath {
		return nil
	}
	if value := object.Get(o[1]); value != nil {
		return value
	}
	return o[2]
}

// shortText is how long a text may be whose parts are not worth counting.
const shortText = 1 << 10

func quickSplit(o *[3]*ast.Term) *ast.Term {
	text, ok := o[0].Value.(ast.String)
	if !ok || len(text) > shortText {
		return nil
	}
	separator, ok := o[1].Value.(ast.String)
	if !ok {
		return nil
	}
	parts := strings.Split(string(text), string(separator))
	terms, elements := make([]ast.Term, len(parts)), make([]*ast.Term, len(parts))
	for i, part := range parts {
		terms[i].Value = ast.String(part)
		elements[i] = &terms[i]
	}
	return ast.ArrayTerm(elements...)
}

// quickMatch compiles a pattern that is constant. A text that would take long is left to the call under watch.
func quickMatch(arguments []operand) quickFunc {
	if len(arguments) != 2 || arguments[0].term == nil {
		return nil
	}
	pattern, ok := arguments[0].term.Value.(ast.String)
	if !ok {
		return nil
	}
	compiled, err := regexp.Compile(string(pattern))
	if err != nil {
		return nil
	}
	return func(o *[3]*ast.Term) *ast.Term {
		text, ok := o[1].Value.(ast.String)
		if !ok || len(pattern)+len(text) > unwatchedPattern {
			return nil
		}
		return ast.InternedTerm(compiled.MatchString(string(text)))
	}
}

func quickTypeCheck(name string) quickFunc {
	var is func(value ast.Value) bool
	switch name {
	case "is_string":
		is = isA[ast.String]
	case "is_number":
		is = isA[ast.Number]
	case "is_boolean":
		is = isA[ast.Boolean]
	case "is_array":
		is = isA[*ast.Array]
	case "is_object":
		is = isA[ast.Object]
	case "is_set":
		is = isA[ast.Set]
	case "is_null":
		is = isA[ast.Null]
	default:
		return nil
	}
	return func(o *[3]*ast.Term) *ast.Term { return ast.InternedTerm(is(o[0].Value)) }
}

func isA[T ast.Value](value ast.Value) bool {
	_, ok := value.(T)
	return ok
}

// orQuick is the call's value by a quick function, or by OPA's implementation for operands that it leaves to that.
func (b *builtinCall) orQuick(quick quickFunc) func(m *machine) *ast.Term {
	return func(m *machine) *ast.Term {
		var operands [3]*ast.Term
		for i := range b.arguments {
			if operands[i] = b.arguments[i].get(m); operands[i] == nil {
				return nil
			}
		}
		// What computes an operand may call a built-in itself, so the machine's are set once all are known.
		m.operands = operands
		if m.unknown != nil {
			if result, ok := m.exact(b.name, &m.operands); ok {
				return result
			}
			for i := range b.arguments {
				m.operands[i] = m.whole(m.operands[i])
			}
		}
		if result := quick(&m.operands); result != nil {
			return result
		}
		return b.value(m)
	}
}
