package cel

import (
	"errors"
	"fmt"
	"reflect"

	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"
)

// jsonAdapter makes CEL values of decoded JSON without copying and without reflection, and asks another adapter for
// whatever else there is. Its values mean what those of CEL's own adapter mean, down to the text of errors.
type jsonAdapter struct {
	others types.Adapter
}

var _ types.Adapter = jsonAdapter{}

// NativeToValue wraps a decoded JSON value.
func (a jsonAdapter) NativeToValue(value any) ref.Val {
	switch v := value.(type) {
	case ref.Val:
		return v
	case string:
		return types.String(v)
	case int64:
		return types.Int(v)
	case bool:
		return types.Bool(v)
	case map[string]any:
		return &jsonMap{v}
	case []any:
		return &jsonList{v}
	case float64:
		return types.Double(v)
	case nil:
		return types.NullValue
	default:
		return a.others.NativeToValue(value)
	}
}

// elementOf is the value of an element of an object or array.
func elementOf(value any) ref.Val {
	return jsonAdapter{others: types.DefaultTypeAdapter}.NativeToValue(value)
}

// jsonMap is a JSON object. It is used as a pointer, since CEL takes any value as the key of a Go map: a map or slice type
// would panic there.
type jsonMap struct {
	entries map[string]any
}

var (
	_ traits.Mapper   = (*jsonMap)(nil)
	_ traits.Foldable = (*jsonMap)(nil)
	_ traits.Zeroer   = (*jsonMap)(nil)
)

// general is the same value in CEL's own type, for what is rarely asked.
func (m *jsonMap) general() traits.Mapper {
	return types.NewStringInterfaceMap(types.DefaultTypeAdapter, m.entries)
}

// Find yields the value of a key. A key that is no string is in no JSON object.
func (m *jsonMap) Find(key ref.Val) (ref.Val, bool) {
	name, ok := key.(types.String)
	if !ok {
		return nil, false
	}
	value, found := m.entries[string(name)]
	if !found {
		return nil, false
	}
	return elementOf(value), true
}

// Get yields the value of a key or an error.
func (m *jsonMap) Get(key ref.Val) ref.Val {
	value, found := m.Find(key)
	if !found {
		return types.ValOrErr(value, "no such key: %v", key)
	}
	return value
}

// Contains reports whether there is a key.
func (m *jsonMap) Contains(key ref.Val) ref.Val {
	_, found := m.Find(key)
	return types.Bool(found)
}

// Size is the number of entries.
func (m *jsonMap) Size() ref.Val { return types.Int(len(m.entries)) }

// IsZeroValue reports whether there are no entries.
func (m *jsonMap) IsZeroValue() bool { return len(m.entries) == 0 }

// Iterator yields the keys, in any order.
func (m *jsonMap) Iterator() traits.Iterator { return m.general().Iterator() }

// Fold calls the folder for each entry, in any order.
func (m *jsonMap) Fold(folder traits.Folder) {
	for key, value := range m.entries {
		if !folder.FoldEntry(key, value) {
			break
		}
	}
}

// Equal compares with any map.
func (m *jsonMap) Equal(other ref.Val) ref.Val {
	o, ok := other.(traits.Mapper)
	if !ok || m.Size() != o.Size() {
		return types.False
	}
	for key, value := range m.entries {
		counterpart, found := o.Find(types.String(key))
		if !found || types.Equal(elementOf(value), counterpart) == types.False {
			return types.False
		}
	}
	return types.True
}

// ConvertToNative converts to a Go type.
func (m *jsonMap) ConvertToNative(target reflect.Type) (any, error) {
	return m.general().ConvertToNative(target)
}

// ConvertToType converts to a CEL type.
func (m *jsonMap) ConvertToType(target ref.Type) ref.Val {
	if target == types.MapType {
		return m
	}
	return m.general().ConvertToType(target)
}

// String is for error messages.
func (m *jsonMap) String() string { return fmt.Sprint(m.general()) }

// Type is CEL's map.
func (m *jsonMap) Type() ref.Type { return types.MapType }

// Value is the map as it was decoded.
func (m *jsonMap) Value() any { return m.entries }

// jsonList is a JSON array.
type jsonList struct {
	elements []any
}

var (
	_ traits.Lister   = (*jsonList)(nil)
	_ traits.Foldable = (*jsonList)(nil)
	_ traits.Zeroer   = (*jsonList)(nil)
)

// general is the same value in CEL's own type, for what is rarely asked.
func (l *jsonList) general() traits.Lister {
	return types.NewDynamicList(types.DefaultTypeAdapter, l.elements)
}

// Get yields an element or an error.
func (l *jsonList) Get(index ref.Val) ref.Val {
	i, err := types.IndexOrError(index)
	if err != nil || i < 0 || i >= len(l.elements) {
		return l.general().Get(index)
	}
	return elementOf(l.elements[i])
}

// Contains reports whether an element equals the value.
func (l *jsonList) Contains(value ref.Val) ref.Val {
	for i := range l.elements {
		if value.Equal(elementOf(l.elements[i])) == types.True {
			return types.True
		}
	}
	return types.False
}

// Add concatenates with another list.
func (l *jsonList) Add(other ref.Val) ref.Val { return l.general().Add(other) }

// Size is the number of elements.
func (l *jsonList) Size() ref.Val { return types.Int(len(l.elements)) }

// IsZeroValue reports whether there are no elements.
func (l *jsonList) IsZeroValue() bool { return len(l.elements) == 0 }

// Iterator yields the elements in order.
func (l *jsonList) Iterator() traits.Iterator { return &jsonIterator{list: l.elements} }

// Fold calls the folder for each index and element.
func (l *jsonList) Fold(folder traits.Folder) {
	for i := range l.elements {
		if !folder.FoldEntry(i, l.elements[i]) {
			break
		}
	}
}

// Equal compares with any list.
func (l *jsonList) Equal(other ref.Val) ref.Val {
	o, ok := other.(traits.Lister)
	if !ok || l.Size() != o.Size() {
		return types.False
	}
	for i := range l.elements {
		if types.Equal(elementOf(l.elements[i]), o.Get(types.Int(i))) == types.False {
			return types.False
		}
	}
	return types.True
}

// ConvertToNative converts to a Go type.
func (l *jsonList) ConvertToNative(target reflect.Type) (any, error) {
	return l.general().ConvertToNative(target)
}

// ConvertToType converts to a CEL type.
func (l *jsonList) ConvertToType(target ref.Type) ref.Val {
	if target == types.ListType {
		return l
	}
	return l.general().ConvertToType(target)
}

// String is for error messages.
func (l *jsonList) String() string { return fmt.Sprint(l.general()) }

// Type is CEL's list.
func (l *jsonList) Type() ref.Type { return types.ListType }

// Value is the slice as it was decoded.
func (l *jsonList) Value() any { return l.elements }

// jsonIterator walks over a jsonList.
type jsonIterator struct {
	noValue

	list []any
	next int
}

var _ traits.Iterator = (*jsonIterator)(nil)

// HasNext reports whether there is a further element.
func (i *jsonIterator) HasNext() ref.Val { return types.Bool(i.next < len(i.list)) }

// Next yields the next element; nil after the last.
func (i *jsonIterator) Next() ref.Val {
	if i.next >= len(i.list) {
		return nil
	}
	i.next++
	return elementOf(i.list[i.next-1])
}

// noValue is what an iterator is as a value: nothing that an expression could use.
type noValue struct{}

// ConvertToNative fails.
func (noValue) ConvertToNative(reflect.Type) (any, error) {
	return nil, errors.New("an iterator is no value")
}

// ConvertToType fails.
func (noValue) ConvertToType(ref.Type) ref.Val { return types.NewErr("no such overload") }

// Equal fails.
func (noValue) Equal(ref.Val) ref.Val { return types.NewErr("no such overload") }

// Type is CEL's iterator.
func (noValue) Type() ref.Type { return types.IteratorType }

// Value is nil.
func (noValue) Value() any { return nil }
