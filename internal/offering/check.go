package offering

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/kroguard/kroguard/internal/expression"
)

// checker compares the constant parts of a value with the schema of its field. Expressions are type-checked elsewhere; what
// they yield is validated when it is injected.
type checker struct {
	found *findings
	key   key
}

// check reports what of a value doesn't fit. A nil schema takes anything.
func (c checker) check(value *located, s *schema.Structural, path string) {
	if s == nil {
		return
	}
	if !expression.HasExpression(value.json()) {
		if c.shape(value, s, path) {
			c.validate(value, s, path)
		}
		return
	}
	if _, ok := value.value.(string); ok || !c.typed(value, s, path) {
		return
	}
	c.children(value, s, path, c.check)
}

// shape reports wrong types and unknown fields in a value without expressions. It returns whether there are none.
func (c checker) shape(value *located, s *schema.Structural, path string) bool {
	if s == nil {
		return true
	}
	before := len(c.found.problems)
	if c.typed(value, s, path) {
		c.children(value, s, path, func(child *located, s *schema.Structural, path string) { c.shape(child, s, path) })
	}
	return len(c.found.problems) == before
}

// typed reports a wrong type.
func (c checker) typed(value *located, s *schema.Structural, path string) bool {
	have := typeOf(value.value)
	if takes(s, have) {
		return true
	}
	c.found.add(c.key, value.line, path, fmt.Sprintf("the field takes %s, not %s%s", typeName(s), have, hint(s, have)))
	return false
}

// children visits the elements of a list and the known fields of an object, and reports the unknown ones.
func (c checker) children(value *located, s *schema.Structural, path string, visit func(*located, *schema.Structural, string)) {
	switch v := value.value.(type) {
	case []*located:
		for i, item := range v {
			visit(item, s.Items, expression.Index(path, i))
		}
	case map[string]*located:
		for _, name := range value.keys {
			at := expression.Child(path, name)
			child, known, candidates := fieldSchema(s, name)
			if !known {
				c.found.add(c.key, v[name].line, at, unknownField(name, candidates))
				continue
			}
			visit(v[name], child, at)
		}
	}
}

// validate applies the rest of the schema: enum, minimum, pattern and the like.
func (c checker) validate(value *located, s *schema.Structural, path string) {
	validator := validation.NewSchemaValidatorFromOpenAPI(s.ToKubeOpenAPI())
	errs := validation.ValidateCustomResource(field.NewPath(path), value.json(), validator)
	if len(errs) == 0 {
		return
	}
	parts := value.parts(path)
	for _, err := range errs {
		at := strings.ReplaceAll(err.Field, ".[", "[") // the validator's way to write an element of the value itself
		line := value.line
		if part := parts[at]; part != nil {
			line = part.line
		}
		// The validator begins with its own path: "[0].port in body should be ...".
		if _, detail, ok := strings.Cut(err.Detail, " in body "); ok {
			err.Detail = detail
		}
		c.found.add(c.key, line, at, strings.Join(strings.Fields(err.ErrorBody()), " "))
	}
}

// takes reports whether a schema takes values of a JSON type.
func takes(s *schema.Structural, have string) bool {
	switch {
	case have == "null":
		return s.Nullable
	case s.XIntOrString:
		return have == "integer" || have == "string"
	case s.Type == "", s.Type == have:
		return true
	}
	return s.Type == "number" && have == "integer"
}

// typeOf is the JSON schema type of a located value.
func typeOf(value any) string {
	switch value.(type) {
	case nil:
		return "null"
	case string:
		return "string"
	case bool:
		return "boolean"
	case int64:
		return "integer"
	case float64:
		return "number"
	case []*located:
		return "array"
	}
	return "object"
}

func typeName(s *schema.Structural) string {
	if s.XIntOrString {
		return "integer or string"
	}
	return s.Type
}

// hint says what to write for the most frequent mistake: YAML reads 1.10 and true as other things than text.
func hint(s *schema.Structural, have string) string {
	if s.Type == "string" && (have == "integer" || have == "number" || have == "boolean") {
		return ": put it in quotes"
	}
	return ""
}

// propertyNames are the sorted names of an object's fields.
func propertyNames(s *schema.Structural) []string {
	return slices.Sorted(maps.Keys(s.Properties))
}
