package policies

import (
	"maps"
	"reflect"
	"strings"

	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// complete puts in what the schema of a custom resource leaves to the API server: apiVersion, kind and metadata.
func (t ObjectType) complete() ObjectType {
	completed := *t.Schema
	completed.Properties = maps.Clone(completed.Properties)
	if completed.Properties == nil {
		completed.Properties = map[string]schema.Structural{}
	}
	completed.Properties["apiVersion"] = typed("string")
	completed.Properties["kind"] = typed("string")
	completed.Properties["metadata"] = structuralOf(reflect.TypeFor[metav1.ObjectMeta]())
	t.Schema = &completed
	return t
}

// structuralOf is the schema of the JSON that a Kubernetes API type becomes: its fields by their JSON names. What is neither
// struct, list, map nor scalar, and what encodes itself, may be anything.
func structuralOf(t reflect.Type) schema.Structural {
	switch t {
	case reflect.TypeFor[metav1.Time](), reflect.TypeFor[metav1.MicroTime]():
		return typed("string")
	case reflect.TypeFor[metav1.FieldsV1]():
		return schema.Structural{Extensions: schema.Extensions{XPreserveUnknownFields: true}}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return structuralOf(t.Elem())
	case reflect.String:
		return typed("string")
	case reflect.Bool:
		return typed("boolean")
	case reflect.Int, reflect.Int32, reflect.Int64:
		return typed("integer")
	case reflect.Slice:
		items := structuralOf(t.Elem())
		return schema.Structural{Generic: schema.Generic{Type: "array"}, Items: &items}
	case reflect.Map:
		values := structuralOf(t.Elem())
		return schema.Structural{
			Generic: schema.Generic{Type: "object"}, AdditionalProperties: &schema.StructuralOrBool{Structural: &values},
		}
	case reflect.Struct:
		object := schema.Structural{Generic: schema.Generic{Type: "object"}, Properties: map[string]schema.Structural{}}
		for field := range fieldsOf(t) {
			name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			object.Properties[name] = structuralOf(field.Type)
		}
		return object
	default:
		return schema.Structural{Extensions: schema.Extensions{XPreserveUnknownFields: true}}
	}
}

// fieldsOf iterates over the fields of a struct that have a JSON name.
func fieldsOf(t reflect.Type) func(yield func(reflect.StructField) bool) {
	return func(yield func(reflect.StructField) bool) {
		for i := range t.NumField() {
			if name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ","); name != "" && name != "-" && !yield(t.Field(i)) {
				return
			}
		}
	}
}

func typed(name string) schema.Structural {
	return schema.Structural{Generic: schema.Generic{Type: name}}
}
