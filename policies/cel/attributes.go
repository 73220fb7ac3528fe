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
}

// NewQualifier makes a field or index.
func (a jsonAttributes) NewQualifier(of *types.Type, id int64, value any, optional bool) (interpreter.Qualifier, error) {
	qualifier, err := a.AttributeFactory.NewQualifier(of, id, value, optional)
	constant, ok := qualifier.(interpreter.ConstantQualifier)
	if err != nil || !ok {
		return qualifier, err
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

// decoded is the decoded JSON object in a CEL value.
func decoded(value any) any {
	if m, ok := value.(*jsonMap); ok {
		return m.entries
	}
	return value
}
