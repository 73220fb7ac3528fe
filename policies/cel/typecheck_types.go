package cel

import (
	"maps"
	"slices"
	"strings"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
)

// The names of the struct types of a type check. What begins with typePrefix is a JSON object: an error about such a type in any
// place but a field selection is none, see structural.
const (
	typePrefix        = "kroguard."
	typeInstance      = typePrefix + "instance"
	typeProject       = typePrefix + "project"
	typeOffering      = typePrefix + "offering"
	typeVariables     = typePrefix + "variables"
	suffixOfListItems = "[]"
	suffixOfMapValues = "{}"
)

// structTypes are the struct types of a type check. Unlike Kubernetes' own (k8s.io/apiserver/pkg/cel.DeclTypeProvider) they
// have field names as objects have them, unescaped, since that is how policies read an object when they run; and a field that
// may hold anything is dyn, where Kubernetes leaves it out.
//
// It belongs to one check at a time. The environment that holds it is built once, which is what takes time.
type structTypes struct {
	types.Provider
	structs map[string]map[string]*cel.Type
	// missing are the selections of an undefined field that were met, in their order.
	missing []missingField
}

// missingField is the selection of an undefined field.
type missingField struct{ structType, field string }

var _ types.Provider = (*structTypes)(nil)

// reset declares the types for the instances of a schema.
func (t *structTypes) reset(object *schema.Structural) {
	t.missing = nil
	t.structs = map[string]map[string]*cel.Type{
		typeProject:   projectFields(),
		typeOffering:  offeringFields(),
		typeVariables: {},
	}
	t.declareObject(typeInstance, object)
}

// declareObject declares a struct type with the fields of a schema.
func (t *structTypes) declareObject(name string, s *schema.Structural) {
	fields := make(map[string]*cel.Type, len(s.Properties))
	t.structs[name] = fields
	for field := range s.Properties {
		property := s.Properties[field]
		fields[field] = t.typeOf(name+"."+field, &property)
	}
}

// typeOf is the CEL type of a schema's values, as they are when a policy runs: a number may be an int or a double, and a
// string is a string whatever its format. What may be of several types, or null, is dyn.
func (t *structTypes) typeOf(name string, s *schema.Structural) *cel.Type {
	if s == nil || s.XIntOrString || s.Nullable || s.XPreserveUnknownFields || s.XEmbeddedResource {
		return cel.DynType
	}
	switch s.Type {
	case "string":
		return cel.StringType
	case "boolean":
		return cel.BoolType
	case "integer":
		return cel.IntType
	case "array":
		return cel.ListType(t.typeOf(name+suffixOfListItems, s.Items))
	case "object":
	default:
		return cel.DynType
	}
	if values := s.AdditionalProperties; values != nil {
		if len(s.Properties) > 0 || values.Structural == nil {
			return cel.DynType
		}
		return cel.MapType(cel.StringType, t.typeOf(name+suffixOfMapValues, values.Structural))
	}
	t.declareObject(name, s)
	return cel.ObjectType(name)
}

// FindStructType implements types.Provider.
func (t *structTypes) FindStructType(name string) (*types.Type, bool) {
	if _, ok := t.structs[name]; ok {
		return types.NewTypeTypeWithParam(cel.ObjectType(name)), true
	}
	return t.Provider.FindStructType(name)
}

// FindStructFieldNames implements types.Provider.
func (t *structTypes) FindStructFieldNames(name string) ([]string, bool) {
	if fields, ok := t.structs[name]; ok {
		return slices.Sorted(maps.Keys(fields)), true
	}
	return t.Provider.FindStructFieldNames(name)
}

// FindStructFieldType implements types.Provider.
func (t *structTypes) FindStructFieldType(name, field string) (*types.FieldType, bool) {
	fields, ok := t.structs[name]
	if !ok {
		return t.Provider.FindStructFieldType(name, field)
	}
	if celType, ok := fields[field]; ok {
		return &types.FieldType{Type: celType}, true
	}
	t.missing = append(t.missing, missingField{structType: name, field: field})
	return nil, false
}

// pathOf is the path of a type within the instance's kind: ".spec.env[]". It is false for another type.
func pathOf(structType string) (string, bool) {
	return strings.CutPrefix(structType, typeInstance)
}

// projectFields must agree with project.Project.Values.
func projectFields() map[string]*cel.Type {
	return map[string]*cel.Type{
		"name":        cel.StringType,
		"displayName": cel.StringType,
		"owner":       cel.StringType,
		"contact":     cel.StringType,
		"costCenter":  cel.StringType,
		"labels":      cel.MapType(cel.StringType, cel.StringType),
		"parameters":  cel.MapType(cel.StringType, cel.DynType),
	}
}

// offeringFields must agree with offering.Offering.Values.
func offeringFields() map[string]*cel.Type {
	return map[string]*cel.Type{
		"name":        cel.StringType,
		"title":       cel.StringType,
		"description": cel.StringType,
		"category":    cel.StringType,
		"tags":        cel.ListType(cel.StringType),
		"labels":      cel.MapType(cel.StringType, cel.StringType),
		"kind":        cel.StringType,
		"group":       cel.StringType,
		"version":     cel.StringType,
		"catalog":     cel.BoolType,
		"deprecated":  cel.StringType,
	}
}
