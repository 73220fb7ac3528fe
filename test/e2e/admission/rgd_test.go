package admission

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// auditLog is what the API server recorded so far.
func auditLog(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(h.AuditLogPath())
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// annotated is an RGD with a line of YAML below metadata.annotations.
func annotated(annotation string) string {
	return `
apiVersion: kro.run/v1alpha1
kind: ResourceGraphDefinition
metadata:
  name: annotated
  annotations:
` + annotation + `
spec:
  schema:
    apiVersion: v1alpha1
    kind: Annotated
    spec:
      size: string | enum="small,large"
      replicas: integer | default=1
      nested:
        level: string
  resources:
    - id: config
      template: {apiVersion: v1, kind: ConfigMap, metadata: {name: "${schema.metadata.name}"}, data: {size: "${schema.spec.size}"}}
`
}

func TestAMalformedAnnotationIsRefusedWithLineAndReason(t *testing.T) {
	tests := map[string]struct {
		annotation string
		want       []string
	}{
		"bad YAML":                     {"    kroguard.io/defaults: \"size: [\"", []string{"kroguard.io/defaults", "line 1"}},
		"unknown field":                {"    kroguard.io/defaults: |\n      size: small\n      replcas: 2", []string{"kroguard.io/defaults", "line 2", "replcas", "replicas"}},
		"wrong type":                   {"    kroguard.io/defaults.payments: |\n      replicas: two", []string{"kroguard.io/defaults.payments", "line 1", "replicas"}},
		"not in the enum":              {"    kroguard.io/defaults: |\n      size: medium", []string{"kroguard.io/defaults", "size"}},
		"CEL that does not compile":    {"    kroguard.io/defaults: |\n      size: ${project.}", []string{"kroguard.io/defaults", "line 1"}},
		"CEL that does not type-check": {"    kroguard.io/defaults: |\n      size: ${project.onwer}", []string{"kroguard.io/defaults", "onwer"}},
		"CEL of the wrong type":        {"    kroguard.io/defaults: |\n      replicas: ${project.name}", []string{"kroguard.io/defaults", "replicas"}},
		"illegal label":                {"    kroguard.io/labels: |\n      \"no label\": x", []string{"kroguard.io/labels", "no label"}},
		"a label that is kro's":        {"    kroguard.io/labels: |\n      kro.run/owned: \"true\"", []string{"kroguard.io/labels", "kro.run/owned"}},
		"a misspelled annotation":      {"    kroguard.io/default: |\n      size: small", []string{"kroguard.io/default", "kroguard.io/defaults"}},
		"two at once": {
			"    kroguard.io/catalog: \"maybe\"\n    kroguard.io/docs-url: \"ftp://x\"",
			[]string{"kroguard.io/catalog", "kroguard.io/docs-url"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			answer := h.MustRefuse(t, annotated(test.annotation), "apply", "--dry-run=server", "-f", "-")
			for _, want := range test.want {
				if !strings.Contains(answer, want) {
					t.Errorf("the answer lacks %q:\n%s", want, answer)
				}
			}
		})
	}
}

func TestASchemaDefaultThatShadowsAProjectsDefaultIsWarnedOf(t *testing.T) {
	answer := h.MustRun(t, annotated("    kroguard.io/defaults.payments: |\n      replicas: 3"), "apply", "--dry-run=server", "-f", "-")
	for _, want := range []string{"Warning:", "spec.replicas"} {
		if !strings.Contains(answer, want) {
			t.Errorf("the answer lacks %q:\n%s", want, answer)
		}
	}
}

// TestAnRGDWrittenForKnodexIsAnOffering: only knodex.io/ annotations and labels, and a Knodex label on the namespace.
func TestAnRGDWrittenForKnodexIsAnOffering(t *testing.T) {
	const manifests = `
apiVersion: v1
kind: Namespace
metadata:
  name: knodex
  labels: {knodex.io/project: payments}
---
apiVersion: kro.run/v1alpha1
kind: ResourceGraphDefinition
metadata:
  name: knodex-app
  labels: {knodex.io/project: payments}
  annotations:
    knodex.io/catalog: "true"
    knodex.io/title: An application
    knodex.io/description: As the catalog shows it
    knodex.io/category: apps
    knodex.io/tags: a,b
    knodex.io/icon: box
    knodex.io/docs-url: https://example.com/docs
    knodex.io/property-order: '["size"]'
    knodex.io/deployment-modes: gitops
spec:
  schema: {apiVersion: v1alpha1, kind: KnodexApp, spec: {size: string}}
  resources:
    - id: config
      template: {apiVersion: v1, kind: ConfigMap, metadata: {name: "${schema.metadata.name}"}, data: {size: "${schema.spec.size}"}}
`
	if err := h.Publish(t.Context(), manifests, "knodex-app"); err != nil {
		t.Fatal(err)
	}
	object := widget("one", values{"size": "small"})
	object.SetKind("KnodexApp")
	object.SetNamespace("knodex")
	if err := h.Client.Create(t.Context(), object); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"kroguard.io/project": "payments", "kroguard.io/offering": "knodex-app", "team": "team-payments", "cost-center": "CC-1"}
	got := map[string]string{}
	for key := range want {
		got[key] = object.GetLabels()[key]
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("labels (-want +got):\n%s", diff)
	}
	elsewhere := widget("one", values{"size": "small"})
	elsewhere.SetKind("KnodexApp")
	elsewhere.SetNamespace("nobody")
	refused(t, h.Client.Create(t.Context(), elsewhere))
}
