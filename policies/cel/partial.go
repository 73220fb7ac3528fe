package cel

import (
	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/functions"
	"github.com/google/cel-go/common/operators"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"
	"github.com/google/cel-go/interpreter"

	"github.com/kroguard/kroguard/policies"
)

// partialPlan runs an expression on inputs with fields that nobody can tell yet. CEL has unknown values for them: what depends on one
// is unknown, unless it is decided without it, as false && unknown is. But its functions take a list or object for known that has
// unknown values within, and compare these as if they were values like others. So here what is handed to a function is looked through
// for them first.
type partialPlan struct {
	plan interpreter.InterpretableV2
	// touches are the paths that the expression may look at.
	touches []touch
}

func (e *environments) newPartialPlan(env *cel.Env, checked *cel.Ast) (*partialPlan, error) {
	plan, err := e.partial.plan(env, checked)
	if err != nil {
		return nil, err
	}
	return &partialPlan{plan: plan, touches: touchesOf(checked.NativeRep())}, nil
}

// evalPartial runs one expression. An error says nothing where the expression may have looked at what nobody can tell yet: with a
// value there, there might be none.
func (r *evaluation) evalPartial(e *expression) (ref.Val, error) {
	if err := r.stopped(); err != nil {
		return nil, err
	}
	partial, err := e.partial()
	if err != nil {
		return nil, err
	}
	var value ref.Val
	if r.counted {
		// The plan that counts knows nothing of unknown values within others.
		value, err = r.evalCounted(e)
	} else {
		value, err = r.evalUncounted(partial.plan)
	}
	if err == nil && (!r.counted || types.IsUnknown(value)) || r.exhausted || r.ctx.Err() != nil {
		return value, err
	}
	if unknown := r.touched(partial.touches, nil); unknown != nil {
		return unknown, nil
	}
	return value, err
}

// dependsOn are the fields that an unknown value depends on; nil for any other value.
func (r *evaluation) dependsOn(value ref.Val) []string {
	unknown, ok := value.(*types.Unknown)
	if !ok {
		return nil
	}
	names := []string{}
	for _, id := range unknown.IDs() {
		if name := r.nameOf(id); name != "" {
			names = append(names, name)
		}
	}
	return names
}

// heedUnknown makes a function yield unknown where an argument has an unknown value within. Those are left out that do no more with
// it than to hand it on, to count it, or to say whether it is there.
func heedUnknown(name string, binding *functions.Overload) {
	switch name {
	case operators.Index, operators.OptIndex, operators.OptSelect, operators.Add, operators.NotStrictlyFalse,
		operators.LogicalAnd, operators.LogicalOr, operators.LogicalNot, operators.Conditional,
		"size", "dyn", "type", "optional.of", "optional.none", "hasValue", "value":
		return
	case operators.In:
		heedUnknownMember(binding)
		return
	}
	if unary := binding.Unary; unary != nil {
		binding.Unary = func(arg ref.Val) ref.Val {
			if unknown := unknownWithin(nil, arg); unknown != nil {
				return unknown
			}
			return unary(arg)
		}
	}
	if binary := binding.Binary; binary != nil {
		binding.Binary = func(a, b ref.Val) ref.Val {
			if unknown := unknownWithin(nil, a, b); unknown != nil {
				return unknown
			}
			return binary(a, b)
		}
	}
	if function := binding.Function; function != nil {
		binding.Function = func(args ...ref.Val) ref.Val {
			if unknown := unknownWithin(nil, args...); unknown != nil {
				return unknown
			}
			return function(args...)
		}
	}
}

// heedUnknownMember is heedUnknown for "in": a simple value that is found among those known is there. The keys of objects are all
// known, but for fields that may turn out not to be there.
func heedUnknownMember(binding *functions.Overload) {
	in := binding.Binary
	if in == nil {
		return
	}
	binding.Binary = func(value, container ref.Val) ref.Val {
		if object, ok := container.(*jsonMap); ok {
			if key, ok := value.(types.String); ok {
				if unknown, ok := object.entries[string(key)].(*types.Unknown); ok {
					return unknown
				}
			}
			return in(value, container)
		}
		unknown := unknownWithin(nil, value, container)
		found := in(value, container)
		if unknown == nil || found == types.True && types.IsPrimitiveType(value) {
			return found
		}
		return unknown
	}
}

// unknownWithin yields all unknown values in values merged with one found before; nil where there are none.
func unknownWithin(unknown *types.Unknown, values ...ref.Val) *types.Unknown {
	for _, value := range values {
		switch v := value.(type) {
		case *types.Unknown:
			unknown = types.MergeUnknowns(v, unknown)
		case *jsonMap:
			unknown = unknownInJSON(unknown, v.entries)
		case *jsonList:
			unknown = unknownInJSON(unknown, v.elements)
		case *types.Optional:
			if v.HasValue() {
				unknown = unknownWithin(unknown, v.GetValue())
			}
		case *variables:
		case traits.Mapper:
			for keys := v.Iterator(); keys.HasNext() == types.True; {
				if element, found := v.Find(keys.Next()); found {
					unknown = unknownWithin(unknown, element)
				}
			}
		case traits.Lister:
			for elements := v.Iterator(); elements.HasNext() == types.True; {
				unknown = unknownWithin(unknown, elements.Next())
			}
		}
	}
	return unknown
}

func unknownInJSON(unknown *types.Unknown, value any) *types.Unknown {
	switch v := value.(type) {
	case *types.Unknown:
		return types.MergeUnknowns(v, unknown)
	case map[string]any:
		for _, element := range v {
			unknown = unknownInJSON(unknown, element)
		}
	case []any:
		for _, element := range v {
			unknown = unknownInJSON(unknown, element)
		}
	}
	return unknown
}

// partialEquality plans == and != of values that may have unknown values within. They are no functions that could be exchanged.
func partialEquality(i interpreter.InterpretableV2) (interpreter.InterpretableV2, error) {
	call, ok := i.(interpreter.InterpretableCall)
	if !ok || len(call.Args()) != 2 || call.Function() != operators.Equals && call.Function() != operators.NotEquals {
		return i, nil
	}
	return &equality{InterpretableCall: call, negated: call.Function() == operators.NotEquals}, nil
}

// equality is == or !=.
type equality struct {
	interpreter.InterpretableCall

	negated bool
}

var _ interpreter.InterpretableCall = (*equality)(nil)

// Exec evaluates it.
func (e *equality) Exec(frame *interpreter.ExecutionFrame) ref.Val {
	left, right := e.Args()[0].Exec(frame), e.Args()[1].Exec(frame)
	for _, side := range []ref.Val{left, right} {
		if types.IsError(side) {
			return side
		}
	}
	if unknown := unknownWithin(nil, left, right); unknown != nil {
		return unknown
	}
	equal := types.Equal(left, right)
	if e.negated {
		return types.Bool(equal != types.True)
	}
	return equal
}

// Eval evaluates it.
func (e *equality) Eval(activation interpreter.Activation) ref.Val {
	return e.Exec(interpreter.AsFrame(activation))
}

// touched are the unknown values that expressions with these touches may have looked at; nil for none. seen are the variables on the
// way.
func (r *evaluation) touched(touches []touch, seen []string) *types.Unknown {
	var unknown *types.Unknown
	for i := range touches {
		t := &touches[i]
		switch t.root {
		case touchesObject:
			unknown = touchedFields(unknown, t, pathsOfInput(r.input), 1)
		case touchesResources:
			unknown = touchedFields(unknown, t, r.resources.paths, len(r.unknowns)+1)
		case touchesVariables:
			unknown = r.touchedVariables(unknown, t, seen)
		}
	}
	return unknown
}

func pathsOfInput(in *policies.Input) []policies.FieldPath {
	paths := make([]policies.FieldPath, len(in.Unresolved))
	for i := range in.Unresolved {
		paths[i] = in.Unresolved[i].Path
	}
	return paths
}

func touchedFields(unknown *types.Unknown, t *touch, paths []policies.FieldPath, first int) *types.Unknown {
	for i, path := range paths {
		if t.meets(path) {
			unknown = types.MergeUnknowns(types.NewUnknown(int64(first+i), nil), unknown)
		}
	}
	return unknown
}
