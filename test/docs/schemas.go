package docs

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"sigs.k8s.io/yaml"
)

// schemas are the schemas of kroguard's kinds, as config/crd has them, by kind.
type schemas map[string]*apiextensionsv1.JSONSchemaProps

func readSchemas(root string) (schemas, error) {
	files, err := filepath.Glob(filepath.Join(root, "config", "crd", "bases", "*.yaml"))
	if err != nil {
		return nil, err
	}
	found := schemas{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		var definition apiextensionsv1.CustomResourceDefinition
		if err := yaml.Unmarshal(text, &definition); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		found[definition.Spec.Names.Kind] = definition.Spec.Versions[0].Schema.OpenAPIV3Schema
	}
	return found, nil
}

// check validates an object as the API server does, but for the schema's CEL rules. A kind without schema passes.
func (s schemas) check(kind string, document []byte) error {
	props := s[kind]
	if props == nil {
		return nil
	}
	var internal apiextensions.JSONSchemaProps
	if err := apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(props, &internal, nil); err != nil {
		return err
	}
	validator, _, err := validation.NewSchemaValidator(&internal)
	if err != nil {
		return err
	}
	var value any
	if err := yaml.Unmarshal(document, &value); err != nil {
		return err
	}
	return validation.ValidateCustomResource(nil, value, validator).ToAggregate()
}

// at is the schema of a field: spec.cel.validations leads through objects and the items of lists. It is nil where there is none.
func (s schemas) at(kind, path string) *apiextensionsv1.JSONSchemaProps {
	props := s[kind]
	for name := range strings.SplitSeq(path, ".") {
		if props == nil {
			return nil
		}
		if props.Items != nil {
			props = props.Items.Schema
		}
		child, ok := props.Properties[name]
		if !ok {
			return nil
		}
		props = &child
	}
	return props
}
