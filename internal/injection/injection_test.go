package injection_test

import (
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/json"

	"github.com/kroguard/kroguard/internal/injection"
	"github.com/kroguard/kroguard/internal/injection/injectiontest"
	"github.com/kroguard/kroguard/internal/patch"
	"github.com/kroguard/kroguard/internal/project"
	"github.com/kroguard/kroguard/internal/provenance"
	"github.com/kroguard/kroguard/policies/v1alpha1"
)

// settings are offerings and projects that get in each other's way as much as they can.
func settings(t testing.TB) []setting {
	t.Helper()
	offerings := []map[string]string{
		{},
		{"defaults": "size: large\nregion: eu\ntags: [a]"},
		{
			"defaults":          "host: ${object.spec.region}.example\nregion: \"${object.metadata.labels['team']}\"\ntags: ['${object.spec.host}']",
			"defaults.payments": "region: \"${has(object.metadata.annotations) ? 'annotated' : 'bare'}\"\nsize: ${object.spec.size}",
			"labels":            "tier: \"${object.metadata.labels['team']}\"\nregion: ${object.spec.region}\nteam: rgd\ncopy: \"${object.metadata.labels['team']}\"",
		},
		{
			"defaults":          "host: \"${has(object.spec.region) ? 'late' : 'early'}\"\nregion: ${project.?parameters.region}",
			"defaults.payments": "region: \"${object.metadata.labels['region']}\"",
			"labels":            "region: us\napp: ${object.spec.host}",
		},
	}
	projects := []*project.Project{
		nil,
		injectiontest.Project(t, nil, nil),
		injectiontest.Project(t, v1alpha1.LabelMap{"team": "enforced", "tier": "gold"}, v1alpha1.LabelMap{"region": "eu"}),
	}
	var all []setting
	for _, annotations := range offerings {
		o := injectiontest.Offering(t, injectiontest.WebApp, annotations)
		for _, p := range projects {
			all = append(all, setting{project: p, offering: o})
		}
	}
	return all
}

// generator makes instances as users, kubectl, Argo CD, kro and attackers might send them.
type generator struct{ *rand.Rand }

func (g generator) one(of ...string) string { return of[g.IntN(len(of))] }

// some returns a subset of entries, each with one of its values.
func (g generator) some(entries map[string][]string) string {
	var out []string
	for _, key := range slices.Sorted(maps.Keys(entries)) {
		if g.IntN(2) == 0 {
			out = append(out, `"`+key+`":`+g.one(entries[key]...))
		}
	}
	return "{" + strings.Join(out, ",") + "}"
}

func (g generator) spec() string {
	return g.some(map[string][]string{
		"image": {`"nginx"`}, "size": {`"small"`, `"large"`, `null`}, "region": {`"eu"`, `"mine"`, `{}`, `7`}, "host": {`"a.example"`, `null`},
		"tags": {`["a"]`, `[]`, `{"a":1}`},
	})
}

func (g generator) object() map[string]any {
	quote := func(text string) string {
		quoted, _ := json.Marshal(text)
		return string(quoted)
	}
	record := g.some(map[string][]string{
		"spec.size": {`"defaults"`, `"x"`}, "spec.region": {`"defaults"`, `"defaults.payments"`}, "spec.tags": {`"defaults"`},
		"labels.team": {`"project payments"`, `"offering webapp"`}, "labels.tier": {`"project payments"`, `"namespace payments-dev"`},
		"labels.region": {`"project payments"`},
	})
	metadata := g.some(map[string][]string{
		"name": {`"shop"`}, "generateName": {`"shop-"`},
		"labels": {`null`, `{}`, g.some(map[string][]string{
			"team": {`"mine"`, `"enforced"`, `"Team-Payments"`}, "tier": {`"gold"`, `"ns"`}, "region": {`"eu"`}, "kroguard.io/project": {`"payments"`, `"other"`},
		})},
		"annotations": {g.some(map[string][]string{
			"kroguard.io/injected":                             {quote(record), `"{"`, `"{}"`},
			"kroguard.io/created-by":                           {`"root"`},
			"kubectl.kubernetes.io/last-applied-configuration": {quote(`{"spec":` + g.spec() + `}`), `"null"`},
		})},
		"managedFields": {`[{"manager":"argocd","operation":"Apply","fieldsV1":{"f:spec":` + g.some(map[string][]string{
			"f:size": {`{}`}, "f:region": {`{}`}, "f:tags": {`{"v:\"a\"":{}}`},
		}) + `,"f:metadata":{"f:labels":` + g.some(map[string][]string{"f:team": {`{}`}, "f:tier": {`{}`}}) + `}}}]`},
	})
	var object map[string]any
	if err := json.Unmarshal([]byte(`{"metadata":`+metadata+`,"spec":`+g.spec()+`}`), &object); err != nil {
		panic(err)
	}
	return object
}

// TestMutationIsIdempotent mutates generated instances twice, as CREATE, and as UPDATE of generated ones and of ones that were
// mutated before.
func TestMutationIsIdempotent(t *testing.T) {
	const instances = 500
	g := generator{rand.New(rand.NewPCG(1, 2))}
	all := settings(t)
	injected := 0
	for range instances {
		s := all[g.IntN(len(all))]
		s.manager = g.one("", "argocd", "kubectl-edit")
		created := checkMutation(t, s, g.object(), nil)
		stored := all[g.IntN(len(all))]
		stored.manager = s.manager
		checkMutation(t, stored, g.object(), created)
		checkMutation(t, stored, g.object(), g.object())
		unchanged := checkMutation(t, stored, created, created)
		injected += len(provenance.ReadClaims(unchanged))
		if t.Failed() {
			return
		}
	}
	if injected == 0 {
		t.Error("the corpus is too tame: nothing was ever injected")
	}
}

// checkMutation mutates twice and returns the result.
func checkMutation(t *testing.T, s setting, object, old map[string]any) map[string]any {
	t.Helper()
	before := runtime.DeepCopyJSON(object)
	first := injection.Compute(s.input(object, old))
	once := patch.Apply(object, first.Sets)
	if diff := cmp.Diff(before, object); diff != "" {
		t.Errorf("the input was modified (-before +after):\n%s", diff)
	}
	second := injection.Compute(s.input(once, old))
	if operations := patch.Operations(once, second.Sets); len(operations) > 0 {
		before, _ := json.Marshal(object)
		old, _ := json.Marshal(old)
		t.Errorf("called again, it patches: %v\nobject: %s\nold: %s", operations, before, old)
	}
	if diff := cmp.Diff(first.Labels.Claims, second.Labels.Claims); diff != "" {
		t.Errorf("called again, it records something else (-once +twice):\n%s", diff)
	}
	return once
}

// FuzzMutation feeds hostile objects: nothing may panic, and a second call changes nothing.
func FuzzMutation(f *testing.F) {
	g := generator{rand.New(rand.NewPCG(3, 4))}
	for i := range 40 {
		object, _ := json.Marshal(g.object())
		old, _ := json.Marshal(g.object())
		f.Add(string(object), string(old), g.one("", "argocd"), uint(i))
	}
	f.Add(`{"metadata":7,"spec":"x"}`, `{"metadata":{"annotations":{"kroguard.io/injected":"{\"spec.a\":\"x\"}"}},"spec":{"a":{"b":1}}}`, "", uint(3))
	all := settings(f)
	f.Fuzz(func(t *testing.T, objectText, oldText, manager string, index uint) {
		var object, old map[string]any
		if json.Unmarshal([]byte(objectText), &object) != nil || object == nil {
			return
		}
		if oldText != "" && json.Unmarshal([]byte(oldText), &old) != nil {
			return
		}
		s := all[index%uint(len(all))]
		s.manager = manager
		checkMutation(t, s, object, old)
	})
}

func BenchmarkCompute(b *testing.B) {
	s := settings(b)[5]
	s.manager = "argocd"
	object := map[string]any{
		"metadata": map[string]any{"name": "shop", "managedFields": []any{map[string]any{
			"manager": "argocd", "operation": "Apply", "fieldsV1": map[string]any{"f:spec": map[string]any{"f:image": map[string]any{}}},
		}}},
		"spec": map[string]any{"image": "nginx", "size": "small"},
	}
	b.ReportAllocs()
	for b.Loop() {
		result := injection.Compute(s.input(object, nil))
		if len(patch.Operations(object, result.Sets)) == 0 {
			b.Fatal("nothing injected")
		}
	}
}
