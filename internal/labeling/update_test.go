package labeling_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kroguard/kroguard/internal/injection/injectiontest"
	"github.com/kroguard/kroguard/internal/labeling"
	"github.com/kroguard/kroguard/internal/project"
	"github.com/kroguard/kroguard/policies/v1alpha1"
)

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
			s := setting{offering: injectiontest.Offering(t, injectiontest.WebApp, nil), namespace: project.Namespace{Name: "payments-dev"}, manager: tt.manager, user: "jane"}
			if !tt.noProject {
				s.project = injectiontest.Project(t, tt.enforced, nil)
			}
			object := injectiontest.Object(t, `{"metadata":{`+tt.now+`},"spec":{}}`)
			got, _ := mutateTwice(t, s, object, injectiontest.Object(t, `{"metadata":{`+tt.old+`},"spec":{}}`))
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
