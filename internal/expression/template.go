package expression

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
	"k8s.io/apimachinery/pkg/runtime"
)

// Template is a compiled value. It is immutable and safe for concurrent use.
type Template struct {
	// root yields the value; nil for a constant, which is in constant.
	root        node
	constant    any
	readsObject bool
	// doubles are the instance's fields of type number.
	doubles *doubles
}

// Constant returns the value of a template without expressions. The value is the caller's own.
func (t *Template) Constant() (value any, ok bool) {
	if t.root != nil {
		return nil, false
	}
	return runtime.DeepCopyJSONValue(t.constant), true
}

// ReadsObject reports whether the value depends on the instance; if not, it is the same for all instances of a namespace.
func (t *Template) ReadsObject() bool { return t.readsObject }

// Evaluate returns the template's value: a JSON value that shares nothing with the variables. ok is false where there is
// none: the whole value is optional.none() or null. Within lists and maps, elements without a value are left out.
//
// The result depends on the variables alone. Each expression has the cost limit that Kubernetes gives one, and the whole
// result a limit of size. The error is an *EvaluationError.
func (t *Template) Evaluate(variables Variables) (value any, ok bool, err error) {
	if value, ok := t.Constant(); ok {
		return value, value != nil, nil
	}
	if t.readsObject {
		variables.Object = t.doubles.applyToMap(variables.Object)
	}
	value, err = t.root.evaluate(newActivation(&variables), newBudget())
	if errors.Is(err, errNoValue) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	return value, value != nil, nil
}

// EvaluationError says that an expression of a template could not be evaluated.
type EvaluationError struct {
	// Path leads from the template's value to the text with the expression, as "[0].name"; empty for the value itself.
	Path string
	// Expression is the text between "${" and "}".
	Expression string
	// Err is the cause.
	Err error
}

// Error names expression, shortened where it is long, and cause.
func (e *EvaluationError) Error() string {
	text := fmt.Sprintf("${%s}: %v", shorten(e.Expression), e.Err)
	if e.Path == "" {
		return text
	}
	return e.Path + ": " + text
}

// maxShownBytes is how much of an expression a message shows.
const maxShownBytes = 120

func shorten(text string) string {
	if len(text) <= maxShownBytes {
		return text
	}
	return strings.ToValidUTF8(text[:maxShownBytes], "") + "..."
}

// Unwrap returns the cause.
func (e *EvaluationError) Unwrap() error { return e.Err }

// node is a part of a template. Its error is errNoValue where the part has no value.
type node interface {
	evaluate(vars activation, left *budget) (any, error)
}

var _ = []node{constantNode{}, (*expressionNode)(nil), textNode(nil), listNode(nil), mapNode(nil)}

// constantNode is a value without expressions.
type constantNode struct {
	value any
}

func (n constantNode) evaluate(activation, *budget) (any, error) {
	return runtime.DeepCopyJSONValue(n.value), nil
}

// expressionNode is a text that is one expression.
type expressionNode struct {
	path, source string
	program      cel.Program
	output       *cel.Type
}

func (n *expressionNode) evaluate(vars activation, left *budget) (any, error) {
	result, _, err := n.program.Eval(vars)
	if err != nil {
		return nil, n.failed(err)
	}
	value, err := toJSON(result, left)
	if err != nil && !errors.Is(err, errNoValue) {
		return nil, n.failed(err)
	}
	return value, err
}

func (n *expressionNode) failed(err error) error {
	return &EvaluationError{Path: n.path, Expression: n.source, Err: err}
}

// textPart is literal text, or an expression where that is set.
type textPart struct {
	literal    string
	expression *expressionNode
}

// textNode is text with expressions in it. It has no value where one of them has none.
type textNode []textPart

func (n textNode) evaluate(vars activation, left *budget) (any, error) {
	var text strings.Builder
	var last *expressionNode // there is one: else the text were a constant
	for _, part := range n {
		if part.expression == nil {
			text.WriteString(part.literal)
			continue
		}
		last = part.expression
		value, err := last.evaluate(vars, left)
		if err != nil {
			return nil, err
		}
		written, err := scalarText(value)
		if err != nil {
			return nil, last.failed(err)
		}
		text.WriteString(written)
	}
	if err := left.spend(text.Len()); err != nil {
		return nil, last.failed(err)
	}
	return text.String(), nil
}

// scalarText writes a value within text. Lists, maps and null have no text that anyone would want there.
func scalarText(value any) (string, error) {
	switch v := value.(type) {
	case string:
		return v, nil
	case bool:
		return strconv.FormatBool(v), nil
	case int64:
		return strconv.FormatInt(v, 10), nil
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64), nil
	case nil:
		return "", errors.New("null can't be part of a text")
	}
	return "", fmt.Errorf("a %s can't be part of a text", jsonTypeOf(value))
}

// listNode is a list with expressions in it. Elements without a value are left out.
type listNode []node

func (n listNode) evaluate(vars activation, left *budget) (any, error) {
	result := make([]any, 0, len(n))
	for _, element := range n {
		value, err := element.evaluate(vars, left)
		if errors.Is(err, errNoValue) {
			continue
		}
		if err != nil {
			return nil, err
		}
		result = append(result, value)
	}
	return result, nil
}

// mapEntry is one entry of a mapNode.
type mapEntry struct {
	key   string
	value node
}

// mapNode is a map with expressions in its values, in the order of its keys. Entries without a value are left out.
type mapNode []mapEntry

func (n mapNode) evaluate(vars activation, left *budget) (any, error) {
	result := make(map[string]any, len(n))
	for _, entry := range n {
		value, err := entry.value.evaluate(vars, left)
		if errors.Is(err, errNoValue) {
			continue
		}
		if err != nil {
			return nil, err
		}
		result[entry.key] = value
	}
	return result, nil
}

// isDynamic reports whether a type is known at run time only.
func isDynamic(t *cel.Type) bool {
	switch t.Kind() {
	case types.DynKind, types.AnyKind, types.TypeParamKind, types.UnspecifiedKind:
		return true
	}
	return false
}
