package templates

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"

	"github.com/kroguard/kroguard/test/controlplane/binaries"
	"github.com/kroguard/kroguard/test/e2e/harness"
)

// schemaFile is where kubeconform looks for the schema of a kind.
const schemaFile = "{{.Group}}_{{.ResourceAPIVersion}}_{{.ResourceKind}}.json"

// A schema is a JSON schema.
type schema = map[string]any

// writeSchemas writes a schema for each kind of Kubernetes and of the CRDs that the chart knows. They are strict: a field that
// they don't name is wrong. The API server would drop it.
func writeSchemas(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	openAPI, err := binaries.OpenAPI(t.Context(), binaries.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := writeBuiltIn(dir, filepath.Join(openAPI, "swagger.json")); err != nil {
		t.Fatal(err)
	}
	folders := []string{harness.File("charts", "kroguard", "files", "crds")}
	for _, ensure := range []func() (string, error){
		func() (string, error) { return binaries.MonitoringCRDs(t.Context(), binaries.Options{}) },
		func() (string, error) { return binaries.GatewayCRDs(t.Context(), binaries.Options{}) },
	} {
		folder, err := ensure()
		if err != nil {
			t.Fatal(err)
		}
		folders = append(folders, folder)
	}
	for _, folder := range folders {
		if err := writeCRDs(dir, folder); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

type groupVersionKind struct{ Group, Version, Kind string }

// writeBuiltIn writes the kinds of an OpenAPI document.
func writeBuiltIn(dir, path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var document struct{ Definitions map[string]schema }
	if err := json.Unmarshal(text, &document); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	var kinds struct {
		Definitions map[string]struct {
			Kinds []groupVersionKind `json:"x-kubernetes-group-version-kind"`
		}
	}
	if err := json.Unmarshal(text, &kinds); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	for name, definition := range document.Definitions {
		document.Definitions[name] = strict(definition)
	}
	// Forms of a scalar that OpenAPI calls a string.
	number := []any{schema{"type": "string"}, schema{"type": "number"}}
	document.Definitions["io.k8s.apimachinery.pkg.util.intstr.IntOrString"] = schema{"anyOf": number}
	document.Definitions["io.k8s.apimachinery.pkg.api.resource.Quantity"] = schema{"anyOf": number}
	for name, definition := range kinds.Definitions {
		if len(definition.Kinds) != 1 {
			continue // of all groups, as DeleteOptions
		}
		needed := schema{}
		reach(document.Definitions, name, needed)
		root := schema{"allOf": []any{schema{"$ref": "#/definitions/" + name}}, "definitions": needed}
		if err := writeSchema(dir, definition.Kinds[0], root); err != nil {
			return err
		}
	}
	return nil
}

// reach adds a definition and those that it refers to.
func reach(all map[string]schema, name string, into schema) {
	if into[name] != nil {
		return
	}
	into[name] = all[name]
	walk(all[name], func(node schema) {
		if ref, ok := node["$ref"].(string); ok {
			reach(all, strings.TrimPrefix(ref, "#/definitions/"), into)
		}
	})
}

// writeCRDs writes the kinds of the CRDs in a folder.
func writeCRDs(dir, folder string) error {
	paths, err := filepath.Glob(filepath.Join(folder, "*.yaml"))
	if err != nil || len(paths) == 0 {
		return fmt.Errorf("%s has no CRDs: %w", folder, err)
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		var crd apiextensionsv1.CustomResourceDefinition
		if err := yaml.Unmarshal(text, &crd); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		for _, version := range crd.Spec.Versions {
			if version.Schema == nil {
				continue
			}
			text, err := json.Marshal(version.Schema.OpenAPIV3Schema)
			if err != nil {
				return err
			}
			var root schema
			if err := json.Unmarshal(text, &root); err != nil {
				return err
			}
			kind := groupVersionKind{crd.Spec.Group, version.Name, crd.Spec.Names.Kind}
			root = strict(root)
			if properties, ok := root["properties"].(schema); ok {
				properties["metadata"] = schema{"type": "object"} // the API server's own, which a CRD may not restate
			}
			if err := writeSchema(dir, kind, root); err != nil {
				return err
			}
		}
	}
	return nil
}

func writeSchema(dir string, kind groupVersionKind, root schema) error {
	text, err := json.Marshal(root)
	if err != nil {
		return err
	}
	group := kind.Group
	if group == "" {
		group = kind.Version // kubeconform's name of the core group
	}
	return os.WriteFile(filepath.Join(dir, fmt.Sprintf("%s_%s_%s.json", group, kind.Version, strings.ToLower(kind.Kind))), text, 0o600)
}

// strict turns a schema of OpenAPI into one of JSON Schema, in which objects have no other fields than those that it names.
func strict(root schema) schema {
	walk(root, func(node schema) {
		_, properties := node["properties"].(schema)
		_, additional := node["additionalProperties"]
		if preserve, _ := node["x-kubernetes-preserve-unknown-fields"].(bool); properties && !additional && !preserve && node["type"] == "object" {
			node["additionalProperties"] = false
		}
		if either, _ := node["x-kubernetes-int-or-string"].(bool); either {
			delete(node, "type")
		}
		if nullable, _ := node["nullable"].(bool); nullable && node["type"] != nil {
			node["type"] = []any{node["type"], "null"}
		}
	})
	return root
}

// walk visits a schema and all that it contains.
func walk(value any, visit func(schema)) {
	switch value := value.(type) {
	case schema:
		visit(value)
		for _, inner := range value {
			walk(inner, visit)
		}
	case []any:
		for _, inner := range value {
			walk(inner, visit)
		}
	}
}
