package rego

import (
	"encoding/json"
	"fmt"
	"math"

	"github.com/open-policy-agent/opa/v1/ast"
)

// maxDetailsBytes is how large a finding's details may be, about, as JSON. They end up in reports and in audit annotations, where
// all of a request's annotations together have 256 KiB.
const maxDetailsBytes = 16 << 10

// plainDetails is a finding's details as plain JSON: map[string]any, []any, string, bool, int64, float64, nil. Details that are
// too large are replaced by a note. Sets become arrays in Rego's order; keys that are not strings become their JSON; numbers
// that neither int64 nor float64 can hold become strings.
func plainDetails(value ast.Value) any {
	conversion := detailsConversion{left: maxDetailsBytes}
	plain := conversion.plain(value)
	if conversion.left < 0 {
		return fmt.Sprintf("details left out: larger than %d KiB", maxDetailsBytes>>10)
	}
	return plain
}

// detailsConversion converts until its budget is spent; what it yields then is of no use. The budget bounds the depth, too.
type detailsConversion struct {
	// left is how many bytes of JSON may follow, about.
	left int
}

func (c *detailsConversion) plain(value ast.Value) any {
	c.left--
	if c.left < 0 {
		return nil
	}
	switch value := value.(type) {
	case ast.Boolean:
		return bool(value)
	case ast.String:
		c.left -= len(value)
		return string(value)
	case ast.Number:
		c.left -= len(value)
		return plainNumber(value)
	case *ast.Array:
		elements := []any{}
		for i := 0; i < value.Len() && c.left >= 0; i++ {
			elements = append(elements, c.plain(value.Elem(i).Value))
		}
		return elements
	case ast.Set:
		elements := []any{}
		value.Until(func(element *ast.Term) bool {
			elements = append(elements, c.plain(element.Value))
			return c.left < 0
		})
		return elements
	case ast.Object:
		fields := map[string]any{}
		value.Until(func(key, field *ast.Term) bool {
			name := c.key(key.Value)
			fields[name] = c.plain(field.Value)
			return c.left < 0
		})
		return fields
	default:
		return nil
	}
}

// key is an object's key as JSON has it.
func (c *detailsConversion) key(value ast.Value) string {
	plain := c.plain(value)
	if name, ok := plain.(string); ok {
		return name
	}
	return canonical(plain)
}

func plainNumber(number ast.Number) any {
	if integer, ok := number.Int64(); ok {
		return integer
	}
	if float, ok := number.Float64(); ok && !math.IsInf(float, 0) {
		return float
	}
	return string(number)
}

// canonical is plain JSON as text, with sorted keys; empty for nil.
func canonical(plain any) string {
	if plain == nil {
		return ""
	}
	text, err := json.Marshal(plain)
	if err != nil {
		return fmt.Sprint(plain) // nothing that plainDetails yields
	}
	return string(text)
}
