package injection_test

import (
	"testing"

	krov1alpha1 "github.com/kubernetes-sigs/kro/api/v1alpha1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/kroguard/kroguard/internal/expression"
	"github.com/kroguard/kroguard/internal/injection"
	"github.com/kroguard/kroguard/internal/labeling"
	"github.com/kroguard/kroguard/internal/offering"
	"github.com/kroguard/kroguard/internal/project"
	"github.com/kroguard/kroguard/policies/v1alpha1"
)

const webApp = `
metadata: {name: webapp}
spec:
  schema:
    apiVersion: v1alpha1
    kind: WebApp
    spec: {image: string, size: string | default="small", region: string, host: string, tags: "[]string"}
`

func offeringWith(t testing.TB, annotations map[string]string) *offering.Offering {
	t.Helper()
	var rgd krov1alpha1.ResourceGraphDefinition
	if err := yaml.Unmarshal([]byte(webApp), &rgd); err != nil {
		t.Fatal(err)
	}
	rgd.Annotations = map[string]string{}
	for key, value := range annotations {
		rgd.Annotations["kroguard.io/"+key] = value
	}
	parsed, problems, _ := offering.Parse(&rgd)
	if len(problems) > 0 {
		t.Fatalf("the RGD of the test is wrong: %v", problems)
	}
	return parsed
}

func payments(t testing.TB, enforced, defaults v1alpha1.LabelMap) *project.Project {
	t.Helper()
	p := &v1alpha1.Project{ObjectMeta: metav1.ObjectMeta{Name: "payments"}}
	p.Spec.Owner, p.Spec.Contact, p.Spec.CostCenter = "Team Payments", "pay@example.com", "CC-42"
	p.Spec.Labels = v1alpha1.ProjectLabels{Enforced: enforced, Defaults: defaults}
	claim, errs := project.FromProject(p)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	return claim.Project
}

// setting is where an instance stands.
type setting struct {
	project  *project.Project
	offering *offering.Offering
	manager  string
}

// input is a request in the setting.
func (s setting) input(object, old map[string]any) injection.Input {
	labels := map[string]string{"env": "dev", "tier": "ns"}
	return injection.Input{
		Object: object, OldObject: old, FieldManager: s.manager, User: "jane", Project: s.project, Offering: s.offering,
		Namespace: project.Namespace{Name: "payments-dev", Labels: labels},
		Variables: expression.Variables{
			Project:   s.project.Values(),
			Namespace: map[string]any{"name": "payments-dev", "labels": map[string]any{"env": "dev", "tier": "ns"}, "annotations": map[string]any{}},
		},
		Keys: labeling.DefaultKeys(),
	}
}
