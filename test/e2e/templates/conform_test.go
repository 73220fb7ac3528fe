package templates

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestManifestsConform(t *testing.T) {
	schemas := writeSchemas(t)
	for name, values := range map[string][]string{
		"defaults":            {},
		"everything":          {"--values", everything},
		"as little as can be": {"--values", "testdata/little.yaml"},
		"a provided Secret":   {"--set", "certificates.provider=provided,certificates.secretName=mine"},
	} {
		t.Run(name, func(t *testing.T) {
			if out, ok := conform(t, schemas, mustRender(t, values...)); !ok {
				t.Error(out)
			}
		})
	}
	t.Run("config/default", func(t *testing.T) {
		if out, ok := conform(t, schemas, kustomize(t)); !ok {
			t.Error(out)
		}
	})
}

// What is valid must be refused once it is spoiled, or the schemas would accept anything.
func TestSpoiledManifestsDoNotConform(t *testing.T) {
	schemas := writeSchemas(t)
	manifest := mustRender(t, "--values", everything)
	for name, c := range map[string]struct{ old, spoiled, want string }{
		"a misspelled field":                  {"minReadySeconds:", "minReadySecond:", "minReadySecond"},
		"a misspelled field deep inside":      {"readOnlyRootFilesystem:", "readonlyRootFilesystem:", "readonlyRootFilesystem"},
		"a field of another kind":             {"  podSelector:", "  selector:\n      matchLabels: {}\n  podSelector:", "selector"},
		"a word for a number":                 {"periodSeconds: 5", "periodSeconds: often", "periodSeconds"},
		"a field that is missing":             {"  scope: Cluster\n", "", "scope"},
		"a field that HTTPRoute lacks":        {"  parentRefs:", "  gateways: []\n  parentRefs:", "gateways"},
		"a field that ServiceMonitor lacks":   {"  endpoints:", "  ports: []\n  endpoints:", "ports"},
		"a field that Guardrail lacks":        {"  severity: Low", "  severities: [Low]\n  severity: Low", "severities"},
		"a severity that Guardrail lacks":     {"  severity: Low", "  severity: Lowest", "severity"},
		"a kind that nobody has a schema for": {"kind: PriorityClass", "kind: PriorityClasses", "PriorityClasses"},
	} {
		t.Run(name, func(t *testing.T) {
			spoiled := strings.Replace(manifest, c.old, c.spoiled, 1)
			if spoiled == manifest {
				t.Fatalf("the manifest has no %q", c.old)
			}
			out, ok := conform(t, schemas, spoiled)
			if ok || !strings.Contains(out, c.want) {
				t.Errorf("conforms: %t; want an error about %q:\n%s", ok, c.want, out)
			}
		})
	}
}

// conform returns what kubeconform says of a manifest, and whether it is valid.
func conform(t *testing.T, schemas, manifest string) (string, bool) {
	t.Helper()
	path := writeFile(t, t.TempDir(), "manifest.yaml", manifest)
	cmd := exec.CommandContext(t.Context(), kubeconform, "-strict", "-summary", "-schema-location", filepath.Join(schemas, schemaFile), path)
	out, err := cmd.CombinedOutput()
	return string(out), err == nil
}
