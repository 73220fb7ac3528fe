package cel

import (
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/interpreter"
)

// optionalOr plans or() and orValue() of optional values, whose argument is evaluated only where it is needed. They are no
// functions that an environment could tell of: cel.OptionalTypes adds such a decorator to the programs that cel-go makes.
func optionalOr(i interpreter.InterpretableV2) (interpreter.InterpretableV2, error) {
	call, ok := i.(interpreter.InterpretableCall)
	if !ok || len(call.Args()) != 2 {
		return i, nil
	}
	overload := call.OverloadID()
	switch call.Function() {
	case "or":
		if overload != "" && overload != "optional_or_optional" {
			return i, nil
		}
	case "orValue":
		if overload != "" && overload != "optional_orValue_value" {
			return i, nil
		}
	default:
		return i, nil
	}
	return &optionalElse{
		id: call.ID(), optional: call.Args()[0], otherwise: call.Args()[1], unwrap: call.Function() == "orValue",
	}, nil
}

// optionalElse is an optional value, or something else where it has none.
type optionalElse struct {
	id                  int64
	optional, otherwise interpreter.InterpretableV2
	// unwrap says that the result is the value in the optional.
	unwrap bool
}

var _ interpreter.InterpretableV2 = (*optionalElse)(nil)

// ID is that of the call.
func (o *optionalElse) ID() int64 { return o.id }

// Exec evaluates it.
func (o *optionalElse) Exec(frame *interpreter.ExecutionFrame) ref.Val {
	value := o.optional.Exec(frame)
	switch optional := value.(type) {
	case *types.Err, *types.Unknown:
		return value
	case *types.Optional:
		switch {
		case !optional.HasValue():
			return o.otherwise.Exec(frame)
		case o.unwrap:
			return optional.GetValue()
		default:
			return value
		}
	default:
		return types.NoSuchOverloadErr()
	}
}

// Eval evaluates it.
func (o *optionalElse) Eval(activation interpreter.Activation) ref.Val {
	return o.Exec(interpreter.AsFrame(activation))
}
