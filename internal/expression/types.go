package expression

import (
	"maps"
	"slices"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
)

// The names of the object types. They are no identifiers that a user could declare.
const (
	typeProject   = "kroguard.project"
	typeNamespace = "kroguard.namespace"
	typeOffering  = "kroguard.offering"
	typeObject    = "kroguard.object"
)

// fields are the fields of an object type.
type fields map[string]*cel.Type

// projectFields must agree with project.Project.Values.
func projectFields() fields {
	return fields{
		"name":        cel.StringType,
		"displayName": cel.StringType,
		"owner":       cel.StringType,
		"contact":     cel.StringType,
		"costCenter":  cel.StringType,
		"labels":      stringMap(),
		"parameters":  dynamicMap(),
	}
}

func namespaceFields() fields {
	return fields{
		"name":        cel.StringType,
		"labels":      stringMap(),
		"annotations": stringMap(),
	}
}

// offeringFields must agree with offering.Offering.Values.
func offeringFields() fields {
	return fields{
		"name":        cel.StringType,
		"title":       cel.StringType,
		"description": cel.StringType,
		"category":    cel.StringType,
		"tags":        cel.ListType(cel.StringType),
		"labels":      stringMap(),
		"kind":        cel.StringType,
		"group":       cel.StringType,
		"version":     cel.StringType,
		"catalog":     cel.BoolType,
		"deprecated":  cel.StringType,
	}
}

// metadataFields are those that a client sets: the others differ between a request and its repetition, and an expression
// must not.
func metadataFields() fields {
	return fields{
		"name":         cel.StringType,
		"generateName": cel.StringType,
		"namespace":    cel.StringType,
		"labels":       stringMap(),
		"annotations":  stringMap(),
	}
}

func stringMap() *cel.Type  { return cel.MapType(cel.StringType, cel.StringType) }
func dynamicMap() *cel.Type { return cel.MapType(cel.StringType, cel.DynType) }

// typeProvider knows the object types of an Environment by name. Unlike the one of Kubernetes it takes field names as they
// are, unescaped, and lets a field that preserves unknown fields be read, as kro does.
type typeProvider struct {
	types.Provider
	objects map[string]fields
}

var _ types.Provider = (*typeProvider)(nil)

func newTypeProvider(base types.Provider) *typeProvider {
	return &typeProvider{Provider: base, objects: map[string]fields{}}
}

// declare registers an object type. It must not be called once the provider is in use.
func (p *typeProvider) declare(name string, f fields) *cel.Type {
	p.objects[name] = f
	return cel.ObjectType(name)
}

// declareObject registers the type of the instance.
func (p *typeProvider) declareObject(s *schema.Structural) *cel.Type {
	if s == nil {
		return cel.DynType
	}
	f := fields{
		"apiVersion": cel.StringType,
		"kind":       cel.StringType,
		"metadata":   p.declare(typeObject+".metadata", metadataFields()),
	}
	for name, property := range s.Properties {
		if _, known := f[name]; !known && name != "status" {
			f[name] = p.schemaType(&property, typeObject+"."+name)
		}
	}
	return p.declare(typeObject, f)
}

// schemaType is the CEL type of values of a schema; name becomes the name of an object type.
func (p *typeProvider) schemaType(s *schema.Structural, name string) *cel.Type {
	if s == nil || s.XIntOrString || s.Nullable {
		return cel.DynType
	}
	switch s.Type {
	case "string":
		return cel.StringType
	case "boolean":
		return cel.BoolType
	case "integer":
		return cel.IntType
	case "number":
		return cel.DoubleType
	case "array":
		return cel.ListType(p.schemaType(s.Items, name+"[]"))
	case "object":
		return p.objectType(s, name)
	}
	return cel.DynType
}

func (p *typeProvider) objectType(s *schema.Structural, name string) *cel.Type {
	switch {
	case s.XPreserveUnknownFields || s.XEmbeddedResource:
		return dynamicMap()
	case s.AdditionalProperties != nil:
		return cel.MapType(cel.StringType, p.schemaType(s.AdditionalProperties.Structural, name+"{}"))
	}
	f := make(fields, len(s.Properties))
	for field, property := range s.Properties {
		f[field] = p.schemaType(&property, name+"."+field)
	}
	return p.declare(name, f)
}

// FindStructType returns an object type by name.
func (p *typeProvider) FindStructType(name string) (*types.Type, bool) {
	if _, ok := p.objects[name]; ok {
		return types.NewTypeTypeWithParam(cel.ObjectType(name)), true
	}
	return p.Provider.FindStructType(name)
}

// FindStructFieldNames returns the sorted field names of an object type.
func (p *typeProvider) FindStructFieldNames(name string) ([]string, bool) {
	if f, ok := p.objects[name]; ok {
		return slices.Sorted(maps.Keys(f)), true
	}
	return p.Provider.FindStructFieldNames(name)
}

// FindStructFieldType returns the type of a field of an object type.
func (p *typeProvider) FindStructFieldType(name, field string) (*types.FieldType, bool) {
	f, ok := p.objects[name]
	if !ok {
		return p.Provider.FindStructFieldType(name, field)
	}
	if t, ok := f[field]; ok {
		return &types.FieldType{Type: t}, true
	}
	return nil, false
}
