package manifests_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kroguard/kroguard/internal/manifests"
	"github.com/kroguard/kroguard/internal/review"
	"github.com/kroguard/kroguard/policies"
	"github.com/kroguard/kroguard/policies/cel"
)

// write makes a folder of files.
func write(t *testing.T, files map[string]string) string {
	t.Helper()
	folder := t.TempDir()
	for name, content := range files {
		path := filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

const platform = `# a comment alone is no document
---
apiVersion: kroguard.io/v1alpha1
kind: Guardrail
metadata: {name: g}
spec: {cel: {validations: [{expression: "object.spec.size == 'small' && project.name == 'left' && offering.name == 'app'"}]}}
---
apiVersion: kroguard.io/v1alpha1
kind: Project
metadata: {name: left}
spec: {owner: left, namespaces: {names: [left-*]}}
---
apiVersion: kro.run/v1alpha1
kind: ResourceGraphDefinition
metadata: {name: app, annotations: {kroguard.io/defaults: "size: small"}}
spec:
  schema: {apiVersion: v1alpha1, kind: App, spec: {size: string}}
  resources: [{id: c, template: {apiVersion: v1, kind: ConfigMap, metadata: {name: "${schema.metadata.name}"}}}]
`

const instance = "apiVersion: kro.run/v1alpha1\nkind: App\nmetadata: {name: shop, namespace: left-dev}\nspec: {}\n"

func TestInstancesAreJudgedAsInACluster(t *testing.T) {
	folder := write(t, map[string]string{
		"b/platform.yml": platform, "a.yaml": instance, "c.json": `{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"other"}}`,
		"README.md": "no manifest",
	})
	c := new(manifests.Configuration)
	if err := c.Read(folder); err != nil {
		t.Fatal(err)
	}
	driver, err := cel.New()
	if err != nil {
		t.Fatal(err)
	}
	snapshot, err := c.Snapshot(t.Context(), policies.NewCompiler(driver, driver), review.Settings{})
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Others) != 1 || len(snapshot.Namespaces) != 2 {
		t.Fatalf("got %v and namespaces %v", c.Others, snapshot.Namespaces)
	}
	request, err := c.Others[0].Request()
	if err != nil {
		t.Fatal(err)
	}
	if got := request.Admission.Resource.Resource; got != "apps" {
		t.Errorf("resource: got %q", got)
	}
	if verdict := snapshot.Guardrails.Evaluate(t.Context(), snapshot.Input(request), noon()); verdict.Allowed() {
		t.Error("it is admitted as it was written")
	}
	request.Object = snapshot.Mutate(request).Object
	if verdict := snapshot.Guardrails.Evaluate(t.Context(), snapshot.Input(request), noon()); !verdict.Allowed() {
		t.Errorf("with defaults: got %v", verdict.Denied)
	}
}

func TestAllThatIsWrongIsNamedWithItsPlace(t *testing.T) {
	folder := write(t, map[string]string{
		"a.yaml": "a: b\n---\n[]\n---\nkind: {}\n",
		"b.yaml": "apiVersion: kroguard.io/v1alpha1\nkind: Guardrail\nmetadata: {name: g}\nspec: {mach: {}}\n",
		"c.yaml": "a: [\n",
	})
	err := new(manifests.Configuration).Read(folder)
	if err == nil {
		t.Fatal("no error")
	}
	want := folder + `/a.yaml, document 1: this is no object of Kubernetes: apiVersion and kind are missing
` + folder + `/a.yaml, document 2: this is no object of Kubernetes: error unmarshaling JSON: while decoding JSON: json: cannot unmarshal array into Go value of type v1.PartialObjectMetadata
` + folder + `/a.yaml, document 3: this is no object of Kubernetes: error unmarshaling JSON: while decoding JSON: json: cannot unmarshal object into Go struct field PartialObjectMetadata.TypeMeta.kind of type string
` + folder + `/b.yaml, document 1: error unmarshaling JSON: while decoding JSON: json: unknown field "mach"
` + folder + `/c.yaml, document 1: yaml: line 1: did not find expected node content`
	if diff := cmp.Diff(want, err.Error()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestWhatAnAPIServerWouldRefuseIsAnError(t *testing.T) {
	folder := write(t, map[string]string{"a.yaml": `
apiVersion: kroguard.io/v1alpha1
kind: Guardrail
metadata: {name: g}
spec: {cel: {validations: [{expression: "object."}]}}
---
apiVersion: kroguard.io/v1alpha1
kind: GuardrailException
metadata: {name: e}
spec: {guardrails: [g], expiresAt: "2030-01-01T00:00:00Z", reason: x}
---
apiVersion: kroguard.io/v1alpha1
kind: Project
metadata: {name: p}
spec: {owner: x, namespaces: {names: [""]}}
`})
	c := new(manifests.Configuration)
	if err := c.Read(folder); err != nil {
		t.Fatal(err)
	}
	driver, err := cel.New()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Snapshot(t.Context(), policies.NewCompiler(driver, driver), review.Settings{}); err == nil {
		t.Fatal("no error")
	} else {
		for _, want := range []string{"guardrail g does not compile: spec.cel.validations[0].expression: line 1", "exception e: spec.match", "project p: "} {
			if !contains(err, want) {
				t.Errorf("the error lacks %q: %v", want, err)
			}
		}
	}
}

func noon() time.Time { return time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC) }

func contains(err error, part string) bool { return strings.Contains(err.Error(), part) }
