package labeling_test

import (
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
	krov1alpha1 "github.com/kubernetes-sigs/kro/api/v1alpha1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/yaml"

	"github.com/kroguard/kroguard/internal/defaulting"
	"github.com/kroguard/kroguard/internal/expression"
	"github.com/kroguard/kroguard/internal/labeling"
	"github.com/kroguard/kroguard/internal/offering"
	"github.com/kroguard/kroguard/internal/patch"
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

func decode(t testing.TB, text string) map[string]any {
	t.Helper()
	if text == "" {
		return nil
	}
	var object map[string]any
	if err := json.Unmarshal([]byte(text), &object); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return object
}

// setting is where an instance stands.
type setting struct {
	project   *project.Project
	offering  *offering.Offering
	namespace project.Namespace
	user      string
	manager   string
}

// mutate does what the pipeline does: defaults, then labels, in one patch.
func mutate(s setting, object, old map[string]any) (map[string]any, *labeling.Result) {
	variables := expression.Variables{
		Project:   s.project.Values(),
		Namespace: map[string]any{"name": s.namespace.Name, "labels": map[string]any{}, "annotations": map[string]any{}},
	}
	name := ""
	if s.project != nil {
		name = s.project.Name
	}
	change := defaulting.Examine(object, old, s.manager, s.offering)
	defaults := defaulting.Compute(defaulting.Input{Change: change, Offering: s.offering, ProjectName: name, Variables: variables})
	defaulted := patch.Apply(object, defaults.Sets())
	result := labeling.Compute(labeling.Input{
		Change: change, Object: defaulted, Fields: defaults.Claims(), Project: s.project, Offering: s.offering,
		Namespace: s.namespace, Variables: variables, User: s.user, Keys: labeling.DefaultKeys(),
	})
	return patch.Apply(defaulted, result.Sets), result
}

func mutateTwice(t testing.TB, s setting, object, old map[string]any) (map[string]any, *labeling.Result) {
	t.Helper()
	once, result := mutate(s, object, old)
	twice, _ := mutate(s, once, old)
	if diff := cmp.Diff(once, twice); diff != "" {
		t.Errorf("called again, it changes the object (-once +twice):\n%s", diff)
	}
	return once, result
}

// texts returns a string map in metadata.
func texts(object map[string]any, field string) map[string]string {
	value, _ := patch.Get(object, []string{"metadata", field})
	entries, _ := value.(map[string]any)
	out := map[string]string{}
	for key, value := range entries {
		out[key], _ = value.(string)
	}
	return out
}

func recordOf(labels string) string {
	return `"annotations":{"kroguard.io/injected":` + strconv.Quote(labels) + `}`
}
