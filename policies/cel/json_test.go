package cel_test

import (
	"fmt"
	"testing"

	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"

	"github.com/kroguard/kroguard/internal/celcorpus"
	"github.com/kroguard/kroguard/policies/cel"
)

// Whatever an expression can ask of a value, it gets the answer that CEL's own value of the same JSON gives.
func TestJSONValuesEqualCELsOwn(t *testing.T) {
	keys := []ref.Val{
		types.String("spec"), types.String("a"), types.String("absent"), types.Int(0), types.Int(1), types.Int(-1), types.Double(1),
		types.Double(1.5), types.Uint(2), types.NullValue, types.True, types.NewErr("an error"),
	}
	for seed := range uint64(40) {
		s := celcorpus.Random(seed)
		for _, value := range parts(celcorpus.Object(s)) {
			own, fast := types.DefaultTypeAdapter.NativeToValue(value), cel.NewValue(value)
			same(t, "type", own.Type(), fast.Type())
			for _, target := range []ref.Type{types.MapType, types.ListType, types.TypeType, types.StringType, types.IntType} {
				same(t, "conversion", own.ConvertToType(target), fast.ConvertToType(target))
			}
			for _, other := range parts(celcorpus.Object(celcorpus.Random(seed % 3))) {
				same(t, "equality", own.Equal(types.DefaultTypeAdapter.NativeToValue(other)), fast.Equal(cel.NewValue(other)))
				same(t, "mixed equality", own.Equal(cel.NewValue(other)), fast.Equal(types.DefaultTypeAdapter.NativeToValue(other)))
			}
			for _, key := range keys {
				sameElements(t, own, fast, key)
			}
		}
	}
}

// sameElements compares what both say of a key or element.
func sameElements(t *testing.T, own, fast, key ref.Val) {
	t.Helper()
	if indexer, ok := own.(traits.Indexer); ok {
		same(t, "element", indexer.Get(key), fast.(traits.Indexer).Get(key))
	}
	if container, ok := own.(traits.Container); ok {
		same(t, "containment", container.Contains(key), fast.(traits.Container).Contains(key))
	}
	if mapper, ok := own.(traits.Mapper); ok {
		ownValue, ownFound := mapper.Find(key)
		fastValue, fastFound := fast.(traits.Mapper).Find(key)
		same(t, "entry", ownFound, fastFound)
		same(t, "entry", ownValue, fastValue)
	}
	if sizer, ok := own.(traits.Sizer); ok {
		same(t, "size", sizer.Size(), fast.(traits.Sizer).Size())
	}
	if zeroer, ok := own.(traits.Zeroer); ok {
		same(t, "emptiness", zeroer.IsZeroValue(), fast.(traits.Zeroer).IsZeroValue())
	}
	if own, ok := own.(traits.Lister); ok {
		same(t, "sum", own.Add(own), fast.(traits.Lister).Add(fast))
	}
}

func same(t *testing.T, what string, own, fast any) {
	t.Helper()
	if a, b := text(own), text(fast); a != b {
		t.Errorf("%s: CEL's own is %s, here it is %s", what, a, b)
	}
}

// text tells a value without regard to its Go type. Maps come in any order in CEL's own text.
func text(value any) string {
	if v, ok := value.(ref.Val); ok && v != nil && !types.IsError(v) && v.Type() != types.TypeType {
		return types.Format(v)
	}
	return fmt.Sprint(value)
}

// parts are a JSON value and all values in it.
func parts(value any) []any {
	list := []any{value}
	switch v := value.(type) {
	case map[string]any:
		for _, element := range v {
			list = append(list, parts(element)...)
		}
	case []any:
		for _, element := range v {
			list = append(list, parts(element)...)
		}
	}
	return list
}
