package machine

import (
	"errors"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// callExpression is a call of a function or built-in. Where there is one more term than it has arguments, that is matched with
// the result; otherwise the call holds where the result is not false.
func (c *compiler) callExpression(s *scope, expr *ast.Expr, terms []*ast.Term, next func() (step, error)) (step, error) {
	ref, ok := terms[0].Value.(ast.Ref)
	if !ok {
		return nil, unsupported(expr.Location, "a call of %s", terms[0])
	}
	if ref[0].Equal(ast.DefaultRootDocument) {
		return c.functionCall(s, expr, ref, terms[1:], next)
	}
	return c.builtinCall(s, expr, ref.String(), terms[1:], next)
}

func (c *compiler) functionCall(
	s *scope, expr *ast.Expr, ref ast.Ref, terms []*ast.Term, next func() (step, error),
) (step, error) {
	group, n, err := c.resolve(ref)
	if err != nil {
		return nil, err
	}
	if group == nil || n != len(ref) || group.kind != kindFunction {
		return nil, unsupported(expr.Location, "a call of %s", ref)
	}
	index, err := c.rule(group)
	if err != nil {
		return nil, err
	}
	parameters := c.program.rules[index].parameters
	if len(terms) < len(parameters) || len(terms) > len(parameters)+1 {
		return nil, unsupported(expr.Location, "a call of %s with %d arguments", ref, len(terms))
	}
	arguments, err := c.operands(s, terms[:len(parameters)])
	if err != nil {
		return nil, err
	}
	result := computed(func(m *machine) *ast.Term {
		for i := range arguments {
			value := arguments[i].get(m)
			if value == nil {
				return nil
			}
			m.slots[parameters[i]] = value
		}
		return m.call(index)
	})
	return c.result(s, result, terms[len(parameters):], next)
}

// result matches the result of a call with the output, if there is one.
func (c *compiler) result(s *scope, value operand, output []*ast.Term, next func() (step, error)) (step, error) {
	if len(output) == 0 {
		return truthy(value, next)
	}
	if value.term != nil {
		return c.match(s, output[0], value, next)
	}
	return c.once(value, func(value operand) (step, error) { return c.match(s, output[0], value, next) })
}

func (c *compiler) builtinCall(
	s *scope, expr *ast.Expr, name string, terms []*ast.Term, next func() (step, error),
) (step, error) {
	declared, known := ast.BuiltinMap[name]
	implementation := topdown.GetBuiltin(name)
	if !known || implementation == nil || declared.Nondeterministic {
		return nil, unsupported(expr.Location, "the built-in %s", name)
	}
	arity := declared.Decl.Arity()
	isVoid := declared.Decl.Result() == nil
	if isVoid {
		arity = len(terms)
	}
	if len(terms) < arity || len(terms) > arity+1 {
		return nil, unsupported(expr.Location, "a call of %s with %d arguments", name, len(terms))
	}
	arguments, err := c.operands(s, terms[:arity])
	if err != nil {
		return nil, err
	}
	call := &builtinCall{
		name: name, implementation: implementation, arguments: arguments, location: expr.Location, estimate: estimateOf(name),
	}
	switch {
	case isVoid:
		return c.effect(call, next)
	case declared.Relation:
		return c.relation(s, call, terms[arity:], next)
	}
	if constants(arguments) != nil {
		if value, ok := c.fold(call.value); ok && value != nil {
			return c.result(s, constant(value), terms[arity:], next)
		}
	}
	if quick := quickOf(name, arguments); quick != nil && len(arguments) <= 3 {
		return c.result(s, computed(call.orQuick(quick)), terms[arity:], next)
	}
	return c.result(s, computed(call.value), terms[arity:], next)
}

// builtinCall is a call of a built-in at one place.
type builtinCall struct {
	name           string
	implementation topdown.BuiltinFunc
	arguments      []operand
	location       *ast.Location
	// estimate is how large the result may be; nil where it is not much larger than the operands.
	estimate estimator
}

// value is the result; nil where it is undefined, or failed.
func (b *builtinCall) value(m *machine) *ast.Term {
	m.output = nil
	if !b.run(m, m.capture) {
		return nil
	}
	if m.output != nil && !m.charge(sizeOf(m.output), b.location) {
		return nil
	}
	return m.output
}

// run calls the built-in, and reports whether the machine may go on. A built-in that fails yields nothing.
func (b *builtinCall) run(m *machine, yield func(*ast.Term) error) bool {
	// A built-in may keep the slice.
	operands := make([]*ast.Term, len(b.arguments))
	for i := range b.arguments {
		if operands[i] = b.arguments[i].get(m); operands[i] == nil {
			return m.err == nil
		}
		operands[i] = m.whole(operands[i])
	}
	if b.estimate != nil && m.limits.Bytes > 0 && !m.affords(b.estimate(operands, m.limits.Bytes), b.location) {
		return false
	}
	m.builtin.Location = b.location
	err := m.supervised(b, operands, yield)
	if err == nil {
		return m.err == nil
	}
	m.failed(err)
	return m.err == nil
}

// failed takes note of a built-in's error. As in OPA, only a Halt ends the evaluation.
func (m *machine) failed(err error) {
	var halt topdown.Halt
	if errors.As(err, &halt) {
		m.fail(halt.Err)
		return
	}
	var failure *topdown.Error
	if m.keepFailures && errors.As(err, &failure) {
		m.failures = append(m.failures, *failure)
	}
}

// effect is a call without a result.
func (c *compiler) effect(call *builtinCall, next func() (step, error)) (step, error) {
	c.dependent = true
	then, err := next()
	if err != nil {
		return nil, err
	}
	return func(m *machine) bool {
		if m.builtin.PrintHook == nil {
			return then(m) // print is the only one of its kind
		}
		return call.run(m, m.capture) && then(m)
	}, nil
}

// relation is a call that may have several results.
func (c *compiler) relation(s *scope, call *builtinCall, output []*ast.Term, next func() (step, error)) (step, error) {
	slot := c.slot()
	var then step
	var err error
	if len(output) == 0 {
		then, err = truthy(inSlot(slot), next)
	} else {
		then, err = c.match(s, output[0], inSlot(slot), next)
	}
	if err != nil {
		return nil, err
	}
	return func(m *machine) bool {
		var results []*ast.Term
		ok := call.run(m, func(term *ast.Term) error {
			if !m.charge(bytesPerElement, call.location) || !m.tick() {
				return topdown.Halt{Err: m.err}
			}
			results = append(results, term)
			return nil
		})
		if !ok {
			return false
		}
		alternatives := m.branch()
		for _, result := range results {
			alternatives.next(m)
			m.slots[slot] = result
			if !m.tick() || !then(m) {
				return false
			}
		}
		alternatives.end(m)
		return true
	}, nil
}
