package labeling_test

import (
	"maps"
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

func TestLabelsOnCreate(t *testing.T) {
	always := map[string]string{
		"team": "Team-Payments", "owner": "pay-example.com", "cost-center": "CC-42", "app": "shop",
		"app.kubernetes.io/part-of": "payments", "kroguard.io/project": "payments", "kroguard.io/offering": "webapp",
	}
	with := func(changes map[string]string) map[string]string {
		out := maps.Clone(always)
		maps.Copy(out, changes)
		return out
	}
	tests := map[string]struct {
		enforced, defaults v1alpha1.LabelMap
		template           string
		namespace          map[string]string
		metadata           string
		want               map[string]string
		skipped            []labeling.Skipped
	}{
		"owner, contact, cost center and names become labels": {
			metadata: `"name":"shop"`, want: always,
		},
		"under generateName the app is what the name is made from": {
			metadata: `"generateName":"shop-"`, want: always,
		},
		"what the user wrote stays": {
			metadata: `"name":"shop","labels":{"team":"mine","x":"y"}`, want: with(map[string]string{"team": "mine", "x": "y"}),
		},
		"a label that the user left empty stays": {
			metadata: `"name":"shop","labels":{"team":""}`, want: with(map[string]string{"team": ""}),
		},
		"the namespace's label beats the project's default, and that the project's fields": {
			namespace: map[string]string{"env": "dev", "team": "ns", "other": "x"},
			defaults:  v1alpha1.LabelMap{"team": "default", "owner": "default", "department": "fin"},
			metadata:  `"name":"shop"`,
			want:      with(map[string]string{"team": "ns", "owner": "default", "department": "fin", "env": "dev"}),
		},
		"an enforced label beats the namespace and the RGD": {
			enforced:  v1alpha1.LabelMap{"team": "enforced", "dc": "eu1"},
			namespace: map[string]string{"team": "ns"},
			template:  "dc: us1",
			metadata:  `"name":"shop"`, want: with(map[string]string{"team": "enforced", "dc": "eu1"}),
		},
		"a user's other value of an enforced label is left for validation to refuse": {
			enforced: v1alpha1.LabelMap{"team": "enforced"},
			metadata: `"name":"shop","labels":{"team":"mine"}`, want: with(map[string]string{"team": "mine"}),
		},
		"the RGD's labels come last, made valid, and see the defaulted object": {
			template: "app: web\nteam: rgd\nsize: size ${object.spec.size}!\ntier: ${project.parameters.tier}",
			metadata: `"name":"shop"`, want: with(map[string]string{"app": "web", "size": "size-large"}),
			skipped: []labeling.Skipped{{Key: "tier", Source: "offering webapp", Reason: "${project.parameters.tier}: no such key: tier"}},
		},
		"labels that are no object are replaced": {
			metadata: `"name":"shop","labels":null`, want: always,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			annotations := map[string]string{"defaults": "size: large"}
			if tt.template != "" {
				annotations["labels"] = tt.template
			}
			s := setting{
				project: payments(t, tt.enforced, tt.defaults), offering: offeringWith(t, annotations),
				namespace: project.Namespace{Name: "payments-dev", Labels: tt.namespace}, user: "jane",
			}
			got, result := mutateTwice(t, s, decode(t, `{"metadata":{`+tt.metadata+`},"spec":{"image":"nginx"}}`), nil)
			if diff := cmp.Diff(tt.want, texts(got, "labels")); diff != "" {
				t.Errorf("labels (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.skipped, result.Skipped); diff != "" {
				t.Errorf("skipped (-want +got):\n%s", diff)
			}
		})
	}
}

func TestLabelsOnUpdate(t *testing.T) {
	const follows = `"kroguard.io/project":"payments","kroguard.io/offering":"webapp"`
	tests := map[string]struct {
		enforced v1alpha1.LabelMap
		// noProject takes the namespace out of its project.
		noProject       bool
		old, now        string
		manager         string
		want            map[string]string
		record          string
		recordIsAbsent  bool
		conflictingKeys []string
	}{
		"an instance that predates kroguard gets the labels that follow the project, and no others": {
			enforced: v1alpha1.LabelMap{"dc": "eu1"},
			old:      `"name":"shop"`, now: `"name":"shop"`,
			want:   map[string]string{"dc": "eu1", "kroguard.io/project": "payments", "kroguard.io/offering": "webapp"},
			record: `{"labels.dc":"project payments","labels[\"kroguard.io/offering\"]":"offering webapp","labels[\"kroguard.io/project\"]":"project payments"}`,
		},
		"an injected label that the update drops comes back with its old value": {
			old:    `"name":"shop","labels":{"team":"Old-Team",` + follows + `},` + recordOf(`{"labels.team":"project payments"}`),
			now:    `"name":"shop","labels":{` + follows + `},` + recordOf(`{}`),
			want:   map[string]string{"team": "Old-Team", "kroguard.io/project": "payments", "kroguard.io/offering": "webapp"},
			record: `{"labels.team":"project payments"}`,
		},
		"an injected label sticks though nothing gives it any more": {
			old:    `"name":"shop","labels":{"tier":"gold",` + follows + `},` + recordOf(`{"labels.tier":"offering webapp"}`),
			now:    `"name":"shop","labels":{` + follows + `}`,
			want:   map[string]string{"tier": "gold", "kroguard.io/project": "payments", "kroguard.io/offering": "webapp"},
			record: `{"labels.tier":"offering webapp"}`,
		},
		"a label that the user changes is the user's from now on": {
			old:    `"name":"shop","labels":{"team":"Old-Team",` + follows + `},` + recordOf(`{"labels.team":"project payments"}`),
			now:    `"name":"shop","labels":{"team":"mine",` + follows + `},` + recordOf(`{"labels.team":"project payments"}`),
			want:   map[string]string{"team": "mine", "kroguard.io/project": "payments", "kroguard.io/offering": "webapp"},
			record: `{}`,
		},
		"a label of the user's own that the update takes away gets today's default": {
			old:    `"name":"shop","labels":{"team":"mine",` + follows + `}`,
			now:    `"name":"shop","labels":{` + follows + `}`,
			want:   map[string]string{"team": "Team-Payments", "kroguard.io/project": "payments", "kroguard.io/offering": "webapp"},
			record: `{"labels.team":"project payments"}`,
		},
		"an injected label follows when the project comes to enforce another value": {
			enforced: v1alpha1.LabelMap{"team": "new"},
			old:      `"name":"shop","labels":{"team":"Old-Team",` + follows + `},` + recordOf(`{"labels.team":"project payments"}`),
			now:      `"name":"shop","labels":{"team":"Old-Team",` + follows + `},` + recordOf(`{"labels.team":"project payments"}`),
			want:     map[string]string{"team": "new", "kroguard.io/project": "payments", "kroguard.io/offering": "webapp"},
			record:   `{"labels.team":"project payments"}`,
		},
		"a user's own label stays when the project comes to enforce another value, and is refused": {
			enforced:        v1alpha1.LabelMap{"team": "new"},
			old:             `"name":"shop","labels":{"team":"mine",` + follows + `}`,
			now:             `"name":"shop","labels":{"team":"mine",` + follows + `}`,
			want:            map[string]string{"team": "mine", "kroguard.io/project": "payments", "kroguard.io/offering": "webapp"},
			recordIsAbsent:  true,
			conflictingKeys: []string{"team"},
		},
		"a user who overwrites an enforced label is refused, not overwritten": {
			enforced:        v1alpha1.LabelMap{"team": "new"},
			old:             `"name":"shop","labels":{"team":"new",` + follows + `},` + recordOf(`{"labels.team":"project payments"}`),
			now:             `"name":"shop","labels":{"team":"mine",` + follows + `},` + recordOf(`{"labels.team":"project payments"}`),
			want:            map[string]string{"team": "mine", "kroguard.io/project": "payments", "kroguard.io/offering": "webapp"},
			record:          `{}`,
			conflictingKeys: []string{"team"},
		},
		"a record that only the update brings makes no label injected": {
			enforced:        v1alpha1.LabelMap{"team": "new"},
			old:             `"name":"shop","labels":{"team":"mine",` + follows + `}`,
			now:             `"name":"shop","labels":{"team":"mine",` + follows + `},` + recordOf(`{"labels.team":"project payments"}`),
			want:            map[string]string{"team": "mine", "kroguard.io/project": "payments", "kroguard.io/offering": "webapp"},
			record:          `{}`,
			conflictingKeys: []string{"team"},
		},
		"server-side apply that takes a label over makes it the user's": {
			manager: "argocd",
			old:     `"name":"shop","labels":{"team":"Old-Team",` + follows + `},` + recordOf(`{"labels.team":"project payments"}`),
			now: `"name":"shop","labels":{"team":"Old-Team",` + follows + `},` + recordOf(`{"labels.team":"project payments"}`) +
				`,"managedFields":[{"manager":"argocd","operation":"Apply","fieldsV1":{"f:metadata":{"f:labels":{"f:team":{}}}}}]`,
			want:   map[string]string{"team": "Old-Team", "kroguard.io/project": "payments", "kroguard.io/offering": "webapp"},
			record: `{}`,
		},
		"out of the project, the label that names it is emptied": {
			noProject: true,
			old:       `"name":"shop","labels":{` + follows + `},` + recordOf(`{"labels[\"kroguard.io/project\"]":"project payments"}`),
			now:       `"name":"shop","labels":{` + follows + `},` + recordOf(`{"labels[\"kroguard.io/project\"]":"project payments"}`),
			want:      map[string]string{"kroguard.io/project": "", "kroguard.io/offering": "webapp"},
			record:    `{"labels[\"kroguard.io/project\"]":"no project"}`,
		},
		"nobody claims a project that the instance isn't of": {
			noProject:       true,
			old:             `"name":"shop","labels":{"kroguard.io/offering":"webapp"}`,
			now:             `"name":"shop","labels":{` + follows + `}`,
			want:            map[string]string{"kroguard.io/project": "payments", "kroguard.io/offering": "webapp"},
			recordIsAbsent:  true,
			conflictingKeys: []string{"kroguard.io/project"},
		},
		"a recorded label of kro's is not brought back": {
			old:            `"name":"shop","labels":{"kro.run/owned":"true",` + follows + `},` + recordOf(`{"labels[\"kro.run/owned\"]":"x"}`),
			now:            `"name":"shop","labels":{` + follows + `}`,
			want:           map[string]string{"kroguard.io/project": "payments", "kroguard.io/offering": "webapp"},
			recordIsAbsent: true,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s := setting{offering: offeringWith(t, nil), namespace: project.Namespace{Name: "payments-dev"}, manager: tt.manager, user: "jane"}
			if !tt.noProject {
				s.project = payments(t, tt.enforced, nil)
			}
			object := decode(t, `{"metadata":{`+tt.now+`},"spec":{}}`)
			got, _ := mutateTwice(t, s, object, decode(t, `{"metadata":{`+tt.old+`},"spec":{}}`))
			if diff := cmp.Diff(tt.want, texts(got, "labels")); diff != "" {
				t.Errorf("labels (-want +got):\n%s", diff)
			}
			record, ok := texts(got, "annotations")["kroguard.io/injected"]
			if ok == tt.recordIsAbsent || record != tt.record {
				t.Errorf("record = %s, %t; want %s, %t", record, ok, tt.record, !tt.recordIsAbsent)
			}
			var conflicting []string
			for _, conflict := range labeling.CheckEnforced(got, s.project, s.offering) {
				conflicting = append(conflicting, conflict.Key)
			}
			if diff := cmp.Diff(tt.conflictingKeys, conflicting); diff != "" {
				t.Errorf("conflicts (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRecordNamesEverySource(t *testing.T) {
	s := setting{
		project:   payments(t, v1alpha1.LabelMap{"dc": "eu1"}, nil),
		offering:  offeringWith(t, map[string]string{"defaults.payments": "region: eu-central-1", "labels": "tier: gold"}),
		namespace: project.Namespace{Name: "payments-dev", Labels: map[string]string{"env": "dev"}}, user: "jane",
	}
	got, _ := mutateTwice(t, s, decode(t, `{"metadata":{"name":"shop","labels":{"owner":"me"}},"spec":{}}`), nil)
	want := map[string]string{
		"kroguard.io/created-by": "jane",
		"kroguard.io/injected": `{"labels.app":"instance","labels.dc":"project payments","labels.env":"namespace payments-dev",` +
			`"labels.team":"project payments","labels.tier":"offering webapp","labels[\"app.kubernetes.io/part-of\"]":"project payments",` +
			`"labels[\"cost-center\"]":"project payments","labels[\"kroguard.io/offering\"]":"offering webapp",` +
			`"labels[\"kroguard.io/project\"]":"project payments","spec.region":"defaults.payments"}`,
	}
	if diff := cmp.Diff(want, texts(got, "annotations")); diff != "" {
		t.Errorf("annotations (-want +got):\n%s", diff)
	}
}

func TestCreatedBy(t *testing.T) {
	tests := map[string]struct {
		old, now, user string
		want           map[string]string
	}{
		"CREATE writes the user, whatever the manifest says": {
			now: `{"kroguard.io/created-by":"root"}`, user: "jane", want: map[string]string{"kroguard.io/created-by": "jane"},
		},
		"CREATE offline, by nobody, writes nothing": {now: `{}`, want: map[string]string{}},
		"UPDATE by somebody else keeps the creator": {
			old: `{"kroguard.io/created-by":"jane"}`, now: `{"kroguard.io/created-by":"jane"}`, user: "joe",
			want: map[string]string{"kroguard.io/created-by": "jane"},
		},
		"UPDATE that drops or forges it gets it back": {
			old: `{"kroguard.io/created-by":"jane"}`, now: `{"kroguard.io/created-by":"root"}`, user: "joe",
			want: map[string]string{"kroguard.io/created-by": "jane"},
		},
		"UPDATE of an instance whose creator nobody knows tells nothing": {
			old: `{}`, now: `{"kroguard.io/created-by":"root"}`, user: "joe", want: map[string]string{"kroguard.io/created-by": ""},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			wrap := func(annotations string) map[string]any {
				if annotations == "" {
					return nil
				}
				return decode(t, `{"metadata":{"name":"shop","labels":{"kroguard.io/offering":"webapp"},"annotations":`+annotations+`},"spec":{}}`)
			}
			s := setting{offering: offeringWith(t, nil), user: tt.user}
			got, _ := mutateTwice(t, s, wrap(tt.now), wrap(tt.old))
			annotations := texts(got, "annotations")
			delete(annotations, "kroguard.io/injected")
			if diff := cmp.Diff(tt.want, annotations); diff != "" {
				t.Errorf("annotations (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCheckEnforced(t *testing.T) {
	object := decode(t, `{"metadata":{"labels":{"team":"mine","kroguard.io/offering":"webapp","dc":"eu1"}}}`)
	got := labeling.CheckEnforced(object, payments(t, v1alpha1.LabelMap{"team": "pay", "dc": "eu1", "a.b/c": "x"}, nil), offeringWith(t, nil))
	want := []labeling.Conflict{
		{Key: "a.b/c", Want: "x"},
		{Key: "kroguard.io/project", Want: "payments"},
		{Key: "team", Want: "pay", Got: "mine"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("conflicts (-want +got):\n%s", diff)
	}
	if field := got[0].Field(); field != `metadata.labels["a.b/c"]` {
		t.Errorf("Field() = %s", field)
	}
	if got := labeling.CheckEnforced(nil, nil, nil); got != nil {
		t.Errorf("nothing conflicts with %v", got)
	}
}

func BenchmarkCompute(b *testing.B) {
	p, o := payments(b, v1alpha1.LabelMap{"dc": "eu1"}, v1alpha1.LabelMap{"tier": "gold"}), offeringWith(b, map[string]string{"labels": "size: ${object.spec.size}"})
	object := decode(b, `{"metadata":{"name":"shop","labels":{"x":"y"}},"spec":{"image":"nginx","size":"small"}}`)
	change := defaulting.Examine(object, nil, "", o)
	b.ReportAllocs()
	for b.Loop() {
		result := labeling.Compute(labeling.Input{
			Change: change, Object: object, Project: p, Offering: o, User: "jane", Keys: labeling.DefaultKeys(),
			Namespace: project.Namespace{Name: "payments-dev", Labels: map[string]string{"env": "dev"}},
		})
		if len(result.Sets) != 13 {
			b.Fatalf("%d sets, want 13", len(result.Sets))
		}
	}
}
