package kinds

import (
	"reflect"
	"slices"
	"strings"

	"k8s.io/kube-openapi/pkg/validation/spec"

	"github.com/kroguard/kroguard/internal/render"
)

// reflected is the schema of the JSON of a Go type.
func reflected(t reflect.Type) *spec.Schema {
	return reflection{}.schemaOf(t)
}

// reflection are the types on the way to the one looked at.
type reflection struct {
	path []reflect.Type
}

// openAPITyped is what types with a JSON form of their own tell of it.
type openAPITyped interface {
	OpenAPISchemaType() []string
	OpenAPISchemaFormat() string
}

// openAPIUnion is what those types tell whose JSON is of one of several types: Quantity and IntOrString.
type openAPIUnion interface {
	OpenAPIV3OneOfTypes() []string
}

func (r reflection) schemaOf(t reflect.Type) *spec.Schema {
	if t.Kind() == reflect.Pointer {
		return r.schemaOf(t.Elem())
	}
	if s := declared(t); s != nil {
		return s
	}
	switch t.Kind() {
	case reflect.Bool:
		return spec.BooleanProperty()
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return typed("integer", "")
	case reflect.Float32, reflect.Float64:
		return typed("number", "")
	case reflect.String:
		return spec.StringProperty()
	case reflect.Slice, reflect.Array:
		if t.Elem().Kind() == reflect.Uint8 {
			return typed("string", "byte")
		}
		return spec.ArrayProperty(r.schemaOf(t.Elem()))
	case reflect.Map:
		return spec.MapProperty(r.schemaOf(t.Elem()))
	case reflect.Struct:
		return r.object(t)
	default:
		// An interface: anything.
		return render.AnyObject()
	}
}

// declared is the schema of a type that declares its own JSON form, nil for all others.
func declared(t reflect.Type) *spec.Schema {
	value := reflect.New(t).Interface()
	if union, ok := value.(openAPIUnion); ok {
		s := new(spec.Schema)
		for _, name := range union.OpenAPIV3OneOfTypes() {
			s.OneOf = append(s.OneOf, *typed(name, ""))
		}
		return s
	}
	own, ok := value.(openAPITyped)
	if !ok {
		return nil
	}
	if types := own.OpenAPISchemaType(); len(types) == 1 && types[0] != "object" {
		return typed(types[0], own.OpenAPISchemaFormat())
	}
	// Any JSON, or an object of any fields: RawExtension, FieldsV1.
	return render.AnyObject()
}

// object is the schema of a struct. One that holds itself, as the schema in a CustomResourceDefinition does, takes anything
// from the second time on.
func (r reflection) object(t reflect.Type) *spec.Schema {
	if slices.Contains(r.path, t) {
		return render.AnyObject()
	}
	r.path = append(slices.Clip(r.path), t)
	s := typed("object", "")
	s.Properties = map[string]spec.Schema{}
	r.addFields(t, s)
	if len(s.Properties) == 0 {
		// {} alone, as in emptyDir: {}, must not take expressions for fields that don't exist.
		s.Properties = nil
		s.AddExtension("x-kubernetes-preserve-unknown-fields", true)
	}
	return s
}

func (r reflection) addFields(t reflect.Type, s *spec.Schema) {
	for i := range t.NumField() {
		field := t.Field(i)
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		inline := field.Anonymous && name == "" || slices.Contains(strings.Split(options, ","), "inline")
		switch {
		case name == "-" || !field.IsExported():
		case inline:
			embedded := field.Type
			if embedded.Kind() == reflect.Pointer {
				embedded = embedded.Elem()
			}
			r.addFields(embedded, s)
		default:
			if name == "" {
				name = field.Name
			}
			s.Properties[name] = *r.schemaOf(field.Type)
		}
	}
}

func typed(name, format string) *spec.Schema {
	return &spec.Schema{SchemaProps: spec.SchemaProps{Type: spec.StringOrArray{name}, Format: format}}
}
