package project_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kroguard/kroguard/internal/project"
	"github.com/kroguard/kroguard/policies/v1alpha1"
)

func TestFromProject(t *testing.T) {
	p := &v1alpha1.Project{ObjectMeta: metav1.ObjectMeta{Name: "payments"}}
	p.Spec = v1alpha1.ProjectSpec{
		DisplayName: "Payments", Owner: "team-pay", Contact: "#pay", CostCenter: "CC-1",
		Labels: v1alpha1.ProjectLabels{
			Enforced: v1alpha1.LabelMap{"team": "pay"},
			Defaults: v1alpha1.LabelMap{"tier": "gold", "team": "other"},
		},
		Parameters: &apiextensionsv1.JSON{Raw: []byte(`{"quota":7,"ratio":0.5}`)},
	}
	c, errs := project.FromProject(p)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	want := map[string]any{
		"name": "payments", "displayName": "Payments", "owner": "team-pay", "contact": "#pay", "costCenter": "CC-1",
		"labels":     map[string]any{"team": "pay", "tier": "gold"},
		"parameters": map[string]any{"quota": int64(7), "ratio": 0.5},
	}
	if diff := cmp.Diff(want, c.Project.Values()); diff != "" {
		t.Errorf("values (-want +got):\n%s", diff)
	}
	var none *project.Project
	if none.Values() != nil {
		t.Error("no project has values")
	}
}

func TestBrokenProjectsFailClosed(t *testing.T) {
	broken := &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "a", Operator: "Like"}}}
	p := &v1alpha1.Project{ObjectMeta: metav1.ObjectMeta{Name: "a"}}
	p.Spec.Namespaces = v1alpha1.ProjectNamespaces{Names: []string{"ok", ""}, Selector: broken}
	p.Spec.Parameters = &apiextensionsv1.JSON{Raw: []byte(`[1]`)}
	p.Spec.Offerings = v1alpha1.ProjectOfferings{
		Allow: []v1alpha1.OfferingRule{{Selector: broken}, {Names: []string{""}}},
		Deny:  []v1alpha1.OfferingRule{{Names: []string{"db"}, Selector: broken}},
	}
	c, errs := project.FromProject(p)

	var fields []string
	for _, err := range errs {
		fields = append(fields, err.Field)
	}
	want := []string{
		"spec.namespaces.names[1]", "spec.namespaces.selector", "spec.parameters",
		"spec.offerings.allow[0].selector", "spec.offerings.allow[1].names", "spec.offerings.deny[0].selector",
	}
	if diff := cmp.Diff(want, fields); diff != "" {
		t.Errorf("errors (-want +got):\n%s", diff)
	}
	ix := project.NewIndex([]*project.Claim{c}, nil)
	if got := render(ix.Resolve("other", nil)); got != "none" {
		t.Errorf("a broken selector claims a namespace for %s", got)
	}
	if got := render(ix.Resolve("ok", nil)); got != "a" {
		t.Errorf("the good name resolves to %s", got)
	}
	for i, rule := range c.Project.Allow {
		if rule.Selector.Matches(nil) {
			t.Errorf("broken allow rule %d matches", i)
		}
	}
	if rule := c.Project.Deny[0]; len(rule.Names) > 0 || !rule.Selector.Matches(nil) {
		t.Error("a broken deny rule doesn't deny everything")
	}
	if diff := cmp.Diff(map[string]any{}, c.Project.Parameters); diff != "" {
		t.Errorf("parameters (-want +got):\n%s", diff)
	}
}

func TestFromKnodexRefusesHostileObjects(t *testing.T) {
	for name, object := range map[string]map[string]any{
		"nil":                  nil,
		"no name":              {"metadata": map[string]any{}},
		"metadata is a text":   {"metadata": "x"},
		"the name is a number": {"metadata": map[string]any{"name": int64(1)}},
	} {
		t.Run(name, func(t *testing.T) {
			if _, _, err := project.FromKnodex(object); !errors.Is(err, project.ErrNoName) {
				t.Errorf("error = %v", err)
			}
		})
	}
	c, errs, err := project.FromKnodex(map[string]any{
		"metadata": map[string]any{"name": "a"},
		"spec":     map[string]any{"destinations": []any{"x", nil, map[string]any{"namespace": int64(1)}, map[string]any{"namespace": "a\xff"}, map[string]any{"namespace": "ok"}}},
	})
	if err != nil || len(errs) != 1 || errs[0].Field != "spec.destinations[3].namespace" {
		t.Errorf("errors = %v, %v; want one for spec.destinations[3].namespace", err, errs)
	}
	if got := render(project.NewIndex([]*project.Claim{c}, nil).Resolve("ok", nil)); got != "a" {
		t.Errorf("the good destination resolves to %s", got)
	}
}
