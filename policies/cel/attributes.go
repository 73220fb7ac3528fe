package cel

import (
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/interpreter"
)

// jsonAttributes makes fields and indexes look into the decoded JSON itself. cel-go's do so where they begin at a variable of
// the input; but the variable of a comprehension is a CEL value, from which they would make one of the field, even to find out
// whether it is there.
type jsonAttributes struct {
	interpreter.AttributeFactory

	// partial says that there may be fields that nobody can tell yet.
	partial bool
}

// NewQualifier makes a field or index.
func (a jsonAttributes) NewQualifier(of *types.Type, id int64, value any, optional bool) (interpreter.Qualifier, error) {
	qualifier, err := a.AttributeFactory.NewQualifier(of, id, value, optional)
	constant, ok := qualifier.(interpreter.ConstantQualifier)
	if err != nil || !ok {
		return qualifier, err
	}
	if a.partial {
		return partialQualifier{jsonQualifier{constant}}, nil
	}
	return jsonQualifier{constant}, nil
}

// jsonQualifier is a constant field or index.
type jsonQualifier struct {
	interpreter.ConstantQualifier
}

var _ interpreter.ConstantQualifier = jsonQualifier{}

// Qualify yields the field or element, or an error.
func (q jsonQualifier) Qualify(vars interpreter.Activation, of any) (any, error) {
	return q.ConstantQualifier.Qualify(vars, decoded(of))
}

// QualifyIfPresent yields the field or element, if it is there.
func (q jsonQualifier) QualifyIfPresent(vars interpreter.Activation, of any, presenceOnly bool) (any, bool, error) {
	return q.ConstantQualifier.QualifyIfPresent(vars, decoded(of), presenceOnly)
}

// partialQualifier is a field or index of an object with fields that nobody can tell yet: nor can anybody tell whether they will be
// there.
type partialQualifier struct {
	jsonQualifier
}

// QualifyIfPresent yields the field or element, if it is there.
func (q partialQualifier) QualifyIfPresent(vars interpreter.Activation, of any, presenceOnly bool) (any, bool, error) {
	if entries, ok := decoded(of).(map[string]any); ok && presenceOnly {
		if key, ok := q.Value().(types.String); ok {
			if unknown, ok := entries[string(key)].(*types.Unknown); ok {
				return unknown, true, nil
			}
		}
	}
	return q.jsonQualifier.QualifyIfPresent(vars, of, presenceOnly)
}

// decoded is the decoded JSON object in a CEL value.
func decoded(value any) any {
	if m, ok := value.(*jsonMap); ok {
		return m.entries
	}
	return value
}
