// Package injectiontest builds offerings, projects and objects for tests of what is injected into instances.
package injectiontest

import (
	"testing"

	krov1alpha1 "github.com/kubernetes-sigs/kro/api/v1alpha1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/yaml"

	"github.com/kroguard/kroguard/internal/offering"
	"github.com/kroguard/kroguard/internal/project"
	"github.com/kroguard/kroguard/policies/v1alpha1"
)

// WebApp is a small RGD.
const WebApp = `
metadata: {name: webapp}
spec:
  schema:
    apiVersion: v1alpha1
    kind: WebApp
    spec: {image: string, size: string | default="small", region: string, host: string, tags: "[]string"}
`

// Offering is an RGD with annotations, whose keys lack the prefix kroguard.io/.
func Offering(tb testing.TB, rgdYAML string, annotations map[string]string) *offering.Offering {
	tb.Helper()
	var rgd krov1alpha1.ResourceGraphDefinition
	if err := yaml.Unmarshal([]byte(rgdYAML), &rgd); err != nil {
		tb.Fatal(err)
	}
	rgd.Annotations = map[string]string{}
	for key, value := range annotations {
		rgd.Annotations["kroguard.io/"+key] = value
	}
	parsed, problems, _ := offering.Parse(&rgd)
	if len(problems) > 0 {
		tb.Fatalf("the RGD of the test is wrong: %v", problems)
	}
	if parsed.Schema == nil {
		tb.Fatal("the RGD of the test has no schema")
	}
	return parsed
}

// Project is the project payments with labels.
func Project(tb testing.TB, enforced, defaults v1alpha1.LabelMap) *project.Project {
	tb.Helper()
	p := &v1alpha1.Project{ObjectMeta: metav1.ObjectMeta{Name: "payments"}}
	p.Spec.Owner, p.Spec.Contact, p.Spec.CostCenter = "Team Payments", "pay@example.com", "CC-42"
	p.Spec.Labels = v1alpha1.ProjectLabels{Enforced: enforced, Defaults: defaults}
	claim, errs := project.FromProject(p)
	if len(errs) > 0 {
		tb.Fatal(errs)
	}
	return claim.Project
}

// Object decodes JSON as the webhook does, integers as int64; "" is nil.
func Object(tb testing.TB, text string) map[string]any {
	tb.Helper()
	if text == "" {
		return nil
	}
	var object map[string]any
	if err := json.Unmarshal([]byte(text), &object); err != nil {
		tb.Fatalf("%v in %s", err, text)
	}
	return object
}
