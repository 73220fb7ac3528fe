package cel

import (
	"errors"
	"reflect"
	"strings"

	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"
	apiservercel "k8s.io/apiserver/pkg/cel"
)

// variables is the value of "variables": each is evaluated when it is first read, and once. It does what Kubernetes'
// k8s.io/apiserver/pkg/cel/lazy does, and needs no map and no closures for it.
type variables struct {
	run    *evaluation
	values []variableValue
}

// variableValue is a variable's value; nil where it was not read yet.
type variableValue struct {
	value      ref.Val
	evaluating bool
}

var _ traits.Mapper = (*variables)(nil)

// reset forgets all values.
func (v *variables) reset(n int) {
	clear(v.values)
	if cap(v.values) < n {
		v.values = make([]variableValue, n)
	}
	v.values = v.values[:n]
}

// read yields the value of the i-th variable. Its error matters where its value does: a validation that never reads it holds
// or not all the same.
func (v *variables) read(i int) ref.Val {
	state, variable := &v.values[i], &v.run.set.variables[i]
	switch {
	case state.value != nil:
		return state.value
	case state.evaluating:
		// The type checker lets a variable see those before it only, but dyn(variables) is anything.
		return types.NewErr("variable %q refers to itself", variable.name)
	}
	state.evaluating = true
	value, err := v.run.eval(&variable.expression)
	if err != nil {
		value = types.WrapErr(&variableError{name: variable.name, err: err})
	}
	state.value, state.evaluating = value, false
	return value
}

// Find yields the value of a variable.
func (v *variables) Find(key ref.Val) (ref.Val, bool) {
	text, ok := key.(types.String)
	if !ok {
		return types.MaybeNoSuchOverloadErr(key), true
	}
	name := string(text)
	if strings.Contains(name, "__") {
		if name, ok = apiservercel.Unescape(name); !ok {
			return nil, false
		}
	}
	for i := range v.values {
		if v.run.set.variables[i].name == name {
			return v.read(i), true
		}
	}
	return nil, false
}

// Get yields the value of a variable or an error.
func (v *variables) Get(key ref.Val) ref.Val {
	value, found := v.Find(key)
	if found {
		return value
	}
	return types.ValOrErr(key, "no such key: %v", key)
}

// Contains reports whether there is a variable, unless it fails.
func (v *variables) Contains(key ref.Val) ref.Val {
	value, found := v.Find(key)
	if value != nil && types.IsUnknownOrError(value) {
		return value
	}
	return types.Bool(found)
}

// Size is the number of variables.
func (v *variables) Size() ref.Val { return types.Int(len(v.values)) }

// Iterator yields the values of the variables: a quirk of Kubernetes.
func (v *variables) Iterator() traits.Iterator { return &variablesIterator{variables: v} }

// Equal compares identities.
func (v *variables) Equal(other ref.Val) ref.Val {
	o, ok := other.(*variables)
	if !ok {
		return types.MaybeNoSuchOverloadErr(other)
	}
	return types.Bool(v == o)
}

// ConvertToNative fails.
func (v *variables) ConvertToNative(reflect.Type) (any, error) {
	return nil, errors.New("variables can't be converted")
}

// ConvertToType yields the type, or itself for that.
func (v *variables) ConvertToType(target ref.Type) ref.Val {
	switch target {
	case v.Type():
		return v
	case types.TypeType:
		return v.run.set.variablesType
	}
	return types.NewErr("disallowed conversion from %q to %q", variablesTypeName, target.TypeName())
}

// Type is that of variables.
func (v *variables) Type() ref.Type { return v.run.set.variablesType }

// Value is an error: there is none.
func (v *variables) Value() any { return types.NoSuchOverloadErr() }

// variablesIterator walks over variables.
type variablesIterator struct {
	noValue

	variables *variables
	next      int
}

var _ traits.Iterator = (*variablesIterator)(nil)

// HasNext reports whether there is a further variable.
func (i *variablesIterator) HasNext() ref.Val { return types.Bool(i.next < len(i.variables.values)) }

// Next yields the value of the next variable.
func (i *variablesIterator) Next() ref.Val {
	i.next++
	return i.variables.read(i.next - 1)
}
