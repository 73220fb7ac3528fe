package crds

import (
	"strings"
	"testing"
)

const smallestProject = `
apiVersion: kroguard.io/v1alpha1
kind: Project
metadata: {name: payments}
spec: {owner: team-payments}
`

func TestProject(t *testing.T) {
	long := strings.Repeat("x", 64)
	causes := refuse(t, smallestProject, map[string]refusal{
		"a spec is required": {
			patch: `{spec: null}`,
			want:  []string{"spec: Required value"},
		},
		"an owner is required": {
			patch: `{spec: {owner: null}}`,
			want:  []string{"spec.owner: Required value"},
		},
		"an owner is not empty": {
			patch: `{spec: {owner: ""}}`,
			want:  []string{`spec.owner: Invalid value: "": spec.owner in body should be at least 1 chars long`},
		},
		"a name is no longer than a label value": {
			patch: `{metadata: {name: ` + long + `}}`,
			want:  []string{"metadata: Invalid value: the name becomes a label value: at most 63 characters"},
		},
		"a namespace pattern is a name or a glob": {
			patch: `{spec: {namespaces: {names: [Payments, "pay ments", "-a", "[a]"]}}}`,
			want: []string{
				`spec.namespaces.names[0]: Invalid value: "Payments": spec.namespaces.names[0] in body should match '^[a-z0-9*?]([-a-z0-9*?]*[a-z0-9*?])?$'`,
				`spec.namespaces.names[1]: Invalid value: "pay ments": spec.namespaces.names[1] in body should match '^[a-z0-9*?]([-a-z0-9*?]*[a-z0-9*?])?$'`,
				`spec.namespaces.names[2]: Invalid value: "-a": spec.namespaces.names[2] in body should match '^[a-z0-9*?]([-a-z0-9*?]*[a-z0-9*?])?$'`,
				`spec.namespaces.names[3]: Invalid value: "[a]": spec.namespaces.names[3] in body should match '^[a-z0-9*?]([-a-z0-9*?]*[a-z0-9*?])?$'`,
			},
		},
		"a namespace pattern is not empty": {
			patch: `{spec: {namespaces: {names: [""]}}}`,
			want:  []string{`spec.namespaces.names[0]: Invalid value: "": spec.namespaces.names[0] in body should be at least 1 chars long`},
		},
		"a namespace is named once": {
			patch: `{spec: {namespaces: {names: [a, b, a]}}}`,
			want:  []string{`spec.namespaces.names[2]: Duplicate value: "a"`},
		},
		"an enforced label key is a label key": {
			patch: `{spec: {labels: {enforced: {"cost center": x}}}}`,
			want:  []string{"spec.labels.enforced: Invalid value: a label key is a name of at most 63 characters, with a DNS prefix at most: team, example.com/team"},
		},
		"a default label key is a label key": {
			patch: `{spec: {labels: {defaults: {"-team": x}}}}`,
			want:  []string{"spec.labels.defaults: Invalid value: a label key is a name of at most 63 characters, with a DNS prefix at most: team, example.com/team"},
		},
		"a label key's name has at most 63 characters": {
			patch: `{spec: {labels: {defaults: {` + long + `: x}}}}`,
			want:  []string{"spec.labels.defaults: Invalid value: a label key is a name of at most 63 characters, with a DNS prefix at most: team, example.com/team"},
		},
		"a label value is a label value": {
			patch: `{spec: {labels: {enforced: {team: "the payments team"}, defaults: {env: "-dev"}}}}`,
			want: []string{
				"spec.labels.defaults: Invalid value: a label value has at most 63 characters of [A-Za-z0-9_.-] and begins and ends with a letter or digit",
				"spec.labels.enforced: Invalid value: a label value has at most 63 characters of [A-Za-z0-9_.-] and begins and ends with a letter or digit",
			},
		},
		"a label value has at most 63 characters": {
			patch: `{spec: {labels: {enforced: {team: ` + long + `}}}}`,
			want:  []string{"spec.labels.enforced.team: Too long: may not be more than 63 bytes"},
		},
		"labels of kro, ApplySet, kroguard and managed-by are not a project's": {
			patch: `{spec: {labels: {enforced: {
                kro.run/owned: "true", internal.kro.run/owned: "true", kroguard.io/project: x}, defaults: {
                applyset.kubernetes.io/part-of: x, app.kubernetes.io/managed-by: helm}}}}`,
			want: []string{
				"spec.labels.defaults: Invalid value: labels of kro, ApplySet and kroguard, and app.kubernetes.io/managed-by, belong to those who write them",
				"spec.labels.enforced: Invalid value: labels of kro, ApplySet and kroguard, and app.kubernetes.io/managed-by, belong to those who write them",
			},
		},
		"a label is not enforced and a default": {
			patch: `{spec: {labels: {enforced: {team: a}, defaults: {team: b}}}}`,
			want:  []string{"spec.labels: Invalid value: a label is either enforced or a default, not both"},
		},
		"parameters are an object": {
			patch: `{spec: {parameters: [1, 2]}}`,
			want:  []string{`spec.parameters: Invalid value: "array": spec.parameters in body must be of type object: "array"`},
		},
		"an allowed offering is said somehow": {
			patch: `{spec: {offerings: {allow: [{}]}}}`,
			want:  []string{"spec.offerings.allow[0]: Invalid value: give at least one of names, categories, selector"},
		},
		"a denied offering is said somehow": {
			patch: `{spec: {offerings: {deny: [{names: [a]}, {}]}}}`,
			want:  []string{"spec.offerings.deny[1]: Invalid value: give at least one of names, categories, selector"},
		},
		"an offering's names and categories are not empty lists": {
			patch: `{spec: {offerings: {allow: [{names: [], categories: []}]}}}`,
			want: []string{
				"spec.offerings.allow[0].categories: Invalid value: 0: spec.offerings.allow[0].categories in body should have at least 1 items",
				"spec.offerings.allow[0].names: Invalid value: 0: spec.offerings.allow[0].names in body should have at least 1 items",
			},
		},
		"an offering's names and categories are not empty": {
			patch: `{spec: {offerings: {deny: [{names: [""], categories: [""]}]}}}`,
			want: []string{
				`spec.offerings.deny[0].categories[0]: Invalid value: "": spec.offerings.deny[0].categories[0] in body should be at least 1 chars long`,
				`spec.offerings.deny[0].names[0]: Invalid value: "": spec.offerings.deny[0].names[0] in body should be at least 1 chars long`,
			},
		},
		"an offering's names and categories are named once": {
			patch: `{spec: {offerings: {
				allow: [{names: [a, a], categories: [b, b]}],
				deny: [{names: [a, a], categories: [b, b]}]}}}`,
			want: []string{
				`spec.offerings.allow[0].categories[1]: Duplicate value: "b"`,
				`spec.offerings.allow[0].names[1]: Duplicate value: "a"`,
				`spec.offerings.deny[0].categories[1]: Duplicate value: "b"`,
				`spec.offerings.deny[0].names[1]: Duplicate value: "a"`,
			},
		},
	})
	covered(t, "projects", causes)
	accept(t, smallestProject, map[string]string{
		"nothing but an owner":                    `{}`,
		"a name of 63 characters":                 `{metadata: {name: ` + long[1:] + `}}`,
		"a label key with a prefix":               `{spec: {labels: {enforced: {example.com/cost-center: x}}}}`,
		"a label key of 63 characters":            `{spec: {labels: {enforced: {` + long[1:] + `: x}}}}`,
		"another label of app.kubernetes.io":      `{spec: {labels: {defaults: {app.kubernetes.io/part-of: shop}}}}`,
		"a label whose prefix only ends like kro": `{spec: {labels: {defaults: {notkro.run/x: "1"}}}}`,
		"an empty label value":                    `{spec: {labels: {defaults: {team: ""}}}}`,
		"64 labels with long keys and values":     `{spec: {labels: {enforced: ` + manyLabels(64) + `}}}`,
	})
}

// manyLabels is a YAML map of labels as long as they may be: with them the rules cost the most.
func manyLabels(n int) string {
	prefix := strings.Repeat("a", 253-3)
	var b strings.Builder
	b.WriteString("{")
	for i := range n {
		suffix := string([]byte{byte('a' + i/26), byte('a' + i%26)})
		b.WriteString(prefix + "." + suffix + "/" + strings.Repeat("k", 63) + ": " + strings.Repeat("v", 63) + ", ")
	}
	b.WriteString("}")
	return b.String()
}
