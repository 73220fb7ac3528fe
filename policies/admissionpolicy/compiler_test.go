package admissionpolicy_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kroguard/kroguard/policies"
	"github.com/kroguard/kroguard/policies/admissionpolicy"
)

func TestOneBrokenPolicyTakesNothingElseDown(t *testing.T) {
	for name, test := range map[string]struct {
		policy, binding string
		want            string
	}{
		"an expression":      {`validations: [{expression: "object."}]`, "{}", "spec.validations[0].expression: line 1, column 8: Syntax error"},
		"a type":             {`validations: [{expression: "'x'"}]`, "{}", "spec.validations[0].expression: must evaluate to bool but got string"},
		"a variable":         {`variables: [{name: a, expression: "nothing"}]`, "{}", "spec.variables[0].expression: line 1, column 1: undeclared"},
		"a matchCondition":   {`matchConditions: [{name: a, expression: "variables.x"}]`, "{}", "spec.matchConditions[0].expression: line 1, column 1: undeclared"},
		"an auditAnnotation": {`auditAnnotations: [{key: a, valueExpression: "1"}]`, "{}", "spec.auditAnnotations[0].valueExpression: must evaluate to string or null but got int"},
		"no rules":           {"matchConstraints: {}", "{}", "spec.matchConstraints.resourceRules: it is required"},
		"a failurePolicy":    {"failurePolicy: Perhaps", "{}", `spec.failurePolicy: "Perhaps" is neither`},
		"a selector": {
			"{}", "matchResources: {objectSelector: {matchExpressions: [{key: a, operator: Is}]}}", `binding spec.matchResources.objectSelector: "Is" is not`,
		},
		"a matchPolicy":    {"{}", "matchResources: {matchPolicy: Similar}", `binding spec.matchResources.matchPolicy: "Similar" is neither`},
		"no action":        {"{}", "validationActions: []", "binding spec.validationActions: it is required"},
		"a paramKind":      {"paramKind: {apiVersion: a/b/c, kind: X}", "paramRef: {name: x}", "spec.paramKind.apiVersion: unexpected GroupVersion"},
		"a paramRef":       {"paramKind: {apiVersion: v1, kind: ConfigMap}", "paramRef: {}", "binding spec.paramRef: one of name or selector"},
		"an odd paramRef":  {"paramKind: {apiVersion: v1, kind: ConfigMap}", "paramRef: {name: x, selector: {}}", "binding spec.paramRef: name and selector"},
		"a param selector": {"paramKind: {apiVersion: v1, kind: ConfigMap}", "paramRef: {selector: {matchExpressions: [{key: a, operator: Is}]}}", `binding spec.paramRef.selector: "Is" is not`},
	} {
		t.Run(name, func(t *testing.T) {
			all := admissionpolicy.NewCompiler(options(t)).Compile(
				definitions{policy(t, "sound", "{}"), policy(t, "broken", test.policy), nil},
				bindings{bindingOf(t, "sound", "b", "{}"), bindingOf(t, "broken", "b", test.binding), nil})
			got := said(t, all, configMap(t))
			if len(got) != 2 || got[1] != "sound/b: denied" || !strings.HasPrefix(got[0], "broken/b does not compile: "+test.want) {
				t.Errorf("got %q", got)
			}
		})
	}
}

func TestOnlyWhatChangedIsCompiledAgain(t *testing.T) {
	compiler := admissionpolicy.NewCompiler(options(t))
	stored := func(name string, uid types.UID, generation int64, spec string) *admissionregistrationv1.ValidatingAdmissionPolicy {
		p := policy(t, name, spec)
		p.UID, p.Generation = uid, generation
		return p
	}
	const a, b = `validations: [{expression: "false", message: a}]`, `validations: [{expression: "false", message: b}]`
	compile := func(second *admissionregistrationv1.ValidatingAdmissionPolicy, spec string) []policies.Policy {
		return compiler.Compile(definitions{policy(t, "first", "{}"), second},
			bindings{bindingOf(t, "first", "b", "{}"), bindingOf(t, "second", "b", spec)})
	}
	before := compile(stored("second", "1", 1, a), "{}")
	for _, step := range []struct {
		change string
		policy *admissionregistrationv1.ValidatingAdmissionPolicy
		spec   string
		// same says that nothing is compiled at all.
		same bool
		want string
	}{
		{"nothing", stored("second", "1", 1, a), "{}", true, "second/b: a"},
		{"the text, which has no other generation", stored("second", "1", 1, b), "{}", true, "second/b: a"},
		{"the generation", stored("second", "1", 2, b), "{}", false, "second/b: b"},
		{"the object", stored("second", "2", 2, a), "{}", false, "second/b: a"},
		{"the text, where there is no generation", stored("second", "", 0, b), "{}", false, "second/b: b"},
		{"nothing, where there is no generation", stored("second", "", 0, b), "{}", true, "second/b: b"},
		{"the binding", stored("second", "", 0, b), "validationActions: [Warn]", false, "second/b: b"},
	} {
		after := compile(step.policy, step.spec)
		if same := &before[0] == &after[0]; same != step.same {
			t.Errorf("%s: same is %t", step.change, same)
		}
		if diff := cmp.Diff([]string{"first/b: denied", step.want}, said(t, after, configMap(t))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", step.change, diff)
		}
		before = after
	}
	if got := compiler.Compile(nil, nil); len(got) != 0 {
		t.Errorf("got %v of nothing", got)
	}
}

// TestAChangeCostsWhatChanged compares allocations: compiling an expression takes thousands.
func TestAChangeCostsWhatChanged(t *testing.T) {
	given := options(t)
	compiler := admissionpolicy.NewCompiler(given)
	var of definitions
	var bound bindings
	for _, name := range strings.Fields("a b c d e f g h") {
		of = append(of, policy(t, name, "variables: [{name: x, expression: object.data.size}]\nvalidations: [{expression: variables.x == 'a'}]"))
		bound = append(bound, bindingOf(t, name, "b", "{}"))
	}
	all := testing.AllocsPerRun(3, func() {
		compiler = admissionpolicy.NewCompiler(given)
		compiler.Compile(of, bound)
	})
	generation := int64(1)
	of[0].UID = "1"
	one := testing.AllocsPerRun(3, func() {
		of[0].Generation = generation
		generation++
		compiler.Compile(of, bound)
	})
	if one > all/4 {
		t.Errorf("one of eight takes %v allocations, all take %v", one, all)
	}
}

func BenchmarkEvaluate(b *testing.B) {
	given := options(b)
	given.Params = limits(b)
	all := admissionpolicy.NewCompiler(given).Compile(
		definitions{policy(b, "p", "paramKind: {apiVersion: example.com/v1, kind: Limit}\nvalidations: [{expression: object.data.size in params.sizes}]")},
		bindings{bindingOf(b, "p", "b", "{paramRef: {name: a, parameterNotFoundAction: Deny}, matchResources: {namespaceSelector: {matchLabels: {env: prod}}}}")})
	in := policies.NewInput(configMap(b))
	b.ReportAllocs()
	for b.Loop() {
		if matches, err := all[0].Matches(in); err != nil || !matches {
			b.Fatal(matches, err)
		}
		if findings, err := all[0].Program.Evaluate(b.Context(), in); err != nil || len(findings) != 1 {
			b.Fatal(findings, err)
		}
	}
}
