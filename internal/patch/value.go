package patch

import (
	"maps"
	"slices"
)

// Get returns the value at a path of object fields, and whether it is there; a null is. Paths don't lead into arrays.
func Get(object map[string]any, path []string) (any, bool) {
	var value any = object
	for _, key := range path {
		fields, ok := value.(map[string]any)
		if !ok {
			return nil, false
		}
		if value, ok = fields[key]; !ok {
			return nil, false
		}
	}
	return value, true
}

// Equal reports whether two JSON values are the same. Numbers compare by value: the float64 2 that an expression yields is
// the int64 2 as which it comes back from the API server.
func Equal(a, b any) bool {
	switch a := a.(type) {
	case map[string]any:
		b, ok := b.(map[string]any)
		return ok && maps.EqualFunc(a, b, Equal)
	case []any:
		b, ok := b.([]any)
		return ok && slices.EqualFunc(a, b, Equal)
	case int64:
		if b, ok := b.(float64); ok {
			return sameNumber(a, b)
		}
	case float64:
		if b, ok := b.(int64); ok {
			return sameNumber(b, a)
		}
	}
	return scalar(b) && a == b
}

// scalar keeps maps and slices, which == panics on, out of the comparison.
func scalar(value any) bool {
	switch value.(type) {
	case map[string]any, []any:
		return false
	}
	return true
}

// maxExact bounds the integers that a float64 holds exactly: 2^53.
const maxExact = 1 << 53

// sameNumber compares without the rounding that a plain conversion of large integers brings.
func sameNumber(i int64, f float64) bool {
	return i >= -maxExact && i <= maxExact && float64(i) == f
}
