// Command generate writes what the chart has in two forms: the schema and the README's table from the commented values.yaml, and the
// CRDs and permissions from config/. It is run in the root of the repository, by make generate.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"sigs.k8s.io/yaml"
)

const chart = "charts/kroguard"

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "charts/generate:", err)
		os.Exit(1)
	}
}

func run() error {
	text, err := os.ReadFile(filepath.Join(chart, "values.yaml"))
	if err != nil {
		return err
	}
	values, err := parseValues(text)
	if err != nil {
		return fmt.Errorf("values.yaml: %w", err)
	}
	schema, err := values.schemaJSON()
	if err != nil {
		return err
	}
	readme, err := os.ReadFile(filepath.Join(chart, "README.md"))
	if err != nil {
		return err
	}
	if readme, err = replaceTable(readme, values.table()); err != nil {
		return fmt.Errorf("README.md: %w", err)
	}
	return errors.Join(
		os.WriteFile(filepath.Join(chart, "values.schema.json"), schema, 0o644),
		os.WriteFile(filepath.Join(chart, "README.md"), readme, 0o644),
		copyCRDs(),
		copyRules("config/rbac/role.yaml", map[string]string{"ClusterRole": "rules-cluster.yaml", "Role": "rules-namespace.yaml"}),
		copyRules("config/certificates/role.yaml", map[string]string{"Role": "rules-cert-manager.yaml"}),
		copyRules("config/policy-sources/role.yaml", map[string]string{"ClusterRole": "rules-policy-sources.yaml"}),
	)
}

// copyCRDs copies the CRDs that controller-gen makes.
func copyCRDs() error {
	crds, err := filepath.Glob("config/crd/bases/*.yaml")
	if err != nil {
		return err
	}
	if len(crds) == 0 {
		return errors.New("config/crd/bases has no CRDs: run this in the root of the repository")
	}
	dir := filepath.Join(chart, "files", "crds")
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, path := range crds {
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(path)), text, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// copyRules copies the rules of roles, by kind, into files of the chart.
func copyRules(path string, files map[string]string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	for document := range bytes.SplitSeq(text, []byte("\n---\n")) {
		var role struct {
			Kind  string `json:"kind"`
			Rules []any  `json:"rules"`
		}
		if err := yaml.Unmarshal(document, &role); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		name, ok := files[role.Kind]
		if !ok {
			continue
		}
		rules, err := yaml.Marshal(role.Rules)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		if err := os.WriteFile(filepath.Join(chart, "files", name), bytes.TrimSuffix(rules, []byte("\n")), 0o644); err != nil {
			return err
		}
	}
	return nil
}
