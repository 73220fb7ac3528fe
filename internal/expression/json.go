package expression

import (
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"
	apiservercel "k8s.io/apiserver/pkg/cel"
)

const (
	// maxResultValues bounds how many values (maps, lists, scalars) one template yields. CEL's cost limit doesn't: a list of
	// lists that share their elements costs little to make and is exponentially large when written out.
	maxResultValues = 10_000
	// maxResultBytes bounds the text in one template's result, well below the 1.5 MiB of an object in etcd.
	maxResultBytes = 256 << 10
)

// errTooLarge is what a result beyond the limits yields.
var errTooLarge = fmt.Errorf("the result is too large: at most %d values and %d bytes of text", maxResultValues, maxResultBytes)

// errNoValue marks optional.none(); it never leaves the package.
var errNoValue = errors.New("no value")

// budget is what is left of a template's limits.
type budget struct {
	values, bytes int
}

func newBudget() *budget { return &budget{values: maxResultValues, bytes: maxResultBytes} }

func (b *budget) spend(bytes int) error {
	b.values--
	b.bytes -= bytes
	if b.values < 0 || b.bytes < 0 {
		return errTooLarge
	}
	return nil
}

// text spends a string's length.
func (b *budget) text(s string) (any, error) {
	if err := b.spend(len(s)); err != nil {
		return nil, err
	}
	return s, nil
}

// toJSON converts the result of an expression into a JSON value that shares nothing with its input. optional.none() is
// errNoValue. What has no JSON form is written as Kubernetes writes it: bytes in base64, timestamps in RFC 3339, durations,
// quantities, addresses, URLs and versions as their text.
func toJSON(value ref.Val, left *budget) (any, error) {
	switch v := value.(type) {
	case *types.Optional:
		if !v.HasValue() {
			return nil, errNoValue
		}
		return toJSON(v.GetValue(), left)
	case types.String:
		return left.text(string(v))
	case types.Null:
		return nil, left.spend(0)
	case types.Bool:
		return bool(v), left.spend(0)
	case types.Int:
		return int64(v), left.spend(0)
	case types.Uint:
		signed, ok := v.ConvertToType(types.IntType).(types.Int)
		if !ok {
			return nil, fmt.Errorf("%d is beyond the range of a 64-bit integer", uint64(v))
		}
		return int64(signed), left.spend(0)
	case types.Double:
		if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
			return nil, fmt.Errorf("%v is no JSON number", float64(v))
		}
		return float64(v), left.spend(0)
	case traits.Lister:
		return listToJSON(v, left)
	case traits.Mapper:
		return mapToJSON(v, left)
	}
	if text, ok := textOf(value); ok {
		return left.text(text)
	}
	return nil, fmt.Errorf("a value of type %s has no JSON form", value.Type().TypeName())
}

// textOf writes the values that are strings in JSON but not in CEL.
func textOf(value ref.Val) (string, bool) {
	switch v := value.(type) {
	case types.Bytes:
		return base64.StdEncoding.EncodeToString(v), true
	case types.Timestamp:
		return v.UTC().Format(time.RFC3339Nano), true
	case types.Duration:
		return v.Duration.String(), true
	case apiservercel.Quantity:
		return v.Quantity.String(), true
	case *apiservercel.Quantity: // arithmetic yields these
		return v.Quantity.String(), true
	case apiservercel.URL:
		return v.URL.String(), true
	case apiservercel.IP:
		return v.Addr.String(), true
	case apiservercel.CIDR:
		return v.Prefix.String(), true
	case apiservercel.Semver:
		return v.Version.String(), true
	}
	return "", false
}

// listToJSON leaves elements without a value out.
func listToJSON(list traits.Lister, left *budget) (any, error) {
	if err := left.spend(0); err != nil {
		return nil, err
	}
	result := []any{}
	for it := list.Iterator(); it.HasNext() == types.True; {
		element, err := toJSON(it.Next(), left)
		if errors.Is(err, errNoValue) {
			continue
		}
		if err != nil {
			return nil, err
		}
		result = append(result, element)
	}
	return result, nil
}

// mapToJSON leaves entries without a value out.
func mapToJSON(m traits.Mapper, left *budget) (any, error) {
	if err := left.spend(0); err != nil {
		return nil, err
	}
	result := map[string]any{}
	for it := m.Iterator(); it.HasNext() == types.True; {
		key, ok := it.Next().(types.String)
		if !ok {
			return nil, errors.New("a map with keys other than strings has no JSON form")
		}
		if err := left.spend(len(key)); err != nil {
			return nil, err
		}
		element, err := toJSON(m.Get(key), left)
		if errors.Is(err, errNoValue) {
			continue
		}
		if err != nil {
			return nil, err
		}
		result[string(key)] = element
	}
	return result, nil
}
