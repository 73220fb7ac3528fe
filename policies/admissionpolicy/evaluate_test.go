package admissionpolicy_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kroguard/kroguard/policies"
	"github.com/kroguard/kroguard/policies/admissionpolicy"
	"github.com/kroguard/kroguard/policies/v1alpha1"
)

const bomb = "[1,2,3,4,5,6,7,8,9,10].all(a, [1,2,3,4,5,6,7,8,9,10].all(b, [1,2,3,4,5,6,7,8,9,10].all(c, [1,2,3,4,5,6,7,8,9,10].all(d, " +
	"[1,2,3,4,5,6,7,8,9,10].all(e, [1,2,3,4,5,6,7,8,9,10].all(f, a + b + c + d + e + f > 0))))))"

// costly costs less than one expression may, and more than a hundred may together.
const costly = "[1,2,3,4,5,6,7,8,9,10].all(a, [1,2,3,4,5,6,7,8,9,10].all(b, [1,2,3,4,5,6,7,8,9,10].all(c, " +
	"[1,2,3,4,5,6,7,8,9,10].all(d, a + b + c + d > 0))))"

func TestWhatIsSaid(t *testing.T) {
	for name, test := range map[string]struct {
		policy string
		want   []string
	}{
		"the message": {`validations: [{expression: "false", message: " large "}, {expression: "true", message: x}]`, []string{"p/b: large"}},
		"the messageExpression": {
			`validations: [{expression: "false", message: x, messageExpression: "'size ' + object.data.size"}]`, []string{"p/b: size large"},
		},
		"the message where the messageExpression fails": {
			`validations: [{expression: "false", message: x, messageExpression: "object.absent"}]`,
			[]string{"p/b does not compile: spec.validations[0].messageExpression: must evaluate to string but got dyn: convert it, as in string(object.absent)"},
		},
		"the expression where there is no message": {`validations: [{expression: "object.data.size == 'small'"}]`, []string{"p/b: failed expression: object.data.size == 'small'"}},
		"variables": {
			`variables: [{name: size, expression: object.data.size}]
validations: [{expression: variables.size == 'small', messageExpression: "'is ' + string(variables.size)"}]`, []string{"p/b: is large"},
		},
		"who asks": {
			`validations: [{expression: "false", messageExpression: request.userInfo.username}]`, []string{"p/b: system:serviceaccount:kro-system:kro"},
		},
		"the namespace": {
			`validations: [{expression: "namespaceObject.metadata.labels.env == 'test'", message: env}]`, []string{"p/b: env"},
		},
		"nothing where a matchCondition is false": {`matchConditions: [{name: a, expression: "'x' == 'x'"}, {name: b, expression: object.data.size == 'small'}]`, nil},
		"something where all matchConditions hold": {
			`matchConditions: [{name: a, expression: object.data.size == 'large'}]`, []string{"p/b: denied"},
		},
		"matchConditions don't see the namespace, as in Kubernetes": {
			`matchConditions: [{name: a, expression: "namespaceObject == null"}]`, []string{"p/b: denied"},
		},
		"a failing matchCondition": {
			`matchConditions: [{name: a, expression: "1 / 0 == 1"}]`, []string{"p/b failed: spec.matchConditions[0].expression: division by zero"},
		},
		"a failing validation, besides one that is violated": {
			`validations: [{expression: "1 / 0 == 1"}, {expression: "false", message: b}]`,
			[]string{"p/b: b", "p/b failed: spec.validations[0].expression: division by zero"},
		},
		"a field that an API server may fill in": {
			`validations: [{expression: "object.data.absent == 'x'"}, {expression: "false", message: b}]`, []string{"p/b: b",
				"p/b: unknown: nobody can tell before the API server has filled in what is left out: spec.validations[0].expression: no such key: absent"},
		},
		"a matchCondition on such a field": {
			`matchConditions: [{name: a, expression: "object.data.absent == 'x'"}]`, []string{
				"p/b: unknown: nobody can tell before the API server has filled in what is left out: spec.matchConditions[0].expression: no such key: absent",
			},
		},
		"a label, which nobody fills in": {
			`validations: [{expression: "object.metadata.labels['team'] == 'x'"}]`, []string{"p/b failed: spec.validations[0].expression: no such key: team"},
		},
		"annotations, by a variable": {
			"variables: [{name: a, expression: object.metadata.annotations}]\n" + `validations: [{expression: "variables.a.size() == 1"}]`,
			[]string{`p/b failed: spec.validations[0].expression: variable "a": no such key: annotations`},
		},
		"a field that a variable reads": {
			"variables: [{name: a, expression: object.data.absent}]\n" + `validations: [{expression: "variables.a == 1"}]`, []string{
				`p/b: unknown: nobody can tell before the API server has filled in what is left out: spec.validations[0].expression: variable "a": no such key: absent`,
			},
		},
		"a key that is computed": {
			`validations: [{expression: "object.data[request.operation] == 'x'"}]`, []string{
				"p/b: unknown: nobody can tell before the API server has filled in what is left out: spec.validations[0].expression: no such key: CREATE",
			},
		},
		"a field of the elements of a list": {
			`validations: [{expression: "[object.data].all(d, d.absent == 'x')"}]`, []string{
				"p/b: unknown: nobody can tell before the API server has filled in what is left out: spec.validations[0].expression: no such key: absent",
			},
		},
		"a field of the request": {
			`validations: [{expression: "request.userInfo.extra.size() == 1"}]`, []string{"p/b failed: spec.validations[0].expression: no such key: extra"},
		},
		"an auditAnnotation that fails": {
			`auditAnnotations: [{key: a, valueExpression: "string(1 / 0)"}, {key: b, valueExpression: "'x'"}]`,
			[]string{"p/b failed: spec.auditAnnotations[0].valueExpression: division by zero"},
		},
		"nothing of an auditAnnotation that does not": {`auditAnnotations: [{key: a, valueExpression: "'x'"}]`, nil},
		"auditAnnotations that cost too much: the validations are forgotten, as in Kubernetes": {
			`validations: [{expression: "false", message: x}]` + "\nauditAnnotations: [" + strings.TrimSuffix(strings.Repeat(
				"{key: a, valueExpression: \""+costly+" ? 'a' : ''\"}, ", 120), ", ") + "]",
			[]string{"p/b failed: spec.auditAnnotations[87].valueExpression: the guardrail's cost budget is used up, no further expression is run"},
		},
		"what costs too much": {
			"validations: [{expression: \"" + bomb + "\"}]", []string{"p/b failed: spec.validations[0].expression: operation " + "cancel" + "led: actual cost limit exceeded"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			all := admissionpolicy.NewCompiler(options(t)).Compile(definitions{policy(t, "p", test.policy)}, bindings{bindingOf(t, "p", "b", "{}")})
			if diff := cmp.Diff(test.want, said(t, all, configMap(t))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestOnlyKubernetesVariablesAreThere: a policy that an API server refuses must not mean something here.
func TestOnlyKubernetesVariablesAreThere(t *testing.T) {
	for _, variable := range []string{"project", "offering", "instance", "resources", "params"} {
		all := admissionpolicy.NewCompiler(options(t)).Compile(
			definitions{policy(t, "p", "validations: [{expression: "+variable+" == null}]")}, bindings{bindingOf(t, "p", "b", "{}")})
		got := said(t, all, configMap(t))
		if len(got) != 1 || !strings.Contains(got[0], "spec.validations[0].expression: line 1, column 1: undeclared reference to '"+variable+"'") {
			t.Errorf("%s: got %q", variable, got)
		}
	}
}

// TestWhatBindingsDo: an API server refuses a request for a binding's configuration though the binding only warns.
func TestWhatBindingsDo(t *testing.T) {
	type made struct {
		Name    string
		Actions []v1alpha1.ValidationAction
		Ignore  bool
		Says    []string
	}
	const failing = `
validations: [{expression: "false", message: denied}]
auditAnnotations: [{key: a, valueExpression: "string(1 / 0)"}]
`
	audit := "spec.auditAnnotations[0].valueExpression: division by zero"
	for name, test := range map[string]struct {
		policy, binding string
		want            []made
	}{
		"deny": {failing, "{}", []made{{"p/b", []v1alpha1.ValidationAction{"Deny"}, false, []string{"p/b: denied", "p/b failed: " + audit}}}},
		"warn": {failing, "validationActions: [Warn, Audit]", []made{
			{"p/b", []v1alpha1.ValidationAction{"Warn", "Audit"}, false, []string{"p/b: denied"}},
			{"p/b (configuration)", []v1alpha1.ValidationAction{"Deny"}, false, []string{"p/b (configuration) failed: " + audit}},
		}},
		"warn, and ignore failures": {"failurePolicy: Ignore" + failing, "validationActions: [Warn]", []made{
			{"p/b", []v1alpha1.ValidationAction{"Warn"}, true, []string{"p/b: denied", "p/b failed: " + audit}},
		}},
		"warn, where nothing else can fail": {"{}", "validationActions: [Warn]", []made{
			{"p/b", []v1alpha1.ValidationAction{"Warn"}, false, []string{"p/b: denied"}},
		}},
		"warn, without params that are needed": {
			"paramKind: {apiVersion: v1, kind: ConfigMap}", "{paramRef: {name: x, parameterNotFoundAction: Deny}, validationActions: [Warn]}", []made{
				{"p/b", []v1alpha1.ValidationAction{"Warn"}, false, nil},
				{"p/b (configuration)", []v1alpha1.ValidationAction{"Deny"}, false, []string{
					"p/b (configuration) failed: failed to configure binding: no params found for policy binding with `Deny` parameterNotFoundAction",
				}},
			},
		},
		"warn, with params": {
			"paramKind: {apiVersion: v1, kind: ConfigMap}", "{paramRef: {name: given, parameterNotFoundAction: Deny}, validationActions: [Warn]}", []made{
				{"p/b", []v1alpha1.ValidationAction{"Warn"}, false, []string{"p/b: denied"}},
				{"p/b (configuration)", []v1alpha1.ValidationAction{"Deny"}, false, nil},
			},
		},
		"warn, and a matchCondition that fails": {
			"paramKind: {apiVersion: v1, kind: ConfigMap}\nmatchConditions: [{name: a, expression: 1 / 0 == 1}]",
			"{paramRef: {name: given, parameterNotFoundAction: Deny}, validationActions: [Warn]}", []made{
				{"p/b", []v1alpha1.ValidationAction{"Warn"}, false, []string{"p/b failed: spec.matchConditions[0].expression: division by zero"}},
				{"p/b (configuration)", []v1alpha1.ValidationAction{"Deny"}, false, nil},
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			given := options(t)
			given.Params = admissionpolicy.NewObjects([]map[string]any{
				objectOf(t, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: given, namespace: payments}\n"),
			})
			var got []made
			for _, p := range admissionpolicy.NewCompiler(given).Compile(
				definitions{policy(t, "p", test.policy)}, bindings{bindingOf(t, "p", "b", test.binding)}) {
				if p.Source != "ValidatingAdmissionPolicy" || p.Engine != "CEL" {
					t.Errorf("source %q, engine %q", p.Source, p.Engine)
				}
				got = append(got, made{p.Name, p.Actions, p.Ignore, said(t, []policies.Policy{p}, configMap(t))})
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestANamespaceThatIsNotThereIsNoDenial: what reads it fails here, and not when kro creates the resource.
func TestANamespaceThatIsNotThereIsNoDenial(t *testing.T) {
	in := configMap(t)
	in.Namespace = nil
	for name, test := range map[string]struct {
		policy string
		want   []string
	}{
		"read": {
			`validations: [{expression: "namespaceObject.metadata.name.size() / 0 == 1"}, {expression: "false", message: m}]`,
			[]string{"p/b: unknown: m", `p/b: unknown: namespace "payments" can't be told of yet: spec.validations[0].expression: no such key: metadata`},
		},
		"read by a variable": {
			"variables: [{name: place, expression: namespaceObject}]\n" + `validations: [{expression: "variables.place != null", message: m}]`,
			[]string{"p/b: unknown: m"},
		},
		"not read": {`validations: [{expression: "false", message: m}]`, []string{"p/b: m"}},
	} {
		t.Run(name, func(t *testing.T) {
			all := admissionpolicy.NewCompiler(options(t)).Compile(definitions{policy(t, "p", test.policy)}, bindings{bindingOf(t, "p", "b", "{}")})
			if diff := cmp.Diff(test.want, said(t, all, in)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
