package machine

import (
	"github.com/open-policy-agent/opa/v1/ast"
)

// affords reports whether there is room for that many bytes, without taking them.
func (m *machine) affords(bytes int, location *ast.Location) bool {
	if m.bytes+bytes <= m.limits.Bytes {
		return true
	}
	m.fail(&LimitError{Bytes: m.limits.Bytes, Location: location})
	return false
}

// sizeOf is about what the outermost value takes; what it contains was counted when it was built, or is part of the input.
func sizeOf(term *ast.Term) int {
	switch value := term.Value.(type) {
	case ast.String:
		return len(value)
	case ast.Number:
		return len(value)
	case *ast.Array:
		return value.Len() * bytesPerElement
	case ast.Set:
		return value.Len() * bytesPerElement
	case ast.Object:
		return value.Len() * 2 * bytesPerElement
	default:
		return 0
	}
}
