package rego_test

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	krov1alpha1 "github.com/kubernetes-sigs/kro/api/v1alpha1"
	"sigs.k8s.io/yaml"

	"github.com/kroguard/kroguard/internal/offering"
	"github.com/kroguard/kroguard/policies"
	"github.com/kroguard/kroguard/policies/v1alpha1"
)

// webAppRGD is the RGD of webApp.
const webAppRGD = `
metadata: {name: webapp}
spec:
  schema:
    apiVersion: v1alpha1
    kind: WebApp
    spec:
      name: string
      replicas: integer
      ratio: float
      image: string
      memory: string
      cpu: string
      host: string
      public: boolean
      ports: "[]integer"
      env: "[]Variable"
      options: map[string]integer
      free: object
      ingress: {enabled: boolean, class: string, tls: boolean}
    types:
      Variable: {name: string, value: string}
`

// databaseRGD is an RGD with other fields.
const databaseRGD = `
metadata: {name: database}
spec:
  schema:
    apiVersion: v1alpha1
    kind: Database
    spec:
      size: integer
      image: string
`

func parseRGD(tb testing.TB, text string) *offering.Offering {
	tb.Helper()
	rgd := &krov1alpha1.ResourceGraphDefinition{}
	if err := yaml.UnmarshalStrict([]byte(text), rgd); err != nil {
		tb.Fatal(err)
	}
	parsed, problems, warnings := offering.Parse(rgd)
	if len(problems) > 0 || len(warnings) > 0 || parsed.Schema == nil {
		tb.Fatalf("the RGD is out of order: %v, %v", problems, warnings)
	}
	return parsed
}

// objectType is the type of the instances of an RGD, as its offering has it.
func objectType(tb testing.TB, text string) policies.ObjectType {
	tb.Helper()
	parsed := parseRGD(tb, text)
	return policies.ObjectType{Offering: parsed.Name, GVK: parsed.GVK, Schema: parsed.Schema}
}

// typeWarnings are the findings of a guardrail that compiles, each with its field.
func typeWarnings(tb testing.TB, g *v1alpha1.Guardrail, objects ...policies.ObjectType) []string {
	tb.Helper()
	compiler := policies.NewCompiler(nil, newDriver())
	if _, err := compiler.CheckGuardrail(context.Background(), g); err != nil {
		tb.Fatalf("the guardrail does not compile: %v", err)
	}
	warnings, err := compiler.CheckTypes(context.Background(), g, objects)
	if err != nil {
		tb.Fatal(err)
	}
	var texts []string
	for _, warning := range warnings {
		texts = append(texts, warning.FieldRef+": "+warning.Warning)
	}
	return texts
}

// rule is a module whose rule deny has the given body, from line 7 on.
func rule(body string) string {
	return "package guardrail\n\nspec := input.review.object.spec\n\nhas_image(o) if o.spec.image\n" +
		"deny contains \"no\" if {\n" + body + "\n}\n"
}

func TestTypeFindings(t *testing.T) {
	t.Parallel()
	const webApp = " (WebApp of offering webapp)"
	for body, want := range map[string]string{
		`input.review.object.spec.replcas > 5`:                                "line 7, column 26: undefined field replcas in input.review.object.spec; did you mean replicas?",
		`input.review.oldObject.spec.replcas > 5`:                             "line 7, column 29: undefined field replcas in input.review.oldObject.spec; did you mean replicas?",
		`input.instance.spec.zzz`:                                             "line 7, column 21: undefined field zzz in input.instance.spec; there are cpu, env, free, host, image, ingress, memory, name, options, ports and 3 more",
		"s := input.review.object.spec\ns.replcas > 5":                        "line 8, column 3: undefined field replcas in s; did you mean replicas?",
		`spec.replcas > 5`:                                                    "line 7, column 6: undefined field replcas in data.guardrail.spec; did you mean replicas?",
		`not input.review.object.spec.hots`:                                   "line 7, column 30: undefined field hots in input.review.object.spec; did you mean host?",
		`input.review.object.spec["replcas"] > 5`:                             "line 7, column 26: undefined field replcas in input.review.object.spec; did you mean replicas?",
		`input.review.object.spec.env[_].nme == "x"`:                          "line 7, column 33: undefined field nme in input.review.object.spec.env[_]; did you mean name?",
		"some e in input.review.object.spec.env\ne.nme == \"x\"":              "line 8, column 3: undefined field nme in e; did you mean name?",
		`count([e | e := input.review.object.spec.env[_]; e.nme == "x"]) > 0`: "line 7, column 52: undefined field nme in e; did you mean name?",
		`sprintf("%v", [input.review.object.spec.replcas]) == "x"`:            "line 7, column 41: undefined field replcas in input.review.object.spec; did you mean replicas?",
		`input.revew.object.spec`:                                             "line 7, column 7: undefined field revew in input; did you mean review?",
		`input.review.objct.spec`:                                             "line 7, column 14: undefined field objct in input.review; did you mean object?",
		`input.review.userInfo.name == "x"`:                                   "line 7, column 23: undefined field name in input.review.userInfo; there are extra, groups, uid, username",
		`input.review.object.metadata.lables.team`:                            "line 7, column 30: undefined field lables in input.review.object.metadata; did you mean labels?",
		`input.review.namespaceObject.metadata.lables.team`:                   "line 7, column 39: undefined field lables in input.review.namespaceObject.metadata; did you mean labels?",
		`input.project.displayname`:                                           "line 7, column 15: undefined field displayname in input.project; did you mean displayName?",
		`input.offering.categroy`:                                             "line 7, column 16: undefined field categroy in input.offering; did you mean category?",
		`input.parameter.limit`:                                               "line 7, column 7: undefined field parameter in input; did you mean parameters?",
		`input.review.object.spec.replicas == "5"`:                            "line 7, column 1: number and string are never equal",
		`input.review.object.spec.image in [1, 2]`:                            "line 7, column 1: string and number are never equal",
		`startswith(input.review.object.spec.replicas, "5")`:                  "line 7, column 1: startswith: invalid argument(s): have (number, string), want (search: string, base: string, result: boolean)",
		`input.review.object.spec.image.name == "x"`:                          "line 7, column 32: input.review.object.spec.image is of type string, which has no fields",
		`concat(",", input.review.object.spec.ports) == ""`:                   "line 7, column 1: concat: invalid argument(s): have (string, array[number]), want (delimiter: string, collection: any<array[string], set[string]>, output: string)",
	} {
		t.Run(body, func(t *testing.T) {
			t.Parallel()
			got := typeWarnings(t, v1Guardrail(rule(body)), objectType(t, webAppRGD))
			if diff := cmp.Diff([]string{"spec.rego.modules[main.rego].source: " + want + webApp}, got); diff != "" {
				t.Errorf("warnings (-want +got):\n%s", diff)
			}
		})
	}
}

// These are all in order when they run. OPA's type checker refuses many of them.
func TestNoWarningOfWhatIsInOrder(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		`spec.replicas > 5`, `input.review.oldObject == null`, `is_null(input.review.oldObject)`, "o := input.review.oldObject\no == null",
		`input.review.oldObject != null`, `null == input.review.oldObject`, `[input.review.oldObject, 1] == [null, 1]`, `spec.ingress == {"enabled": true}`,
		`spec.ingress == {}`, `spec == input.review.oldObject.spec`, `spec.ports == []`, `spec.ports == [80]`, `spec.ports[0] == 80`, `spec.image == null`,
		`spec.env == [{"name": "A"}]`, `{"name": "A"} in spec.env`, `{"name": "A", "value": null} in spec.env`, `some key, value in spec; key == value`,
		`some key; spec[key] == "x"`, `"image" in object.keys(spec)`, `object.get(spec, "replcas", 1) == 1`, `object.get(input, ["review", "a"], 1) == 1`,
		`walk(input.review.object, [path, value]); value == "x"`, `spec.free.anything.goes == 1`, `input.review.object.status.anything.goes`,
		`spec.options.anything == 1`, `spec.options[k] > 1`, `spec.ratio == 1`, `spec.ratio * 2 > 1.5`, `input.parameters.anything.goes == 1`,
		`input.review.object.metadata.labels.team == "x"`, `input.review.object.metadata.labels["a/b"] == "x"`, `input.review.options.fieldManager == "x"`,
		`input.review.object.metadata.annotations[k] == "x"`, `input.review.namespaceObject.metadata.labels.env == "prod"`, `has_image(input.review.object)`,
		`input.review.userInfo.extra.scopes[_] == "x"`, `"admins" in input.review.userInfo.groups`, `input.project.parameters.limit.of == 1`,
		`not input.project`, `input.project.labels.team == "x"`, `input.offering.tags[_] == "web"`, `input.offering.catalog == true`,
		`not has_image(input.review.object) with input as {"review": {"object": {"a": 1}}}`, `x := json.patch(spec, [{"op": "add", "path": "a", "value": 1}]); x.a == 1`,
		`x := object.union(spec, {"a": 1}); x.a == 1`, `x := [spec, {"a": 1}][_]; x.a == 1`, `every e in spec.env { e.name != "x" }`,
		`sum(spec.ports) > 1`, `count(spec) > 1`, `count(spec.env) > 1`, `input.review.object.kind == input.review.kind.kind`, `input.review.dryRun == false`,
		`json.marshal(input) == ""`, `spec.host in {"a", "b"}`, `to_number(spec.cpu) > 1`, `input.review.object.metadata.ownerReferences[0].kind == "x"`,
		`input.review.object.metadata.creationTimestamp == null`, `input[x].object.spec`, `input.review.object.metadata.managedFields[_].fieldsV1.a`,
	} {
		t.Run(body, func(t *testing.T) {
			t.Parallel()
			if got := typeWarnings(t, v1Guardrail(rule(body)), objectType(t, webAppRGD)); len(got) > 0 {
				t.Errorf("got %q", got)
			}
		})
	}
}

func TestTypesInLibrariesAndInV0(t *testing.T) {
	t.Parallel()
	g := guardrail(v1alpha1.RegoV0, "",
		v1alpha1.RegoModule{Name: "main.rego", Source: "package main\n\nimport data.lib.b\n\nviolation[{\"msg\": \"no\"}] {\n  b.spec.imgae\n  input.review.object.spec.hots\n}\n"},
		v1alpha1.RegoModule{Name: "a.rego", Source: "package lib.b\n\nspec = input.review.object.sepc\n"})
	want := []string{
		"spec.rego.modules[main.rego].source: line 7, column 28: undefined field hots in input.review.object.spec; did you mean host? (WebApp of offering webapp)",
		"spec.rego.modules[a.rego].source: line 3, column 28: undefined field sepc in input.review.object; did you mean spec? (WebApp of offering webapp)",
	}
	if diff := cmp.Diff(want, typeWarnings(t, g, objectType(t, webAppRGD))); diff != "" {
		t.Errorf("warnings (-want +got):\n%s", diff)
	}
}

// OPA's own location of a reference to a rule is that of the last such reference.
func TestEachReferenceToARuleHasItsPlace(t *testing.T) {
	t.Parallel()
	g := v1Guardrail("package main\n\nspec := input.review.object.spec\n\ndeny contains \"a\" if spec.imgae\n\ndeny contains \"b\" if spec.hots\n\n" +
		"deny contains \"c\" if spec.image\n")
	want := []string{
		"spec.rego.modules[main.rego].source: line 5, column 27: undefined field imgae in data.main.spec; did you mean image? (WebApp of offering webapp)",
		"spec.rego.modules[main.rego].source: line 7, column 27: undefined field hots in data.main.spec; did you mean host? (WebApp of offering webapp)",
	}
	if diff := cmp.Diff(want, typeWarnings(t, g, objectType(t, webAppRGD))); diff != "" {
		t.Errorf("warnings (-want +got):\n%s", diff)
	}
}

func TestAFieldThatOneOfTheOfferingsHasIsNoMistake(t *testing.T) {
	t.Parallel()
	g := v1Guardrail(rule("input.review.object.spec.host == \"x\"\ninput.review.object.spec.imgae == \"x\""))
	want := []string{
		"spec.rego.modules[main.rego].source: line 8, column 26: undefined field imgae in input.review.object.spec; did you mean image? " +
			"(Database of offering database, WebApp of offering webapp)",
	}
	if diff := cmp.Diff(want, typeWarnings(t, g, objectType(t, databaseRGD), objectType(t, webAppRGD))); diff != "" {
		t.Errorf("warnings (-want +got):\n%s", diff)
	}
}

// TestTypeChecksGiveUpInTime shows that a check stops with its context, as a compilation does.
func TestTypeChecksGiveUpInTime(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := newDriver().CheckTypes(ctx, v1Guardrail(rule("spec.image")), objectType(t, webAppRGD))
	if err == nil || !strings.Contains(err.Error(), "type checking was canceled") {
		t.Errorf("got %v", err)
	}
}
