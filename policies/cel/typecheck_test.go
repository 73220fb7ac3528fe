package cel_test

import (
	"context"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	krov1alpha1 "github.com/kubernetes-sigs/kro/api/v1alpha1"
	"sigs.k8s.io/yaml"

	"github.com/kroguard/kroguard/internal/offering"
	"github.com/kroguard/kroguard/internal/project"
	"github.com/kroguard/kroguard/policies"
	"github.com/kroguard/kroguard/policies/cel"
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
      replicas: integer | default=1
      ratio: float
      image: string | required=true
      memory: string
      host: string
      address: string
      public: boolean
      text: string
      ports: "[]integer"
      env: "[]Variable"
      options: map[string]integer
      free: object
      ingress: {class: string, namespace: string, log-level: string}
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
      ports: string
`

// objectType is the type of the instances of an RGD, as its offering has it.
func objectType(tb testing.TB, text string) policies.ObjectType {
	tb.Helper()
	rgd := &krov1alpha1.ResourceGraphDefinition{}
	if err := yaml.UnmarshalStrict([]byte(text), rgd); err != nil {
		tb.Fatal(err)
	}
	parsed, problems, warnings := offering.Parse(rgd)
	if len(problems) > 0 || len(warnings) > 0 || parsed.Schema == nil {
		tb.Fatalf("the RGD is out of order: %v, %v", problems, warnings)
	}
	return policies.ObjectType{Offering: parsed.Name, GVK: parsed.GVK, Schema: parsed.Schema}
}

// typeWarnings are the findings of a guardrail that compiles, each with its field.
func typeWarnings(tb testing.TB, g *v1alpha1.Guardrail, objects ...policies.ObjectType) []string {
	tb.Helper()
	driver := newDriver(tb)
	compiler := policies.NewCompiler(driver, driver)
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

// mistakes are expressions, each with what the type checker says of it.
func mistakes() map[string]string {
	return map[string]string{
		"object.spec.replcas > 1":                        "line 1, column 12: undefined field replcas in object.spec; did you mean replicas? (WebApp.spec of offering webapp)",
		"oldObject == null || oldObject.spec.img == ''":  "line 1, column 36: undefined field img in oldObject.spec; there are address, env, free, host, image, ingress, memory, options, ports, public and 3 more (WebApp.spec of offering webapp)",
		"instance.sepc.replicas > 1":                     "line 1, column 9: undefined field sepc in instance; did you mean spec? (WebApp of offering webapp)",
		"has(object.spec.replcas)":                       "line 1, column 4: undefined field replcas in object.spec; did you mean replicas? (WebApp.spec of offering webapp)",
		"object.spec.?replcas.orValue(1) > 0":            "line 1, column 12: undefined field replcas in object.spec; did you mean replicas? (WebApp.spec of offering webapp)",
		"object.?spec.?replcas.orValue(1) > 0":           "line 1, column 13: undefined field replcas in object.?spec; did you mean replicas? (WebApp.spec of offering webapp)",
		"object.spec.env.all(e, e.nme != '')":            "line 1, column 25: undefined field nme in e; did you mean name? (WebApp.spec.env[] of offering webapp)",
		"object.spec.env[0].nme == ''":                   "line 1, column 19: undefined field nme in object.spec.env[0]; did you mean name? (WebApp.spec.env[] of offering webapp)",
		"object.metadata.lables['a'] == ''":              "line 1, column 16: undefined field lables in object.metadata; did you mean labels? (WebApp.metadata of offering webapp)",
		"object.metadata.ownerReferences[0].nam == ''":   "line 1, column 35: undefined field nam in object.metadata.ownerReferences[0]; did you mean name? (WebApp.metadata.ownerReferences[] of offering webapp)",
		"true &&\n  object.spec.replcas > 1":             "line 2, column 14: undefined field replcas in object.spec; did you mean replicas? (WebApp.spec of offering webapp)",
		"project.displayname == ''":                      "line 1, column 8: undefined field displayname in project; did you mean displayName? (WebApp of offering webapp)",
		"offering.nam == ''":                             "line 1, column 9: undefined field nam in offering; did you mean name? (WebApp of offering webapp)",
		"object.spec.replicas == '3'":                    "line 1, column 22: found no matching overload for '_==_' applied to '(int, string)' (WebApp of offering webapp)",
		"object.spec.replicas in ['3']":                  "line 1, column 22: found no matching overload for '@in' applied to '(int, list(string))' (WebApp of offering webapp)",
		"object.spec.replicas.startsWith('3')":           "line 1, column 32: found no matching overload for 'startsWith' applied to 'int.(string)' (WebApp of offering webapp)",
		"object.spec.replicas + object.spec.image == ''": "line 1, column 22: found no matching overload for '_+_' applied to '(int, string)' (WebApp of offering webapp)",
		"object.spec.image.name == ''":                   "line 1, column 18: object.spec.image is of type string, which has no fields (WebApp of offering webapp)",
		"object.spec.options.a == 'x'":                   "line 1, column 23: found no matching overload for '_==_' applied to '(int, string)' (WebApp of offering webapp)",
	}
}

func TestTypeFindings(t *testing.T) {
	const validation = "spec.cel.validations[0].expression: "
	for expression, want := range mistakes() {
		t.Run(expression, func(t *testing.T) {
			g := guardrail(checks(expression))
			g.Spec.CEL.Validations[0].Message = "no"
			if diff := cmp.Diff([]string{validation + want}, typeWarnings(t, g, objectType(t, webAppRGD))); diff != "" {
				t.Errorf("warnings (-want +got):\n%s", diff)
			}
		})
	}
}

// These are all in order when they run, since an object is plain JSON then. Kubernetes' own type checker warns of many of them.
func TestNoWarningOfWhatIsInOrder(t *testing.T) {
	for _, expression := range []string{
		"object.spec.replicas > 1", "object.spec['replicas'] == 5", "'replicas' in object.spec", "size(object.spec) > 0",
		"object.spec.all(k, k != 'x')", "object.spec.exists(k, object.spec[k] == 1)", "object.spec == oldObject.spec",
		"object.spec.ingress == {'class': 'nginx'}", "oldObject == null", "oldObject != null && oldObject.spec.replicas == 1",
		"project == null || project.parameters.limit > 1", "offering == null", "object.spec.replicas == 1.0", "object.spec.replicas in [1.0, 2.0]",
		"object.spec.ratio > 1", "object.spec.ratio == 1", "object.spec.ratio * 2 > 1", "object.spec.ratio * 2.0 > 1.0",
		"object.spec.image == null", "object.spec.replicas != null", "object.spec.ports == [80.0]", "(object.spec.ports + ['a']).size() > 0",
		"string(object.spec.?replicas.orValue('none')) == ''", "dyn(object).spec.replcas == 1", "dyn(true ? object.spec : {}) != null",
		"[object.spec.image, object.spec.replicas].size() == 2", "[object, oldObject].all(o, o.spec.replicas > 1)", "object.spec.free.anything.goes == 1",
		"object.status.anything.goes == 1", "object.spec.options.anything == 1", "object.spec.options['x'] > 1", "object.spec.ingress.namespace == ''",
		"object.spec.ingress['log-level'] == ''", "object.metadata.labels['a'] == ''", "object.metadata.?labels.?a.orValue('') == ''",
		"has(object.metadata.labels) && has(object.metadata.labels.team)", "object.metadata.creationTimestamp != ''", "object.apiVersion == object.kind",
		"object.metadata.managedFields[0].fieldsV1.anything.goes == 1", "object.spec.env.exists(e, !has(e.value) || e.value == '')",
		"object.spec.env.filter(e, e.name == 'A').map(e, e.value).join(',') == ''", "params.anything.goes == 1", "request.userInfo.username == ''",
		"namespaceObject.metadata.labels.env == 'prod'", "authorizer.requestResource.check('get').allowed()", "quantity(object.spec.memory).isGreaterThan(quantity('1Gi'))",
		"'%d of %s'.format([object.spec.replicas, object.spec.image]) == ''",
		"[object.spec].exists(spec, spec.replicas > 1)", "offering.labels.tier == '' || 'web' in offering.tags", "type(object.spec.replicas) == int",
		"object.spec.ports.sum() > 1", "object.spec.image.matches('^registry')", "{'a': object.spec}['a'].replicas == 1",
		"object.spec.map(k, k).size() == object.spec.size()", "object.spec[?'replicas'].hasValue()",
	} {
		t.Run(expression, func(t *testing.T) {
			if got := typeWarnings(t, guardrail(checks(expression)), objectType(t, webAppRGD)); len(got) > 0 {
				t.Errorf("got %q", got)
			}
		})
	}
}

func TestTypesOfVariablesMessagesAndConditions(t *testing.T) {
	g := guardrail(&v1alpha1.CELPolicy{
		Variables: variables("spec", "object.spec", "wrong", "object.spec.imgae", "count", "variables.spec.replicas"),
		Validations: []v1alpha1.CELValidation{
			{Expression: "variables.spec.replcas > 1", MessageExpression: "'image ' + object.spec.iamge"},
			{Expression: "variables.count == 'x' || variables.wrong == 1"},
		},
	})
	g.Spec.MatchConditions = []v1alpha1.MatchCondition{{Name: "a", Expression: "object.spec.hots == ''"}}
	want := []string{
		"spec.matchConditions[0].expression: line 1, column 12: undefined field hots in object.spec; did you mean host? (WebApp.spec of offering webapp)",
		"spec.cel.variables[1].expression: line 1, column 12: undefined field imgae in object.spec; did you mean image? (WebApp.spec of offering webapp)",
		"spec.cel.validations[0].expression: line 1, column 15: undefined field replcas in variables.spec; did you mean replicas? (WebApp.spec of offering webapp)",
		"spec.cel.validations[0].messageExpression: line 1, column 23: undefined field iamge in object.spec; did you mean image? (WebApp.spec of offering webapp)",
		"spec.cel.validations[1].expression: line 1, column 17: found no matching overload for '_==_' applied to '(int, string)' (WebApp of offering webapp)",
	}
	if diff := cmp.Diff(want, typeWarnings(t, g, objectType(t, webAppRGD))); diff != "" {
		t.Errorf("warnings (-want +got):\n%s", diff)
	}
}

func TestTypesOfSeveralOfferings(t *testing.T) {
	database := "undefined field replicas in object.spec; there are image, ports, size (Database.spec of offering database)"
	both := "undefined field imgae in object.spec; did you mean image? (WebApp.spec of offering webapp, Database.spec of offering database)"
	tests := map[string]struct {
		expression, condition string
		want                  []string
	}{
		"a field that one lacks, read as if all had it": {
			"object.spec.replicas > 1", "",
			[]string{"spec.cel.validations[0].expression: line 1, column 12: " + database},
		},
		"a field that all lack": {"object.spec.imgae == ''", "", []string{"spec.cel.validations[0].expression: line 1, column 12: " + both}},
		"a field that all lack, whose presence is tested": {
			"has(object.spec.imgae)", "", []string{"spec.cel.validations[0].expression: line 1, column 4: " + both},
		},
		"has":                              {"!has(object.spec.replicas) || object.spec.replicas > 1", "", nil},
		"an optional selection":            {"object.spec.?replicas.orValue(1) > 1", "", nil},
		"in":                               {"!('replicas' in object.spec) || object.spec.replicas > 1", "", nil},
		"the policy tells kinds apart":     {"object.kind != 'WebApp' || object.spec.replicas > 1", "", nil},
		"the policy tells offerings apart": {"offering.name != 'webapp' || object.spec.replicas > 1", "", nil},
		"a matchCondition on the instance": {"object.spec.replicas > 1", "has(object.spec.replicas)", nil},
		"a comparison that is only false for one":     {"object.spec.ports != 'x'", "", nil},
		"a call that fails for one":                   {"object.spec.ports.startsWith('x')", "", []string{"spec.cel.validations[0].expression: line 1, column 29: found no matching overload for 'startsWith' applied to 'list(int).(string)' (WebApp of offering webapp)"}},
		"a call that fails for one, after a question": {"type(object.spec.ports) != string || object.spec.ports.startsWith('x')", "", nil},
		"a matchCondition about something else": {
			"object.spec.replicas > 1", "!('admins' in request.userInfo.groups)",
			[]string{"spec.cel.validations[0].expression: line 1, column 12: " + database},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			g := guardrail(checks(test.expression))
			if test.condition != "" {
				g.Spec.MatchConditions = []v1alpha1.MatchCondition{{Name: "a", Expression: test.condition}}
			}
			got := typeWarnings(t, g, objectType(t, webAppRGD), objectType(t, databaseRGD))
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("warnings (-want +got):\n%s", diff)
			}
		})
	}
}

// TestTheTypesOfProjectAndOfferingAreTheirs shows that every key that they have is known, and no other.
func TestTheTypesOfProjectAndOfferingAreTheirs(t *testing.T) {
	rgd := &krov1alpha1.ResourceGraphDefinition{}
	if err := yaml.UnmarshalStrict([]byte(webAppRGD), rgd); err != nil {
		t.Fatal(err)
	}
	parsed, _, _ := offering.Parse(rgd)
	claim, _ := project.FromProject(&v1alpha1.Project{})
	for name, values := range map[string]map[string]any{"project": claim.Project.Values(), "offering": parsed.Values()} {
		if diff := cmp.Diff(cel.FieldsOf(name), keys(values)); diff != "" {
			t.Errorf("fields of %s (-typed +real):\n%s", name, diff)
		}
	}
}

func keys(m map[string]any) map[string]bool {
	set := map[string]bool{}
	for key := range m {
		set[key] = true
	}
	return set
}

func TestTypeChecksAreSafeForConcurrentUse(t *testing.T) {
	driver := newDriver(t)
	webApp, database := objectType(t, webAppRGD), objectType(t, databaseRGD)
	var group sync.WaitGroup
	for i := range 16 {
		object, field := webApp, "size"
		if i%2 == 0 {
			object, field = database, "replicas"
		}
		group.Go(func() {
			report, err := driver.CheckTypes(context.Background(), guardrail(checks("object.spec."+field+" > 1")), object)
			if err != nil || len(report.Findings) != 1 || report.Findings[0].Message != "undefined field "+field+" in object.spec" {
				t.Errorf("got %v, %v", report.Findings, err)
			}
		})
	}
	group.Wait()
}
