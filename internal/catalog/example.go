package catalog

import (
	"math"
	"slices"
	"strings"

	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/kroguard/kroguard/internal/offering"
)

const (
	// maxExampleDepth and maxExampleFields bound an example; a schema may be of any size.
	maxExampleDepth  = 20
	maxExampleFields = 1000

	exampleText = "example"
)

// exampler makes the spec of an example.
type exampler struct {
	// full asks for all fields, and not only for those that somebody has to write.
	full   bool
	fields int
}

// exampleSpec is a spec that an offering's schema allows: what has to be written beside what is given, or, where full, all fields with
// what is given. The result shares nothing.
func exampleSpec(o *offering.Offering, given map[string]any, full bool) map[string]any {
	spec, ok := o.SchemaAt([]string{"spec"})
	if !ok {
		return map[string]any{}
	}
	e := exampler{full: full}
	return e.object(spec, given, 0)
}

// object is an object of the fields that are to be in it.
func (e *exampler) object(s *schema.Structural, given map[string]any, depth int) map[string]any {
	object := map[string]any{}
	for name := range s.Properties {
		property := s.Properties[name]
		required := s.ValueValidation != nil && slices.Contains(s.ValueValidation.Required, name)
		have, there := given[name]
		switch {
		case there && e.full:
			object[name] = e.completed(&property, have, depth+1)
		case there:
			if rest := e.rest(&property, have, depth+1); len(rest) > 0 {
				object[name] = rest
			}
		case (required || e.full) && e.room(depth):
			object[name] = e.value(&property, depth+1)
		}
	}
	if of := s.AdditionalProperties; e.full && of != nil && of.Structural != nil && len(given) == 0 && e.room(depth) {
		object["key"] = e.value(of.Structural, depth+1)
	}
	return object
}

// rest is what is left to write in an object that a default begins.
func (e *exampler) rest(s *schema.Structural, have any, depth int) map[string]any {
	below, ok := have.(map[string]any)
	if !ok {
		return nil
	}
	return e.object(s, below, depth)
}

// completed is a given value with the fields that it lacks.
func (e *exampler) completed(s *schema.Structural, have any, depth int) any {
	below, ok := have.(map[string]any)
	if !ok {
		return runtime.DeepCopyJSONValue(have)
	}
	object := e.object(s, below, depth)
	for name, value := range below {
		if _, there := object[name]; !there {
			object[name] = runtime.DeepCopyJSONValue(value)
		}
	}
	return object
}

// room reports whether one more field may be in the example, and counts it.
func (e *exampler) room(depth int) bool {
	if depth >= maxExampleDepth || e.fields >= maxExampleFields {
		return false
	}
	e.fields++
	return true
}

// value is a value that a schema allows, as far as that can be told from its type and bounds.
func (e *exampler) value(s *schema.Structural, depth int) any {
	v := s.ValueValidation
	if v == nil {
		v = new(schema.ValueValidation)
	}
	switch {
	case s.Default.Object != nil:
		return runtime.DeepCopyJSONValue(s.Default.Object)
	case len(v.Enum) > 0:
		return runtime.DeepCopyJSONValue(v.Enum[0].Object)
	case s.XIntOrString:
		return int64(1)
	}
	switch s.Type {
	case "object":
		return e.object(s, nil, depth)
	case "array":
		return e.array(s, v, depth)
	case "boolean":
		return true
	case "integer":
		return int64(number(v, true))
	case "number":
		return number(v, false)
	case "string":
		return text(v)
	default:
		return map[string]any{}
	}
}

func (e *exampler) array(s *schema.Structural, v *schema.ValueValidation, depth int) []any {
	count := int64(0)
	if v.MinItems != nil {
		count = *v.MinItems
	}
	if e.full && (v.MaxItems == nil || *v.MaxItems > 0) {
		count = max(count, 1)
	}
	elements := []any{}
	for i := int64(0); i < count && s.Items != nil && e.room(depth); i++ {
		elements = append(elements, e.value(s.Items, depth+1))
	}
	return elements
}

// number is one within the bounds that is near to 1.
func number(v *schema.ValueValidation, whole bool) float64 {
	n, step := 1.0, 1.0
	if !whole {
		step = 0.5
	}
	if v.Minimum != nil && (n < *v.Minimum || v.ExclusiveMinimum && n == *v.Minimum) {
		if n = *v.Minimum; v.ExclusiveMinimum {
			n += step
		}
	}
	if v.Maximum != nil && (n > *v.Maximum || v.ExclusiveMaximum && n == *v.Maximum) {
		if n = *v.Maximum; v.ExclusiveMaximum {
			n -= step
		}
	}
	if v.MultipleOf != nil && *v.MultipleOf > 0 {
		n = math.Ceil(n / *v.MultipleOf) * *v.MultipleOf
	}
	if whole {
		n = math.Ceil(n)
	}
	return n
}

// text is one of the lengths that are asked for.
func text(v *schema.ValueValidation) string {
	made := exampleText
	if v.Pattern != "" {
		made = matching(v.Pattern)
	}
	if v.MinLength != nil && int64(len(made)) < *v.MinLength && *v.MinLength <= maxMatchBytes {
		made += strings.Repeat("x", int(*v.MinLength)-len(made))
	}
	if v.MaxLength != nil && int64(len(made)) > *v.MaxLength && *v.MaxLength >= 0 {
		made = made[:*v.MaxLength]
	}
	return made
}
