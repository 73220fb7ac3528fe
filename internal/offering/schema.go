package offering

import (
	"encoding/json"
	"fmt"

	krov1alpha1 "github.com/kubernetes-sigs/kro/api/v1alpha1"
	"github.com/kubernetes-sigs/kro/pkg/graph/crd"
	"github.com/kubernetes-sigs/kro/pkg/simpleschema"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/listtype"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apimachinery/pkg/runtime"
	runtimeschema "k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apimachinery/pkg/util/yaml"
)

// instanceSchema is the schema of an offering's instances. It is immutable and safe for concurrent use.
type instanceSchema struct {
	structural *schema.Structural
	validator  validation.SchemaValidator
	// defaulted is what the API server makes of an instance whose spec is empty.
	defaulted map[string]any
}

// newInstanceSchema builds the schema as kro does for the CRD that it generates, with kro's own library. The status, which kro
// infers from the resources of the graph, takes anything.
func newInstanceSchema(gvk runtimeschema.GroupVersionKind, s *krov1alpha1.Schema) (*instanceSchema, error) {
	spec, err := specSchema(s)
	if err != nil {
		return nil, err
	}
	status := apiextensionsv1.JSONSchemaProps{Type: "object", XPreserveUnknownFields: new(true)}
	definition := crd.SynthesizeCRD(gvk.Group, gvk.Version, gvk.Kind, *spec, status, false, "", s)

	// As the API server reads it: kro's library leaves out what JSON says of maps, that they allow what their schema does.
	text, err := json.Marshal(definition.Spec.Versions[0].Schema.OpenAPIV3Schema)
	if err != nil {
		return nil, fmt.Errorf("writing the schema: %w", err)
	}
	props := new(apiextensionsv1.JSONSchemaProps)
	if err := json.Unmarshal(text, props); err != nil {
		return nil, fmt.Errorf("reading the schema: %w", err)
	}
	var internal apiextensions.JSONSchemaProps
	if err := apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(props, &internal, nil); err != nil {
		return nil, fmt.Errorf("converting the schema: %w", err)
	}
	structural, err := schema.NewStructural(&internal)
	if err != nil {
		return nil, fmt.Errorf("making the schema structural: %w", err)
	}
	validator, _, err := validation.NewSchemaValidator(&internal)
	if err != nil {
		return nil, fmt.Errorf("building the validator: %w", err)
	}
	defaulted := map[string]any{fieldSpec: map[string]any{}}
	defaulting.Default(defaulted, structural)
	return &instanceSchema{structural: structural, validator: validator, defaulted: defaulted}, nil
}

// specSchema turns kro's simple schema into an OpenAPI schema, as kro's graph builder does (pkg/graph/builder.go,
// buildInstanceSpecSchema).
func specSchema(s *krov1alpha1.Schema) (*apiextensionsv1.JSONSchemaProps, error) {
	fields, types := map[string]any{}, map[string]any{}
	if err := yaml.UnmarshalStrict(s.Spec.Raw, &fields); err != nil {
		return nil, fmt.Errorf("reading spec: %w", err)
	}
	if err := yaml.UnmarshalStrict(s.Types.Raw, &types); err != nil {
		return nil, fmt.Errorf("reading types: %w", err)
	}
	return simpleschema.ToOpenAPISpec(fields, types)
}

// pluralOf is the resource name that kro gives the kind in the CRD that it generates.
func pluralOf(gvk runtimeschema.GroupVersionKind) string {
	var none apiextensionsv1.JSONSchemaProps
	return crd.SynthesizeCRD(gvk.Group, gvk.Version, gvk.Kind, none, none, false, "", nil).Spec.Names.Plural
}

// ValidateSpec validates an instance's spec against the schema, as the API server does, but for CEL validation rules. It
// returns nil where the instance has no spec or the offering no Schema.
func (o *Offering) ValidateSpec(object map[string]any) field.ErrorList {
	spec, ok := object[fieldSpec]
	if !ok || o.instances == nil {
		return nil
	}
	instance := map[string]any{fieldSpec: spec}
	errs := validation.ValidateCustomResource(nil, instance, o.instances.validator)
	return append(errs, listtype.ValidateListSetsAndMaps(nil, o.instances.structural, instance)...)
}

// SchemaAt returns the schema of a field, which must not be changed. It is false for a field that the schema doesn't know,
// also where unknown fields are preserved, and where the offering has no Schema. The path leads from the instance's root
// through objects and maps; an empty path is the root itself.
func (o *Offering) SchemaAt(path []string) (*schema.Structural, bool) {
	s := o.Schema
	for _, name := range path {
		child, known, _ := fieldSchema(s, name)
		if !known || child == nil {
			return nil, false
		}
		s = child
	}
	return s, s != nil
}

// SchemaDefaultAt returns the value that the API server gives a field which the user leaves out, from the schema's own
// defaults. The value is the caller's own. Where only the field's parents have no default, the field's own default counts.
func (o *Offering) SchemaDefaultAt(path []string) (value any, ok bool) {
	if o.instances == nil {
		return nil, false
	}
	if value, ok := valueAt(o.instances.defaulted, path); ok {
		return runtime.DeepCopyJSONValue(value), true
	}
	s, ok := o.SchemaAt(path)
	if !ok || s.Default.Object == nil {
		return nil, false
	}
	value = runtime.DeepCopyJSONValue(s.Default.Object)
	defaulting.Default(value, s)
	return value, true
}

func valueAt(value any, path []string) (any, bool) {
	for _, name := range path {
		m, ok := value.(map[string]any)
		if !ok {
			return nil, false
		}
		if value, ok = m[name]; !ok {
			return nil, false
		}
	}
	return value, true
}

// fieldSchema is the schema of a field of an object. known is false where the field would be pruned or refused. The schema is
// nil where anything goes, also for a field of such a field.
func fieldSchema(s *schema.Structural, name string) (child *schema.Structural, known bool, candidates []string) {
	if s == nil {
		return nil, true, nil
	}
	if property, ok := s.Properties[name]; ok {
		return &property, true, nil
	}
	switch {
	case s.AdditionalProperties != nil:
		return s.AdditionalProperties.Structural, s.AdditionalProperties.Structural != nil || s.AdditionalProperties.Bool, nil
	case s.XPreserveUnknownFields, s.XEmbeddedResource, s.Type == "":
		return nil, true, nil
	}
	return nil, false, propertyNames(s)
}
