package offering

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	krov1alpha1 "github.com/kubernetes-sigs/kro/api/v1alpha1"
	"sigs.k8s.io/yaml"
)

// webApp is the RGD that these tests annotate.
const webApp = `
apiVersion: kro.run/v1alpha1
kind: ResourceGraphDefinition
metadata:
  name: web-app
spec:
  schema:
    apiVersion: v1alpha1
    kind: WebApp
    types:
      Port:
        name: string
        number: integer | minimum=1 maximum=65535
    spec:
      name: string
      size: string | enum="small,large"
      replicas: integer | minimum=1
      ratio: float
      debug: boolean
      image: string | default=nginx
      hosts: "[]string"
      ports: "[]Port"
      labels: "map[string]string"
      free: object
      db:
        engine: string | required=true
        version: string
      cache:
        enabled: boolean | default=true
        ttl: integer
`

// rgdWith returns webApp with annotations, given with their full keys.
func rgdWith(t testing.TB, annotations map[string]string) *krov1alpha1.ResourceGraphDefinition {
	t.Helper()
	rgd := decode(t, webApp)
	rgd.Annotations = annotations
	return rgd
}

func decode(t testing.TB, text string) *krov1alpha1.ResourceGraphDefinition {
	t.Helper()
	var rgd krov1alpha1.ResourceGraphDefinition
	if err := yaml.UnmarshalStrict([]byte(text), &rgd); err != nil {
		t.Fatal(err)
	}
	return &rgd
}

// mustParse returns the offering of an RGD without problems.
func mustParse(t testing.TB, rgd *krov1alpha1.ResourceGraphDefinition) *Offering {
	t.Helper()
	o, problems, _ := Parse(rgd)
	if len(problems) > 0 {
		t.Fatalf("the RGD has problems: %v", problems)
	}
	return o
}

// values are the constant values of defaults by path; "${}" stands for an expression.
func values(d *Defaults) map[string]any {
	if d == nil {
		return nil
	}
	result := map[string]any{}
	for _, field := range d.Fields {
		value, ok := field.Value.Constant()
		if !ok {
			value = "${}"
		}
		result[strings.Join(field.Path, ".")] = value
	}
	return result
}

// examples are kro's own example RGDs, by path within its module.
func examples(t testing.TB) map[string]*krov1alpha1.ResourceGraphDefinition {
	t.Helper()
	output, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/kubernetes-sigs/kro").Output()
	if err != nil {
		t.Fatalf("finding kro's module: %v", err)
	}
	root := filepath.Join(strings.TrimSpace(string(output)), "examples")
	found := map[string]*krov1alpha1.ResourceGraphDefinition{}
	err = filepath.WalkDir(root, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(path) != ".yaml" {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, document := range strings.Split(string(text), "\n---") {
			var rgd krov1alpha1.ResourceGraphDefinition
			// Instances and values files lie there too: only RGDs are wanted.
			if yaml.Unmarshal([]byte(document), &rgd) != nil || rgd.Kind != "ResourceGraphDefinition" {
				continue
			}
			found[strings.TrimPrefix(path, root)+"#"+rgd.Name] = &rgd
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
