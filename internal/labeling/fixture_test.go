package labeling_test

import (
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kroguard/kroguard/internal/defaulting"
	"github.com/kroguard/kroguard/internal/expression"
	"github.com/kroguard/kroguard/internal/labeling"
	"github.com/kroguard/kroguard/internal/offering"
	"github.com/kroguard/kroguard/internal/patch"
	"github.com/kroguard/kroguard/internal/project"
)

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
