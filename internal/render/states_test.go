package render_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kroguard/kroguard/internal/render"
)

// graphOf is an RGD of the kind Thing with these fields in its spec and these resources.
func graphOf(fields, resources string) string {
	return `
apiVersion: kro.run/v1alpha1
kind: ResourceGraphDefinition
metadata: {name: thing}
spec:
  schema: {apiVersion: v1alpha1, kind: Thing, spec: ` + fields + `}
  resources:` + resources
}

const (
	// vpcAndSubnet are a resource with a status, and one that needs it, of kinds of which nothing is known.
	vpcAndSubnet = `
  - id: vpc
    template: {apiVersion: net.example.com/v1, kind: VPC, metadata: {name: vpc}, spec: {cidr: 10.0.0.0/8}}
  - id: subnet
    template: {apiVersion: net.example.com/v1, kind: Subnet, metadata: {name: subnet}, spec: {vpcID: "${vpc.status.id}"}}`
	unknownKind = "nothing is known of the kind "
)

func configMap(id, name, data string) string {
	return `
  - id: ` + id + `
    template: {apiVersion: v1, kind: ConfigMap, metadata: {name: "` + name + `"}, data: ` + data + `}`
}

func TestStatesOfResources(t *testing.T) {
	tests := map[string]struct {
		fields, resources, spec string
		want                    []string
	}{
		"what waits for a status is partial, and so is what refers to the waiting field": {
			resources: vpcAndSubnet + configMap("later", "x", `{vpc: "${subnet.spec.vpcID}", subnet: "${subnet.status.id}", cidr: "${vpc.spec.cidr}"}`),
			want: []string{
				"vpc Resolved: " + unknownKind + "VPC.net.example.com in version v1",
				`subnet Partial: it waits for "vpc" .spec.vpcID [vpc.status.id] [vpc]`,
				`later Partial: it waits for "subnet", "vpc" .data.subnet [subnet.status.id] [subnet] .data.vpc [subnet.spec.vpcID] [vpc]`,
			},
		},
		"a text waits with all that is in it": {
			resources: configMap("a", "a", "{}") +
				configMap("b", "b", `{x: "${a.metadata.uid}-${schema.metadata.name}"}`),
			want: []string{"a Resolved", `b Partial: it waits for "a" .data.x [a.metadata.uid schema.metadata.name] [a]`},
		},
		"has, optional fields and their defaults are unknown for what may yet come": {
			resources: vpcAndSubnet + configMap("c", "c", `{
              has: "${has(vpc.status.id) ? 'yes' : 'no'}",
              in: "${'id' in vpc.status ? 'yes' : 'no'}",
              optional: "${vpc.?status.?id.orValue('none')}",
              nested: "${vpc.status.?id.orValue('none')}",
              part: "${has(subnet.spec.vpcID) ? 'yes' : 'no'}",
              whole: "${string(size(subnet.spec))}",
              known: "${has(vpc.spec.cidr) ? 'yes' : 'no'}"}`),
			want: []string{
				"vpc Resolved: " + unknownKind + "VPC.net.example.com in version v1",
				`subnet Partial: it waits for "vpc" .spec.vpcID [vpc.status.id] [vpc]`,
				`c Partial: it waits for "vpc"` +
					" .data.has [has(vpc.status.id) ? 'yes' : 'no'] [vpc]" +
					" .data.in ['id' in vpc.status ? 'yes' : 'no'] [vpc]" +
					" .data.nested [vpc.status.?id.orValue('none')] [vpc]" +
					" .data.optional [vpc.?status.?id.orValue('none')] [vpc]" +
					" .data.part [has(subnet.spec.vpcID) ? 'yes' : 'no'] [vpc]" +
					" .data.whole [string(size(subnet.spec))] [vpc]",
			},
		},
		"what does not depend on the unknown is known": {
			fields:    "{open: boolean}",
			spec:      "{open: true}",
			resources: configMap("a", "a", "{}") + configMap("b", "b", `{x: "${string(schema.spec.open || has(a.metadata.uid))}"}`),
			want:      []string{"a Resolved", "b Resolved"},
		},
		"absent fields of the instance are absent, those that the API server sets are unknown": {
			fields:    "{size: string}",
			spec:      "{}",
			resources: configMap("a", "a", `{size: "${has(schema.spec.size) ? 'set' : 'unset'}", uid: "${schema.metadata.uid}", has: "${string(has(schema.metadata.uid))}"}`),
			want: []string{`a Partial: it waits for the instance itself .data.has [string(has(schema.metadata.uid))] [schema]` +
				" .data.uid [schema.metadata.uid] [schema]"},
		},
		"a field that somebody has to set first is named": {
			fields: "{size: string}", spec: "{}",
			resources: configMap("a", "a", `{size: "${schema.spec.size}"}`),
			want: []string{"a Partial: the instance lacks a field that it is made of: no such key: size" +
				" .data.size [schema.spec.size] []"},
		},
		"an unresolved name leaves the resource partial": {
			resources: configMap("a", "a", "{}") + configMap("b", "${a.metadata.uid}", "{}"),
			want:      []string{"a Resolved", `b Partial: it waits for "a" .metadata.name [a.metadata.uid] [a]`},
		},
		"includeWhen that is false skips the resource and what refers to it": {
			fields: "{enabled: boolean}", spec: "{enabled: false}",
			resources: configMap("a", "a", "{}") + "\n    includeWhen: ['${schema.spec.enabled}']" + configMap("b", "b", `{x: "${a.metadata.name}"}`),
			want:      []string{"a Skipped: includeWhen ${schema.spec.enabled} is false", `b Skipped: it refers to "a", which is skipped`},
		},
		"includeWhen that waits leaves it unknown whether the resource will be there": {
			resources: configMap("a", "a", "{}") + configMap("b", "b", "{}") + "\n    includeWhen: ['${has(a.metadata.uid)}']" +
				configMap("c", "c", `{x: "${b.metadata.name}"}`),
			want: []string{
				"a Resolved", `b Unknown: includeWhen ${has(a.metadata.uid)} waits for "a"`,
				`c Unknown: it refers to "b", and nobody can say yet whether that will be there`,
			},
		},
		"includeWhen may ask for what an unknown kind yields": {
			resources: vpcAndSubnet + configMap("b", "b", "{}") + "\n    includeWhen: ['${vpc.status.ready}', '${vpc.spec.public}']",
			want: []string{
				"vpc Resolved: " + unknownKind + "VPC.net.example.com in version v1",
				`subnet Partial: it waits for "vpc" .spec.vpcID [vpc.status.id] [vpc]`,
				`b Unknown: includeWhen ${vpc.spec.public} waits for "vpc"`,
			},
		},
		"includeWhen may ask for what is known of another resource": {
			resources: configMap("a", "a", "{}") + configMap("b", "b", "{}") + "\n    includeWhen: [\"${a.metadata.name == 'z'}\"]",
			want:      []string{"a Resolved", "b Skipped: includeWhen ${a.metadata.name == 'z'} is false"},
		},
		"forEach that waits leaves the collection unknown, and what is made of it partial": {
			resources: vpcAndSubnet + configMap("zones", "z-${zone}", "{}") + "\n    forEach: [{zone: '${vpc.status.zones}'}]" +
				configMap("b", "b", `{c: "${string(size(zones))}"}`),
			want: []string{
				"vpc Resolved: " + unknownKind + "VPC.net.example.com in version v1",
				`subnet Partial: it waits for "vpc" .spec.vpcID [vpc.status.id] [vpc]`,
				`zones Unknown: forEach ${vpc.status.zones} waits for "vpc"`,
				`b Partial: it waits for "vpc" .data.c [string(size(zones))] [vpc]`,
			},
		},
		"forEach goes through all combinations, the last list fastest": {
			fields: `{a: "[]string", b: "[]integer"}`, spec: "{a: [p, q], b: [1, 2]}",
			resources: configMap("c", "${a}-${string(b)}", "{}") + "\n    forEach: [{a: '${schema.spec.a}'}, {b: '${schema.spec.b}'}]" +
				configMap("names", "names", `{all: "${c.map(x, x.metadata.name).join(',')}", uid: "${c[0].metadata.uid}"}`),
			want: []string{
				"c[0] Resolved", "c[1] Resolved", "c[2] Resolved", "c[3] Resolved",
				`names Partial: it waits for "c" .data.uid [c[0].metadata.uid] [c]`,
			},
		},
		"forEach over nothing yields nothing": {
			fields: `{a: "[]string"}`, spec: "{a: []}",
			resources: configMap("c", "${a}", "{}") + "\n    forEach: [{a: '${schema.spec.a}'}]" + configMap("size", "s", `{c: "${string(size(c))}"}`),
			want:      []string{"c Skipped: forEach has no elements", "size Resolved"},
		},
		"what kro only reads is external, and its name is known": {
			resources: `
  - id: vpc
    externalRef: {apiVersion: v1, kind: ConfigMap, metadata: {name: shared, namespace: platform}}` +
				configMap("b", "b", `{name: "${vpc.metadata.name}", has: "${string(has(vpc.data))}"}`),
			want: []string{
				"vpc External: kro reads it, and does not create it",
				`b Partial: it waits for "vpc" .data.has [string(has(vpc.data))] [vpc]`,
			},
		},
		"the elements of a list keep their places": {
			resources: configMap("a", "a", "{}") + `
  - id: pod
    template:
      apiVersion: v1
      kind: Pod
      metadata: {name: p}
      spec: {containers: [{name: x, image: i, args: ["1", "${a.metadata.uid}", "3"]}]}`,
			want: []string{"a Resolved", `pod Partial: it waits for "a" .spec.containers[0].args[1] [a.metadata.uid] [a]`},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if test.fields == "" {
				test.fields, test.spec = "{}", "{}"
			}
			set := newSet(t, render.Options{}, graphOf(test.fields, test.resources))
			got, err := set.Render(t.Context(), thing(t, test.spec), nil)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, summary(got)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// thing is an instance of graphOf.
func thing(tb testing.TB, spec string) map[string]any {
	tb.Helper()
	return object(tb, "{apiVersion: kro.run/v1alpha1, kind: Thing, metadata: {name: t, namespace: team-a}, spec: "+spec+"}")
}

func TestUnresolvedElementsOfListsAreNull(t *testing.T) {
	set := newSet(t, render.Options{}, graphOf("{}", configMap("a", "a", "{}")+`
  - id: pod
    template:
      apiVersion: v1
      kind: Pod
      metadata: {name: p}
      spec: {containers: [{name: x, image: i, args: ["1", "${a.metadata.uid}", "3"], workingDir: "${a.metadata.uid}"}]}`))
	got, err := set.Render(t.Context(), thing(t, "{}"), nil)
	if err != nil {
		t.Fatal(err)
	}
	want := object(t, `{containers: [{name: x, image: i, args: ["1", null, "3"]}]}`)
	if diff := cmp.Diff(any(want), got.Resources[1].Object["spec"]); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestUnderGenerateNameTheNameIsUnknown(t *testing.T) {
	set := newSet(t, render.Options{}, graphOf("{}", configMap("a", "${schema.metadata.name}", "{}")))
	got, err := set.Render(t.Context(), object(t,
		"{apiVersion: kro.run/v1alpha1, kind: Thing, metadata: {generateName: t-, namespace: team-a}, spec: {}}"), nil)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"a Partial: it waits for the instance itself" +
		` .metadata.labels["applyset.kubernetes.io/part-of"] [schema.metadata.name] [schema]` +
		` .metadata.labels["kro.run/instance-name"] [schema.metadata.name] [schema]` +
		" .metadata.name [schema.metadata.name] [schema]"}
	if diff := cmp.Diff(want, summary(got)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestUnknownKindsAreSaidToBeUnknown(t *testing.T) {
	set := newSet(t, render.Options{}, graphOf("{}", vpcAndSubnet))
	got, err := set.Render(t.Context(), thing(t, "{}"), nil)
	if err != nil {
		t.Fatal(err)
	}
	var unknown []bool
	for _, r := range got.Resources {
		unknown = append(unknown, r.KindUnknown)
	}
	if diff := cmp.Diff([]bool{true, true}, unknown); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	known := newSet(t, render.Options{}, graphOf("{}", configMap("a", "a", "{}")))
	if got, err := known.Render(t.Context(), thing(t, "{}"), nil); err != nil || got.Resources[0].KindUnknown {
		t.Errorf("a ConfigMap is unknown: %+v, %v", got, err)
	}
}
