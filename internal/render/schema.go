package render

import (
	"sync"

	"k8s.io/apiserver/pkg/cel/common"
	"k8s.io/apiserver/pkg/cel/openapi"
	"k8s.io/kube-openapi/pkg/validation/spec"
)

// lazySchema is a schema by which objects become values of expressions. It is the API server's own, which makes a map of all
// properties anew each time that a field is read; this one makes it once. It is safe for concurrent use.
type lazySchema struct {
	openapi.Schema

	once       sync.Once
	properties map[string]common.Schema
	items      common.Schema
	additional common.SchemaOrBool
}

var _ common.Schema = (*lazySchema)(nil)

// newLazySchema takes over a schema, which may be nil.
func newLazySchema(s *spec.Schema) *lazySchema {
	if s == nil {
		return nil
	}
	return &lazySchema{Schema: openapi.Schema{Schema: s}}
}

func (s *lazySchema) unfold() {
	s.once.Do(func() {
		own := s.Schema.Schema
		if own.Properties != nil {
			s.properties = make(map[string]common.Schema, len(own.Properties))
			for name := range own.Properties {
				property := own.Properties[name]
				s.properties[name] = newLazySchema(&property)
			}
		}
		s.items, s.additional = s.Schema.Items(), s.Schema.AdditionalProperties()
		if own.Items != nil && own.Items.Schema != nil {
			s.items = newLazySchema(own.Items.Schema)
		}
		if own.AdditionalProperties != nil && own.AdditionalProperties.Schema != nil {
			s.additional = lazyAdditional{s.additional, newLazySchema(own.AdditionalProperties.Schema)}
		}
	})
}

// Properties are the schemas of an object's fields.
func (s *lazySchema) Properties() map[string]common.Schema {
	s.unfold()
	return s.properties
}

// Items is the schema of a list's elements.
func (s *lazySchema) Items() common.Schema {
	s.unfold()
	return s.items
}

// AdditionalProperties is the schema of a map's values.
func (s *lazySchema) AdditionalProperties() common.SchemaOrBool {
	s.unfold()
	return s.additional
}

type lazyAdditional struct {
	common.SchemaOrBool
	schema *lazySchema
}

// Schema is the schema of a map's values.
func (a lazyAdditional) Schema() common.Schema { return a.schema }
