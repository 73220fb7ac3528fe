package render_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kroguard/kroguard/internal/render"
)

const (
	tenant = `
apiVersion: kro.run/v1alpha1
kind: ResourceGraphDefinition
metadata: {name: tenant}
spec:
  schema: {apiVersion: v1, kind: Tenant, scope: Cluster, spec: {team: string}}
  resources:
  - id: space
    template: {apiVersion: v1, kind: Namespace, metadata: {name: "${schema.spec.team}"}}
  - id: database
    template:
      apiVersion: platform.example.com/v1
      kind: Database
      metadata: {name: "${schema.spec.team}-db", namespace: "${space.metadata.name}"}
      spec: {owner: "${space.metadata.uid}"}
  - id: dashboard
    template:
      apiVersion: v1
      kind: ConfigMap
      metadata: {name: dashboard, namespace: "${space.metadata.name}"}
      data: {endpoint: "${database.status.endpoint}", size: "${database.spec.size}"}
`
	database = `
apiVersion: kro.run/v1alpha1
kind: ResourceGraphDefinition
metadata: {name: database}
spec:
  schema:
    group: platform.example.com
    apiVersion: v1
    kind: Database
    spec: {size: string | default="small", owner: string | default="nobody", backup: boolean | default=true}
    status: {endpoint: "${service.metadata.name}"}
  resources:
  - id: service
    template: {apiVersion: v1, kind: Service, metadata: {name: "${schema.metadata.name}"}, spec: {ports: [{port: 5432}]}}
  - id: backup
    includeWhen: ["${schema.spec.backup}"]
    template:
      apiVersion: v1
      kind: ConfigMap
      metadata: {name: "${schema.metadata.name}-backup"}
      data:
        size: ${schema.spec.size}
        owner: ${schema.spec.owner}
        hasOwner: "${has(schema.spec.owner) ? 'yes' : 'no'}"
        ip: ${service.spec.clusterIP}
  - id: owned
    includeWhen: ["${schema.spec.owner != ''}"]
    template: {apiVersion: v1, kind: ConfigMap, metadata: {name: owned}}
`
	tenantInstance = "{apiVersion: kro.run/v1, kind: Tenant, metadata: {name: t}, spec: {team: pay}}"
)

func TestNestedInstancesAreExpandedAsAdmissionLeavesThem(t *testing.T) {
	set := newSet(t, render.Options{}, tenant, database)
	var admitted []any
	got, err := set.Render(t.Context(), object(t, tenantInstance), func(nested map[string]any, offering string) map[string]any {
		admitted = append(admitted, offering, nested["spec"].(map[string]any)["size"], nested["spec"].(map[string]any)["owner"])
		nested["spec"].(map[string]any)["size"] = "large"
		nested["spec"].(map[string]any)["owner"] = "guessed"
		return nested
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]any{"database", "small", nil}, admitted); diff != "" {
		t.Errorf("what admission sees, -want +got:\n%s", diff)
	}
	if diff := cmp.Diff([]string{
		"space Resolved",
		`database Partial: it waits for "space" .spec.owner [space.metadata.uid] [space]`,
		"database/service Resolved",
		`database/backup Partial: it waits for "database/service", "space"` +
			" .data.hasOwner [has(schema.spec.owner) ? 'yes' : 'no'] [space]" +
			" .data.ip [service.spec.clusterIP] [database/service]" +
			" .data.owner [schema.spec.owner] [space]",
		`database/owned Unknown: includeWhen ${schema.spec.owner != ''} waits for "space"`,
		`dashboard Partial: it waits for "database" .data.endpoint [database.status.endpoint] [database]` +
			" .data.size [database.spec.size] [database]",
	}, summary(got)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	nested, backup := got.Resources[1], got.Resources[3]
	if diff := cmp.Diff(object(t, `{size: large, backup: true}`), nested.Object["spec"]); diff != "" || nested.Offering != "database" {
		t.Errorf("%s: -want +got:\n%s", nested.Offering, diff)
	}
	if diff := cmp.Diff(object(t, `{size: large}`), backup.Object["data"]); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if labels := backup.Object["metadata"].(map[string]any)["labels"].(map[string]any); labels["kro.run/instance-name"] != "pay-db" ||
		labels["kro.run/instance-namespace"] != "pay" || labels["kro.run/instance-kind"] != "Database" {
		t.Error(labels)
	}
}

func TestNestedInstancesWithoutANameLeaveWhatTheyExpandIntoPartial(t *testing.T) {
	outer := graphOf("{}", configMap("a", "a", "{}")+`
  - id: db
    template: {apiVersion: platform.example.com/v1, kind: Database, metadata: {name: "${a.metadata.uid}"}, spec: {}}`)
	got, err := newSet(t, render.Options{}, outer, database).Render(t.Context(), thing(t, "{}"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(`db/service Partial: it waits for "a"`+
		` .metadata.labels["applyset.kubernetes.io/part-of"] [schema.metadata.name] [a]`+
		` .metadata.labels["kro.run/instance-name"] [schema.metadata.name] [a]`+
		` .metadata.name [schema.metadata.name] [a]`, summary(got)[2]); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// chain is an RGD of the kind Link<name> that nests one of another kind.
func chain(name, next string) string {
	return `
apiVersion: kro.run/v1alpha1
kind: ResourceGraphDefinition
metadata: {name: link-` + name + `}
spec:
  schema: {apiVersion: v1, kind: Link` + name + `, spec: {}}
  resources:
  - id: next
    template: {apiVersion: kro.run/v1, kind: Link` + next + `, metadata: {name: "${schema.metadata.name}"}, spec: {}}
`
}

func TestInstancesThatNestThemselvesEnd(t *testing.T) {
	instance := "{apiVersion: kro.run/v1, kind: LinkA, metadata: {name: a, namespace: n}, spec: {}}"
	tests := map[string]struct {
		graphs []string
		limits render.Limits
		want   []string
	}{
		"directly": {
			graphs: []string{chain("A", "A")},
			want: []string{
				"next Resolved: nothing is known of the kind LinkA.kro.run in version v1",
				"next/* Unknown: LinkA is nested in itself: what a further one expands into is judged when kro creates it",
			},
		},
		"through another kind": {
			graphs: []string{chain("A", "B"), chain("B", "A")},
			want: []string{
				"next Resolved",
				"next/next Resolved: nothing is known of the kind LinkA.kro.run in version v1",
				"next/next/* Unknown: LinkA is nested in itself: what a further one expands into is judged when kro creates it",
			},
		},
		"at the depth that is allowed": {
			graphs: []string{chain("A", "B"), chain("B", "C"), chain("C", "D"), chain("D", "E"), chain("E", "F")},
			limits: render.Limits{MaxDepth: 2},
			want: []string{
				"next Resolved",
				"next/next Resolved",
				"next/next/* Unknown: instances nest more than 2 levels deep: what this one expands into is judged when kro creates it",
			},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			set := newSet(t, render.Options{Limits: test.limits}, test.graphs...)
			got, err := set.Render(t.Context(), object(t, instance), nil)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, summary(got)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestEachNestedKindThatCannotBeRenderedIsNamed(t *testing.T) {
	broken := chain("B", "C")
	broken = broken[:len(broken)-len("spec: {}}\n")] + `spec: "${nothing.here}"}` + "\n"
	set, err := render.NewSet(t.Context(), []render.Definition{definition(t, chain("A", "B")), definition(t, broken)},
		noKinds{}, render.Options{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = set.Render(t.Context(), object(t, "{apiVersion: kro.run/v1, kind: LinkA, metadata: {name: a, namespace: n}}"), nil)
	want := `ResourceGraphDefinition "link-A", resource "next": ResourceGraphDefinition "link-B" can't be rendered: ` +
		"failed to build dependency graph: failed to extract dependencies: references unknown identifiers: [nothing]; " +
		"correct the RGD: kro builds its graph with the same library"
	if err == nil || err.Error() != want {
		t.Errorf("got %v", err)
	}
}

func TestWhatDoesNotChangeIsNotCompiledAgain(t *testing.T) {
	definitions := []render.Definition{definition(t, tenant), definition(t, database)}
	types := noKinds{}
	first, err := render.NewSet(t.Context(), definitions, types, render.Options{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	same, err := render.NewSet(t.Context(), definitions, types, render.Options{}, first)
	if err != nil {
		t.Fatal(err)
	}
	changed := definition(t, database)
	changed.Spec.Resources = changed.Spec.Resources[:1]
	later, err := render.NewSet(t.Context(), []render.Definition{definitions[0], changed}, types, render.Options{}, same)
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"Tenant.kro.run", "Database.platform.example.com"} {
		if compiled(t, first, kind) != compiled(t, same, kind) {
			t.Errorf("%s is compiled again, though nothing has changed", kind)
		}
		// The tenant nests a database, whose kind is another one now.
		if compiled(t, same, kind) == compiled(t, later, kind) {
			t.Errorf("%s is not compiled again, though the database has changed", kind)
		}
	}
}
