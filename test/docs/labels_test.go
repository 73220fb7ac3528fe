package docs

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/kroguard/kroguard/policies/v1alpha1"
)

// setting is an instance with what its labels may come from. Every source gives a value of its own.
type setting struct {
	rgd, project, namespace, instance object
}

// newSetting has no source but the names of project and instance.
func newSetting(p *Platform) *setting {
	s := &setting{
		rgd: object{rgd: p.rgd.DeepCopy()}, project: object{project: p.project.DeepCopy()}, namespace: object{namespace: p.namespace.DeepCopy()},
		instance: object{instance: map[string]any{
			"apiVersion": "kro.run/v1alpha1", "kind": "WebApp", "spec": map[string]any{"image": "x"},
			"metadata": map[string]any{"name": "name-of-instance", "namespace": p.namespace.Name},
		}},
	}
	s.rgd.rgd.Annotations = nil
	s.project.project.Spec = v1alpha1.ProjectSpec{Owner: "-", Namespaces: p.project.Spec.Namespaces}
	s.namespace.namespace.Labels = nil
	return s
}

// give lets a source, in the page's words, give the label a value, and returns that. Empty: nobody knows the words.
func (s *setting) give(source, label string) string {
	spec := &s.project.project.Spec
	switch regexp.MustCompile("^(the project's|its|else its) |`").ReplaceAllString(source, "") {
	case "the user":
		s.instance.instance["metadata"].(map[string]any)["labels"] = map[string]any{label: "user"}
		return "user"
	case "the namespace's label":
		s.namespace.namespace.Labels = map[string]string{label: "namespace"}
		return "namespace"
	case "labels.defaults":
		spec.Labels.Defaults = v1alpha1.LabelMap{label: "project-default"}
		return "project-default"
	case "owner":
		spec.Owner = "project-owner"
		return spec.Owner
	case "contact":
		spec.Contact = "project-contact"
		return spec.Contact
	case "costCenter":
		spec.CostCenter = "project-cost-center"
		return spec.CostCenter
	case "name":
		return s.project.project.Name
	case "the RGD":
		s.rgd.rgd.Annotations = map[string]string{"kroguard.io/labels": label + ": rgd"}
		return "rgd"
	case "the instance's name":
		return "name-of-instance"
	}
	return ""
}

// label is the label that the instance gets; empty for none.
func (s *setting) label(t *testing.T, p *Platform, key string) string {
	t.Helper()
	snapshot := p.snapshot(t.Context(), []*object{&s.rgd, &s.project, &s.namespace})
	got, _, err := apply(t.Context(), snapshot, s.instance.instance)
	if err != nil {
		t.Fatal(err)
	}
	labels, _ := got["metadata"].(map[string]any)["labels"].(map[string]any)
	value, _ := labels[key].(string)
	return value
}

// TestLabelsComeFromWhereTheTableSays gives each label its sources from the weakest to the strongest: each must win over those
// before it, and no source that the table doesn't list may give anything.
func TestLabelsComeFromWhereTheTableSays(t *testing.T) {
	p := platform(t)
	known := []string{
		"the user", "the namespace's label", "labels.defaults", "contact", "owner", "costCenter", "name", "the RGD", "the instance's name",
	}
	checked := 0
	for _, row := range table(t, "docs/concepts.md", "labels") {
		if strings.HasPrefix(row[1], "kroguard;") {
			continue // what follows kroguard alone has tests of its own
		}
		keys := []string{"example.com/other"}
		if !strings.HasPrefix(row[0], "any other") {
			keys = strings.Split(strings.ReplaceAll(row[0], "`", ""), ", ")
		}
		// What comes behind the semicolon holds for a namespace of no project.
		listed, _, _ := strings.Cut(row[1], "; ")
		for _, key := range keys {
			t.Run(key, func(t *testing.T) { weakestFirst(t, p, key, strings.Split(listed, ", "), known) })
			checked++
		}
	}
	if checked < 8 {
		t.Errorf("%d labels checked, want all", checked)
	}
}

func weakestFirst(t *testing.T, p *Platform, key string, sources, known []string) {
	t.Helper()
	s := newSetting(p)
	for _, source := range slices.Backward(sources) {
		want := s.give(source, key)
		if want == "" {
			t.Fatalf("nobody knows the source %q", source)
		}
		if got := s.label(t, p, key); got != want {
			t.Errorf("%s: got %q, want %q", source, got, want)
		}
	}
	// The other way round: each source alone gives a value only if it is listed.
	listed := map[string]bool{}
	for _, source := range sources {
		listed[newSetting(p).give(source, key)] = true
	}
	for _, source := range known {
		alone := newSetting(p)
		value := alone.give(source, key)
		if got := alone.label(t, p, key); got == value && !listed[value] {
			t.Errorf("%s gives a value, and the table does not list it; it lists %v", source, slices.Sorted(maps.Keys(listed)))
		}
	}
}
