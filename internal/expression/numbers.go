package expression

import "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"

// doubles says where an object has fields of type number. JSON doesn't tell 2 from 2.0, so such a field arrives as int64
// where its value is whole; CEL, which was told that it is a double, then finds no operator for it. A nil doubles is a value
// without such fields.
type doubles struct {
	number   bool
	fields   map[string]*doubles
	elements *doubles // of a list, or of a map
}

// doublesOf returns nil for a schema without numbers.
func doublesOf(s *schema.Structural) *doubles {
	if s == nil || s.XIntOrString {
		return nil
	}
	d := &doubles{number: s.Type == "number", elements: doublesOf(s.Items), fields: map[string]*doubles{}}
	if s.AdditionalProperties != nil {
		d.elements = doublesOf(s.AdditionalProperties.Structural)
	}
	for name, property := range s.Properties {
		if field := doublesOf(&property); field != nil {
			d.fields[name] = field
		}
	}
	if !d.number && d.elements == nil && len(d.fields) == 0 {
		return nil
	}
	return d
}

// apply returns value with integers as float64 where the schema says number. It copies what it changes.
func (d *doubles) apply(value any) any {
	if d == nil {
		return value
	}
	switch v := value.(type) {
	case int64:
		if d.number {
			return float64(v)
		}
	case []any:
		result := make([]any, len(v))
		for i := range v {
			result[i] = d.elements.apply(v[i])
		}
		return result
	case map[string]any:
		return d.applyToMap(v)
	}
	return value
}

// applyToMap is apply for an object or a map.
func (d *doubles) applyToMap(m map[string]any) map[string]any {
	if d == nil || m == nil {
		return m
	}
	result := make(map[string]any, len(m))
	for name, value := range m {
		field, ok := d.fields[name]
		if !ok {
			field = d.elements
		}
		result[name] = field.apply(value)
	}
	return result
}
