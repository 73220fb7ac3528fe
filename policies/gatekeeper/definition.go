package gatekeeper

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apiextensionsvalidation "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/validation"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/utils/ptr"
)

// maxConstraintName is the longest name of a constraint.
const maxConstraintName = 63

// newScheme converts and defaults CustomResourceDefinitions.
func newScheme() (*runtime.Scheme, error) {
	scheme := runtime.NewScheme()
	return scheme, errors.Join(apiextensions.AddToScheme(scheme), apiextensionsv1.AddToScheme(scheme))
}

// definition is the CustomResourceDefinition of a template's constraints.
func (c *Compiler) definition(ctx context.Context, source *template) (*apiextensions.CustomResourceDefinition, *schema.Structural, error) {
	parameters, err := parametersSchema(source)
	if err != nil {
		return nil, nil, err
	}
	kind := source.Spec.CRD.Spec.Names.Kind
	version := func(name string, stored bool) apiextensionsv1.CustomResourceDefinitionVersion {
		return apiextensionsv1.CustomResourceDefinitionVersion{
			Name: name, Served: true, Storage: stored,
			Schema:       &apiextensionsv1.CustomResourceValidation{OpenAPIV3Schema: constraintSchema(parameters)},
			Subresources: &apiextensionsv1.CustomResourceSubresources{Status: &apiextensionsv1.CustomResourceSubresourceStatus{}},
		}
	}
	plural := strings.ToLower(kind)
	v1 := &apiextensionsv1.CustomResourceDefinition{
		ObjectMeta: metav1.ObjectMeta{Name: plural + "." + ConstraintGroup},
		Spec: apiextensionsv1.CustomResourceDefinitionSpec{
			Group: ConstraintGroup, Scope: apiextensionsv1.ClusterScoped,
			Names: apiextensionsv1.CustomResourceDefinitionNames{
				Kind: kind, ListKind: kind + "List", Plural: plural, Singular: plural, ShortNames: source.Spec.CRD.Spec.Names.ShortNames,
				Categories: []string{"constraint", "constraints"},
			},
			Versions: []apiextensionsv1.CustomResourceDefinitionVersion{version("v1beta1", true), version("v1alpha1", false)},
		},
	}
	c.scheme.Default(v1)
	crd := new(apiextensions.CustomResourceDefinition)
	if err := c.scheme.Convert(v1, crd, nil); err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrTemplate, err)
	}
	if errs := apiextensionsvalidation.ValidateCustomResourceDefinition(ctx, crd); len(errs) > 0 {
		return nil, nil, fmt.Errorf("%w: the schema of its parameters: %w", ErrTemplate, errs.ToAggregate())
	}
	structural, err := schema.NewStructural(crd.Spec.Validation.OpenAPIV3Schema)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: the schema of its parameters: %w", ErrTemplate, err)
	}
	return crd, structural, nil
}

// parametersSchema is what a template says of its parameters; nil where it has none. A legacy schema, as all were before version v1,
// takes any further fields.
func parametersSchema(source *template) (*apiextensionsv1.JSONSchemaProps, error) {
	validation := source.Spec.CRD.Spec.Validation
	legacy := source.GroupVersionKind().Version != "v1"
	if validation == nil {
		if !legacy {
			return nil, nil
		}
		validation = new(templateValidation)
	}
	if validation.LegacySchema != nil {
		legacy = *validation.LegacySchema
	}
	parameters := validation.OpenAPIV3Schema.DeepCopy()
	if !legacy {
		return parameters, nil
	}
	if parameters == nil {
		parameters = new(apiextensionsv1.JSONSchemaProps)
	}
	return parameters, preserveUnknown(parameters)
}

// preserveUnknown has all objects take unknown fields, and makes the schema one that the API server accepts.
func preserveUnknown(props *apiextensionsv1.JSONSchemaProps) error {
	switch props.Type {
	case "", "object":
		props.XPreserveUnknownFields = ptr.To(true)
	case "array":
		if props.Items == nil || props.Items.Schema == nil && props.Items.JSONSchemas == nil {
			props.Items = &apiextensionsv1.JSONSchemaPropsOrArray{
				Schema: &apiextensionsv1.JSONSchemaProps{XPreserveUnknownFields: ptr.To(true)},
			}
		}
	}
	for name, field := range props.Properties {
		if err := preserveUnknown(&field); err != nil {
			return err
		}
		props.Properties[name] = field
	}
	if props.Items != nil {
		if props.Items.JSONSchemas != nil {
			return fmt.Errorf("%w: the schema of its parameters: items can't be a list of schemas", ErrTemplate)
		}
		if err := preserveUnknown(props.Items.Schema); err != nil {
			return err
		}
	}
	if props.AdditionalProperties != nil && props.AdditionalProperties.Schema != nil {
		return preserveUnknown(props.AdditionalProperties.Schema)
	}
	return nil
}

// constraintSchema is the schema of a constraint.
func constraintSchema(parameters *apiextensionsv1.JSONSchemaProps) *apiextensionsv1.JSONSchemaProps {
	spec := map[string]apiextensionsv1.JSONSchemaProps{
		"match":             matchSchema(),
		"enforcementAction": {Type: "string", Default: &apiextensionsv1.JSON{Raw: []byte(`"deny"`)}},
		"scopedEnforcementActions": listSchema(objectSchema(map[string]apiextensionsv1.JSONSchemaProps{
			"action":            text(),
			"enforcementPoints": listSchema(objectSchema(map[string]apiextensionsv1.JSONSchemaProps{"name": text()})),
		})),
	}
	if parameters != nil {
		spec["parameters"] = *parameters
	}
	name := text()
	name.MaxLength = ptr.To[int64](maxConstraintName)
	root := objectSchema(map[string]apiextensionsv1.JSONSchemaProps{
		"metadata": objectSchema(map[string]apiextensionsv1.JSONSchemaProps{"name": name}),
		"spec":     objectSchema(spec),
		"status":   {XPreserveUnknownFields: ptr.To(true)},
	})
	return &root
}

// wildcardPattern is what a name with asterisks at its ends looks like.
const wildcardPattern = `^\*?[-:a-z0-9]*\*?$`

// matchSchema is the schema of spec.match (gatekeeper's pkg/mutation/match).
func matchSchema() apiextensionsv1.JSONSchemaProps {
	wildcard, source := text(), text()
	wildcard.Pattern = wildcardPattern
	for _, name := range []string{"All", "Generated", "Original"} {
		source.Enum = append(source.Enum, apiextensionsv1.JSON{Raw: []byte(`"` + name + `"`)})
	}
	return objectSchema(map[string]apiextensionsv1.JSONSchemaProps{
		"kinds": listSchema(objectSchema(map[string]apiextensionsv1.JSONSchemaProps{
			"apiGroups": listSchema(text()), "kinds": listSchema(text()),
		})),
		"namespaces": listSchema(wildcard), "excludedNamespaces": listSchema(wildcard), "name": wildcard,
		"scope": text(), "source": source,
		"labelSelector": selectorSchema(), "namespaceSelector": selectorSchema(),
	})
}

func selectorSchema() apiextensionsv1.JSONSchemaProps {
	requirement := objectSchema(map[string]apiextensionsv1.JSONSchemaProps{
		"key": text(), "operator": text(), "values": listSchema(text()),
	})
	requirement.Required = []string{"key", "operator"}
	value := text()
	return objectSchema(map[string]apiextensionsv1.JSONSchemaProps{
		"matchExpressions": listSchema(requirement),
		"matchLabels":      {Type: "object", AdditionalProperties: &apiextensionsv1.JSONSchemaPropsOrBool{Allows: true, Schema: &value}},
	})
}

func text() apiextensionsv1.JSONSchemaProps { return apiextensionsv1.JSONSchemaProps{Type: "string"} }

func listSchema(of apiextensionsv1.JSONSchemaProps) apiextensionsv1.JSONSchemaProps {
	return apiextensionsv1.JSONSchemaProps{Type: "array", Items: &apiextensionsv1.JSONSchemaPropsOrArray{Schema: &of}}
}

func objectSchema(properties map[string]apiextensionsv1.JSONSchemaProps) apiextensionsv1.JSONSchemaProps {
	return apiextensionsv1.JSONSchemaProps{Type: "object", Properties: properties}
}
