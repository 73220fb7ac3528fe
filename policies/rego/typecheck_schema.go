package rego

import (
	"encoding/json"
	"fmt"

	"github.com/open-policy-agent/opa/v1/ast"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"

	"github.com/kroguard/kroguard/docs"
)

// jsonSchema is a JSON schema as OPA reads it.
type jsonSchema = map[string]any

const (
	keyType       = "type"
	keyProperties = "properties"
	keyItems      = "items"
	typeObject    = "object"
	typeArray     = "array"
)

// inputSchema is the documented schema of the input, in which the instance has the given schema.
func inputSchema(object *schema.Structural) (*ast.SchemaSet, error) {
	var input struct {
		Type        string     `json:"type"`
		Definitions jsonSchema `json:"definitions"`
		Properties  struct {
			Review struct {
				Type       string     `json:"type"`
				Properties jsonSchema `json:"properties"`
			} `json:"review"`
			Parameters jsonSchema `json:"parameters"`
			Instance   jsonSchema `json:"instance"`
			Project    jsonSchema `json:"project"`
			Offering   jsonSchema `json:"offering"`
		} `json:"properties"`
	}
	if err := json.Unmarshal([]byte(docs.RegoInputSchema()), &input); err != nil {
		return nil, fmt.Errorf("reading the schema of the input: %w", err)
	}
	instance := schemaOf(object)
	input.Properties.Instance = instance
	input.Properties.Review.Properties[keyObject] = instance
	// It may be null, which OPA's types can't say; see plain.
	input.Properties.Review.Properties[keyOldObject] = instance

	text, err := json.Marshal(input)
	if err != nil {
		return nil, fmt.Errorf("writing the schema of the input: %w", err)
	}
	var document any
	if err := json.Unmarshal(text, &document); err != nil {
		return nil, fmt.Errorf("reading the schema of the input: %w", err)
	}
	set := ast.NewSchemaSet()
	set.Put(ast.SchemaRootRef, document)
	return set, nil
}

// schemaOf is what OPA's type checker may know of a structural schema. It reads less than a JSON schema can say (v1/ast,
// parseSchema in compile.go): of several types it takes one, additionalProperties it does not see, properties are all that
// there are. So what is not as simple as that may be anything, and no policy is blamed for it.
func schemaOf(s *schema.Structural) jsonSchema {
	if s == nil || s.XIntOrString || s.Nullable || s.XPreserveUnknownFields || s.XEmbeddedResource {
		return jsonSchema{}
	}
	switch s.Type {
	case typeObject:
		if s.AdditionalProperties != nil || len(s.Properties) == 0 {
			return jsonSchema{keyType: typeObject}
		}
		properties := make(jsonSchema, len(s.Properties))
		for name := range s.Properties {
			property := s.Properties[name]
			properties[name] = schemaOf(&property)
		}
		return jsonSchema{keyType: typeObject, keyProperties: properties}
	case typeArray:
		return jsonSchema{keyType: typeArray, keyItems: schemaOf(s.Items)}
	case "string", "boolean", "integer", "number":
		return jsonSchema{keyType: s.Type}
	default:
		return jsonSchema{}
	}
}
