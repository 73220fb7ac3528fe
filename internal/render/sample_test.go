package render_test

import (
	"strings"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
)

// sample is an instance made of a definition's schema: with all fields, or with those that are required and those that have a
// default.
func sample(crd *apiextensionsv1.CustomResourceDefinition, full bool) map[string]any {
	version := crd.Spec.Versions[0]
	properties := version.Schema.OpenAPIV3Schema.Properties
	spec := sampleOf(properties["spec"], "spec", full)
	meta := map[string]any{"name": "sample", "labels": map[string]any{"team": "a"}}
	if crd.Spec.Scope == apiextensionsv1.NamespaceScoped {
		meta["namespace"] = "team-a"
	}
	return map[string]any{
		"apiVersion": crd.Spec.Group + "/" + version.Name, "kind": crd.Spec.Names.Kind, "metadata": meta, "spec": spec,
	}
}

func sampleOf(s apiextensionsv1.JSONSchemaProps, name string, full bool) any {
	switch {
	case s.Default != nil && !(full && string(s.Default.Raw) == "{}"):
		var list struct {
			Value any `json:"value"`
		}
		if err := unmarshal(`{"value":`+string(s.Default.Raw)+`}`, &list); err != nil {
			panic(err)
		}
		if object, ok := list.Value.(map[string]any); ok {
			for field, value := range sampleFields(s, false) {
				if _, set := object[field]; !set {
					object[field] = value
				}
			}
		}
		return list.Value
	case len(s.Enum) > 0:
		var value string
		if err := unmarshal(string(s.Enum[0].Raw), &value); err != nil {
			panic(err)
		}
		return value
	}
	switch s.Type {
	case "boolean":
		return true
	case "integer":
		if s.Minimum != nil {
			return int64(*s.Minimum)
		}
		return int64(2)
	case "number":
		return 1.5
	case "string":
		return strings.ToLower(name) + "-1"
	case "array":
		first := sampleOf(*s.Items.Schema, name, full)
		second := sampleOf(*s.Items.Schema, name, full)
		if _, ok := second.(string); ok {
			second = strings.ToLower(name) + "-2"
		}
		return []any{first, second}
	default:
		if s.AdditionalProperties != nil && s.AdditionalProperties.Schema != nil {
			return map[string]any{"key": sampleOf(*s.AdditionalProperties.Schema, "key", full)}
		}
		return sampleFields(s, full)
	}
}

func sampleFields(s apiextensionsv1.JSONSchemaProps, full bool) map[string]any {
	fields := map[string]any{}
	required := map[string]bool{}
	for _, name := range s.Required {
		required[name] = true
	}
	for name, property := range s.Properties {
		if full || required[name] || property.Default != nil {
			fields[name] = sampleOf(property, name, full)
		}
	}
	return fields
}
