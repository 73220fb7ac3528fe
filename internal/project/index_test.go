package project_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kroguard/kroguard/internal/project"
	"github.com/kroguard/kroguard/policies/v1alpha1"
)

// claim makes a Project of namespace patterns and, optionally, a label selector.
func claim(t testing.TB, name string, patterns []string, selector map[string]string) *project.Claim {
	t.Helper()
	p := &v1alpha1.Project{ObjectMeta: metav1.ObjectMeta{Name: name}}
	p.Spec.Owner = "team-" + name
	p.Spec.Namespaces.Names = patterns
	if selector != nil {
		p.Spec.Namespaces.Selector = &metav1.LabelSelector{MatchLabels: selector}
	}
	c, errs := project.FromProject(p)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	return c
}

func knodex(t testing.TB, name string, namespaces ...string) *project.Claim {
	t.Helper()
	var destinations []any
	for _, namespace := range namespaces {
		destinations = append(destinations, map[string]any{"namespace": namespace})
	}
	c, errs, err := project.FromKnodex(map[string]any{
		"metadata": map[string]any{"name": name},
		"spec":     map[string]any{"description": "from Knodex", "destinations": destinations},
	})
	if err != nil || len(errs) > 0 {
		t.Fatal(err, errs)
	}
	return c
}

// render writes a resolution as one word.
func render(r project.Resolution) string {
	switch {
	case r.Project != nil:
		return r.Project.Name
	case len(r.Conflict) > 0:
		return fmt.Sprint("conflict ", r.Conflict)
	case r.Missing != "":
		return "missing " + r.Missing
	}
	return "none"
}

func TestResolve(t *testing.T) {
	tests := map[string]struct {
		claims    []*project.Claim
		namespace string
		labels    map[string]string
		want      string
	}{
		"a namespace that nobody claims has no project": {
			claims: []*project.Claim{claim(t, "a", []string{"x"}, nil)}, namespace: "y", want: "none",
		},
		"the label beats a name": {
			claims:    []*project.Claim{claim(t, "a", []string{"x"}, nil), claim(t, "b", nil, nil)},
			namespace: "x", labels: map[string]string{"kroguard.io/project": "b"}, want: "b",
		},
		"Knodex's label counts where kroguard's is absent": {
			claims:    []*project.Claim{claim(t, "a", []string{"x"}, nil), claim(t, "b", nil, nil)},
			namespace: "x", labels: map[string]string{"knodex.io/project": "b"}, want: "b",
		},
		"kroguard's label beats Knodex's": {
			claims:    []*project.Claim{claim(t, "a", nil, nil), claim(t, "b", nil, nil)},
			namespace: "x", labels: map[string]string{"kroguard.io/project": "a", "knodex.io/project": "b"}, want: "a",
		},
		"a label that names no project is no project, even where another claims the name": {
			claims:    []*project.Claim{claim(t, "a", []string{"x"}, nil)},
			namespace: "x", labels: map[string]string{"kroguard.io/project": "gone"}, want: "missing gone",
		},
		"an empty label says nothing": {
			claims:    []*project.Claim{claim(t, "a", []string{"x"}, nil)},
			namespace: "x", labels: map[string]string{"kroguard.io/project": ""}, want: "a",
		},
		"a name beats a glob": {
			claims:    []*project.Claim{claim(t, "a", []string{"pay-*"}, nil), claim(t, "b", []string{"pay-dev"}, nil)},
			namespace: "pay-dev", want: "b",
		},
		"a glob beats a selector": {
			claims:    []*project.Claim{claim(t, "a", nil, map[string]string{"env": "dev"}), claim(t, "b", []string{"pay-*"}, nil)},
			namespace: "pay-dev", labels: map[string]string{"env": "dev"}, want: "b",
		},
		"a selector claims what is left": {
			claims:    []*project.Claim{claim(t, "a", nil, map[string]string{"env": "dev"})},
			namespace: "pay-dev", labels: map[string]string{"env": "dev"}, want: "a",
		},
		"an empty selector claims everything that is left": {
			claims:    []*project.Claim{claim(t, "rest", nil, map[string]string{}), claim(t, "b", []string{"pay-*"}, nil)},
			namespace: "other", want: "rest",
		},
		"two equal names are a conflict": {
			claims:    []*project.Claim{claim(t, "b", []string{"x"}, nil), claim(t, "a", []string{"x"}, nil)},
			namespace: "x", want: "conflict [a b]",
		},
		"two globs are a conflict, however long": {
			claims:    []*project.Claim{claim(t, "a", []string{"*"}, nil), claim(t, "b", []string{"pay-de?"}, nil)},
			namespace: "pay-dev", want: "conflict [a b]",
		},
		"two selectors are a conflict": {
			claims:    []*project.Claim{claim(t, "a", nil, map[string]string{"env": "dev"}), claim(t, "b", nil, map[string]string{"env": "dev"})},
			namespace: "x", labels: map[string]string{"env": "dev"}, want: "conflict [a b]",
		},
		"a conflict of globs doesn't matter where a name decides": {
			claims:    []*project.Claim{claim(t, "a", []string{"*"}, nil), claim(t, "b", []string{"p*"}, nil), claim(t, "c", []string{"pay"}, nil)},
			namespace: "pay", want: "c",
		},
		"a project doesn't conflict with itself": {
			claims:    []*project.Claim{claim(t, "a", []string{"pay-*", "*-dev", "x"}, nil)},
			namespace: "pay-dev", want: "a",
		},
		"a Knodex project claims its destinations": {
			claims: []*project.Claim{knodex(t, "a", "x", "", "pay-*")}, namespace: "pay-dev", want: "a",
		},
		"a Knodex project yields to kroguard's of the same name, with all that it claims": {
			claims: []*project.Claim{knodex(t, "a", "x"), claim(t, "a", []string{"y"}, nil)}, namespace: "x", want: "none",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			known := project.NewIndex(tt.claims, []project.Namespace{{Name: tt.namespace, Labels: tt.labels}})
			if got := render(known.Resolve(tt.namespace, nil)); got != tt.want {
				t.Errorf("a known namespace resolves to %s, want %s", got, tt.want)
			}
			reversed := slices.Clone(tt.claims)
			slices.Reverse(reversed)
			fresh := project.NewIndex(reversed, nil)
			if got := render(fresh.Resolve(tt.namespace, tt.labels)); got != tt.want {
				t.Errorf("a brand-new namespace resolves to %s, want %s", got, tt.want)
			}
		})
	}
}

func TestStatusOfProjects(t *testing.T) {
	ix := project.NewIndex(
		[]*project.Claim{claim(t, "b", []string{"pay-*", "both", "future"}, nil), claim(t, "a", []string{"both", "future", "alone"}, nil)},
		[]project.Namespace{{Name: "pay-prod"}, {Name: "both"}, {Name: "pay-dev"}, {Name: "other"}, {Name: "l", Labels: map[string]string{"kroguard.io/project": "b"}}},
	)
	if diff := cmp.Diff([]string{"l", "pay-dev", "pay-prod"}, ix.Namespaces("b")); diff != "" {
		t.Errorf("namespaces (-want +got):\n%s", diff)
	}
	want := []project.Conflict{
		{Namespace: "both", Projects: []string{"a", "b"}},
		{Namespace: "future", Projects: []string{"a", "b"}},
	}
	for _, name := range []string{"a", "b"} {
		if diff := cmp.Diff(want, ix.Conflicts(name)); diff != "" {
			t.Errorf("conflicts of %s (-want +got):\n%s", name, diff)
		}
	}
	var names []string
	for _, p := range ix.Projects() {
		names = append(names, p.Name)
	}
	if diff := cmp.Diff([]string{"a", "b"}, names); diff != "" {
		t.Errorf("projects (-want +got):\n%s", diff)
	}
	if ix.ByName("a") == nil || ix.ByName("c") != nil {
		t.Error("ByName finds the wrong projects")
	}
}

func TestNilIndexKnowsNothing(t *testing.T) {
	var ix *project.Index
	if got := render(ix.Resolve("x", map[string]string{"kroguard.io/project": "a"})); got != "none" {
		t.Errorf("resolves to %s", got)
	}
	if ix.ByName("a") != nil || ix.Projects() != nil || ix.Namespaces("a") != nil || ix.Conflicts("a") != nil {
		t.Error("a nil index knows something")
	}
}

func benchmarkIndex(b *testing.B) (*project.Index, []project.Namespace) {
	b.Helper()
	var claims []*project.Claim
	var namespaces []project.Namespace
	for i := range 200 {
		name := fmt.Sprintf("p%03d", i)
		claims = append(claims, claim(b, name, []string{name, name + "-*"}, map[string]string{"project": name}))
		for _, suffix := range []string{"", "-dev", "-test", "-stage", "-prod"} {
			namespaces = append(namespaces, project.Namespace{Name: name + suffix})
		}
	}
	return project.NewIndex(claims, namespaces), namespaces
}

func BenchmarkResolveKnown(b *testing.B) {
	ix, _ := benchmarkIndex(b)
	b.ReportAllocs()
	for b.Loop() {
		if ix.Resolve("p150-prod", nil).Project == nil {
			b.Fatal("not resolved")
		}
	}
}

func BenchmarkResolveBrandNew(b *testing.B) {
	ix, _ := benchmarkIndex(b)
	b.ReportAllocs()
	for b.Loop() {
		if ix.Resolve("p150-new", nil).Project == nil {
			b.Fatal("not resolved")
		}
	}
}

func BenchmarkNewIndex(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		benchmarkIndex(b)
	}
}
