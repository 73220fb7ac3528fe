package expression

import (
	"fmt"
	"strconv"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	apiservercel "k8s.io/apiserver/pkg/cel"
)

// Check compares the static types of a template's expressions with the schema of the field that the value is for. What is
// only known at run time passes. It returns nil for a nil schema. Constants are not checked: validate these with the schema.
func (t *Template) Check(s *schema.Structural) Errors {
	var found Errors
	checkNode(t.root, s, "", &found)
	return found
}

func checkNode(n node, s *schema.Structural, path string, found *Errors) {
	if s == nil {
		return
	}
	switch v := n.(type) {
	case *expressionNode:
		if want := mismatch(v.output, s); want != "" {
			*found = append(*found, Error{Path: path, Message: fmt.Sprintf("${%s} yields %s, but the field takes %s", shorten(v.source), describe(v.output), want)})
		}
	case textNode:
		if want := mismatch(cel.StringType, s); want != "" {
			*found = append(*found, Error{Path: path, Message: fmt.Sprintf("text with expressions yields a string, but the field takes %s", want)})
		}
	case listNode:
		if s.Items == nil {
			return
		}
		for i := range v {
			checkNode(v[i], s.Items, Index(path, i), found)
		}
	case mapNode:
		for _, entry := range v {
			checkNode(entry.value, property(s, entry.key), Child(path, entry.key), found)
		}
	}
}

// property is the schema of a field; nil where anything goes or the field is unknown.
func property(s *schema.Structural, name string) *schema.Structural {
	if p, ok := s.Properties[name]; ok {
		return &p
	}
	if s.AdditionalProperties != nil {
		return s.AdditionalProperties.Structural
	}
	return nil
}

// mismatch returns what the schema takes where values of the type can't go into it, else "".
func mismatch(t *cel.Type, s *schema.Structural) string {
	t = unwrap(t)
	if s == nil || isDynamic(t) {
		return ""
	}
	have := jsonType(t)
	switch {
	case s.XIntOrString:
		if have != "integer" && have != "string" {
			return "integer or string"
		}
		return ""
	case s.Type == "", have == "integer" && s.Type == "number":
		return ""
	case have != s.Type:
		return s.Type
	}
	return elementMismatch(t, s)
}

// elementMismatch is mismatch for the elements of a list or the values of a map.
func elementMismatch(t *cel.Type, s *schema.Structural) string {
	switch {
	case t.Kind() == types.ListKind:
		if want := mismatch(elementType(t), s.Items); want != "" {
			return "array of " + want
		}
	case t.Kind() == types.MapKind && s.AdditionalProperties != nil:
		if want := mismatch(elementType(t), s.AdditionalProperties.Structural); want != "" {
			return "object with values of type " + want
		}
	}
	return ""
}

// elementType is the type of the elements of a list or of the values of a map.
func elementType(t *cel.Type) *cel.Type {
	parameters := t.Parameters()
	if len(parameters) == 0 {
		return cel.DynType
	}
	return parameters[len(parameters)-1]
}

// unwrap returns the type that an optional holds.
func unwrap(t *cel.Type) *cel.Type {
	for t.Kind() == types.OpaqueKind && t.TypeName() == types.OptionalType.TypeName() {
		t = elementType(t)
	}
	return t
}

// jsonType is the JSON schema type that values of a CEL type get.
func jsonType(t *cel.Type) string {
	switch t.Kind() {
	case types.StringKind, types.BytesKind, types.TimestampKind, types.DurationKind:
		return "string"
	case types.BoolKind:
		return "boolean"
	case types.IntKind, types.UintKind:
		return "integer"
	case types.DoubleKind:
		return "number"
	case types.ListKind:
		return "array"
	case types.MapKind:
		return "object"
	case types.StructKind:
		if isText(t) {
			return "string"
		}
		return "object"
	case types.NullTypeKind:
		return "null"
	case types.OpaqueKind:
		if isText(t) {
			return "string"
		}
	}
	return t.String()
}

// isText reports whether a type is one of Kubernetes' that textOf writes as text.
func isText(t *cel.Type) bool {
	for _, text := range []*cel.Type{
		apiservercel.QuantityType, apiservercel.URLType, apiservercel.SemverType, apiservercel.IPType, apiservercel.CIDRType,
	} {
		if t.TypeName() == text.TypeName() {
			return true
		}
	}
	return false
}

// describe names a type for people.
func describe(t *cel.Type) string {
	t = unwrap(t)
	switch kind := jsonType(t); {
	case t.Kind() == types.StructKind, kind != "array" && kind != "object":
		return kind
	}
	return t.String()
}

// jsonTypeOf names the type of a JSON value.
func jsonTypeOf(value any) string {
	switch value.(type) {
	case []any:
		return "list"
	case map[string]any:
		return "map"
	}
	return fmt.Sprintf("%T", value)
}

// Child is the path of a field of the value at path, as Error and EvaluationError write it: "a.b".
func Child(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// Index is the path of an element of the list at path: "a[0]".
func Index(path string, i int) string {
	return path + "[" + strconv.Itoa(i) + "]"
}
