package labeling_test

import (
	"maps"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kroguard/kroguard/internal/injection/injectiontest"
	"github.com/kroguard/kroguard/internal/labeling"
	"github.com/kroguard/kroguard/internal/project"
	"github.com/kroguard/kroguard/policies/v1alpha1"
)

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
				project: injectiontest.Project(t, tt.enforced, tt.defaults), offering: injectiontest.Offering(t, injectiontest.WebApp, annotations),
				namespace: project.Namespace{Name: "payments-dev", Labels: tt.namespace}, user: "jane",
			}
			got, result := mutateTwice(t, s, injectiontest.Object(t, `{"metadata":{`+tt.metadata+`},"spec":{"image":"nginx"}}`), nil)
			if diff := cmp.Diff(tt.want, texts(got, "labels")); diff != "" {
				t.Errorf("labels (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.skipped, result.Skipped); diff != "" {
				t.Errorf("skipped (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRecordNamesEverySource(t *testing.T) {
	s := setting{
		project:   injectiontest.Project(t, v1alpha1.LabelMap{"dc": "eu1"}, nil),
		offering:  injectiontest.Offering(t, injectiontest.WebApp, map[string]string{"defaults.payments": "region: eu-central-1", "labels": "tier: gold"}),
		namespace: project.Namespace{Name: "payments-dev", Labels: map[string]string{"env": "dev"}}, user: "jane",
	}
	got, _ := mutateTwice(t, s, injectiontest.Object(t, `{"metadata":{"name":"shop","labels":{"owner":"me"}},"spec":{}}`), nil)
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

func TestInventedRecordIsNotKept(t *testing.T) {
	tests := map[string]string{
		"another source": `{"metadata":{"name":"shop","labels":{"team":"Team-Payments"},` + recordOf(`{"labels.team":"the king"}`) + `}}`,
		"another value":  `{"metadata":{"name":"shop","labels":{"team":"mine"},` + recordOf(`{"labels.team":"project payments"}`) + `}}`,
	}
	for name, object := range tests {
		t.Run(name, func(t *testing.T) {
			s := setting{project: injectiontest.Project(t, nil, nil), offering: injectiontest.Offering(t, injectiontest.WebApp, nil), user: "jane"}
			_, result := mutateTwice(t, s, injectiontest.Object(t, object), nil)
			if source, ok := result.Claims["labels.team"]; ok {
				t.Errorf("the record says that %q gave the label", source)
			}
		})
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
				return injectiontest.Object(t, `{"metadata":{"name":"shop","labels":{"kroguard.io/offering":"webapp"},"annotations":`+annotations+`},"spec":{}}`)
			}
			s := setting{offering: injectiontest.Offering(t, injectiontest.WebApp, nil), user: tt.user}
			got, _ := mutateTwice(t, s, wrap(tt.now), wrap(tt.old))
			annotations := texts(got, "annotations")
			delete(annotations, "kroguard.io/injected")
			if diff := cmp.Diff(tt.want, annotations); diff != "" {
				t.Errorf("annotations (-want +got):\n%s", diff)
			}
		})
	}
}
