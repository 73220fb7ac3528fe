package admissionpolicy_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kroguard/kroguard/policies"
	"github.com/kroguard/kroguard/policies/admissionpolicy"
)

// limits are params: two in a namespace, one in another, one of a kind that is in none.
func limits(tb testing.TB) *admissionpolicy.Objects {
	tb.Helper()
	var objects []map[string]any
	for _, text := range []string{
		"apiVersion: example.com/v1\nkind: Limit\nmetadata: {name: b, namespace: payments, labels: {use: \"yes\"}}\nsizes: [small]\n",
		"apiVersion: example.com/v1\nkind: Limit\nmetadata: {name: a, namespace: payments, labels: {use: \"yes\"}}\nsizes: [medium]\n",
		"apiVersion: example.com/v1\nkind: Limit\nmetadata: {name: a, namespace: platform}\nsizes: [large]\n",
		"apiVersion: example.com/v1\nkind: Global\nmetadata: {name: a}\nsizes: [tiny]\n",
		"apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: rares.example.com}\n" +
			"spec: {group: example.com, scope: Cluster, names: {kind: Rare}, versions: [{name: v1}]}\n",
	} {
		objects = append(objects, objectOf(tb, text))
	}
	return admissionpolicy.NewObjects(objects)
}

func TestParams(t *testing.T) {
	const says = `
validations:
  - expression: params != null && object.data.size in params.sizes
    messageExpression: "params == null ? 'no params' : params.sizes[0] + ' of ' + params.metadata.name"
`
	const of = "paramKind: {apiVersion: example.com/v1, kind: "
	for name, test := range map[string]struct {
		kind, ref string
		in        policies.InputOptions
		want      []string
	}{
		"by name, in the resource's namespace": {"Limit}", "{name: a, parameterNotFoundAction: Deny}", configMap(t), []string{"p/b: medium of a"}},
		"by name, in a namespace":              {"Limit}", "{name: a, namespace: platform, parameterNotFoundAction: Deny}", configMap(t), nil},
		"of a kind that is in no namespace":    {"Global}", "{name: a, parameterNotFoundAction: Deny}", configMap(t), []string{"p/b: tiny of a"}},
		"by labels: each of them":              {"Limit}", "{selector: {matchLabels: {use: 'yes'}}, parameterNotFoundAction: Deny}", configMap(t), []string{"p/b: medium of a", "p/b: small of b"}},
		"all of a namespace":                   {"Limit}", "{selector: {}, namespace: platform, parameterNotFoundAction: Deny}", configMap(t), nil},
		"not found, and none is needed":        {"Limit}", "{name: c, parameterNotFoundAction: Allow}", configMap(t), nil},
		"not found, and they are needed": {
			"Limit}", "{name: c, parameterNotFoundAction: Deny}", configMap(t),
			[]string{"p/b failed: failed to configure binding: no params found for policy binding with `Deny` parameterNotFoundAction"},
		},
		"none selected, and they are needed": {
			"Limit}", "{selector: {matchLabels: {use: 'no'}}, parameterNotFoundAction: Deny}", configMap(t),
			[]string{"p/b failed: failed to configure binding: no params found for policy binding with `Deny` parameterNotFoundAction"},
		},
		"none selected, and none is needed": {"Limit}", "{selector: {matchLabels: {use: 'no'}}, parameterNotFoundAction: Allow}", configMap(t), nil},
		"the binding has no paramRef":       {"Limit}", "", configMap(t), []string{"p/b: no params"}},
		"a definition without objects": {
			"Rare}", "{name: a, parameterNotFoundAction: Deny}", configMap(t),
			[]string{"p/b failed: failed to configure binding: no params found for policy binding with `Deny` parameterNotFoundAction"},
		},
		"an unknown kind": {
			"Absent}", "{name: a, parameterNotFoundAction: Allow}", configMap(t),
			[]string{"p/b failed: failed to configure policy: failed to find resource referenced by paramKind: 'example.com/v1, Kind=Absent'"},
		},
		"an unknown kind, though the binding has no paramRef": {
			"Absent}", "", configMap(t),
			[]string{"p/b failed: failed to configure policy: failed to find resource referenced by paramKind: 'example.com/v1, Kind=Absent'"},
		},
		"a namespace for a kind that is in none": {
			"Global}", "{name: a, namespace: platform, parameterNotFoundAction: Allow}", configMap(t),
			[]string{"p/b failed: failed to configure binding: paramRef.namespace must not be provided for a cluster-scoped `paramKind`"},
		},
		"of the namespace of what is in none": {
			"Limit}", "{name: a, parameterNotFoundAction: Allow}", clusterRole(t),
			[]string{"p/b failed: failed to configure binding: cannot use namespaced paramRef in policy binding that matches cluster-scoped resources"},
		},
		"of the namespace that is created": {"Limit}", "{name: a, parameterNotFoundAction: Allow}", namespaceObject(t), nil},
		"of a namespace that waits for something": {
			"Limit}", "{name: a, parameterNotFoundAction: Deny}", func() policies.InputOptions {
				in := configMap(t)
				in.Unresolved = []policies.UnresolvedField{{Path: policies.FieldPath{"metadata", "namespace"}}}
				return in
			}(),
			[]string{"p/b: unknown: its params are looked for in a namespace that can't be told yet"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			given := options(t)
			given.Params = limits(t)
			ref := "{}"
			if test.ref != "" {
				ref = "paramRef: " + test.ref
			}
			all := admissionpolicy.NewCompiler(given).Compile(
				definitions{policy(t, "p", of+test.kind+"\nmatchConstraints: {"+rule+"}"+says)}, bindings{bindingOf(t, "p", "b", ref)})
			if diff := cmp.Diff(test.want, said(t, all, test.in)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestSelectedParamsAreNamedInDetails(t *testing.T) {
	given := options(t)
	given.Params = limits(t)
	all := admissionpolicy.NewCompiler(given).Compile(
		definitions{policy(t, "p", "paramKind: {apiVersion: example.com/v1, kind: Limit}")},
		bindings{bindingOf(t, "p", "b", "paramRef: {selector: {}, parameterNotFoundAction: Deny}")})
	findings, err := all[0].Program.Evaluate(t.Context(), policies.NewInput(configMap(t)))
	if err != nil {
		t.Fatal(err)
	}
	want := []policies.Finding{
		{Message: "denied", Details: map[string]any{"params": map[string]any{"namespace": "payments", "name": "a"}}},
		{Message: "denied", Details: map[string]any{"params": map[string]any{"namespace": "payments", "name": "b"}}},
	}
	if diff := cmp.Diff(want, findings); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestParamsAreThoseOfTheMoment shows that a changed param needs no compilation.
func TestParamsAreThoseOfTheMoment(t *testing.T) {
	given := options(t)
	params := &swapped{Objects: limits(t)}
	given.Params = params
	all := admissionpolicy.NewCompiler(given).Compile(
		definitions{policy(t, "p", "paramKind: {apiVersion: example.com/v1, kind: Limit}\n"+
			"validations: [{expression: object.data.size in params.sizes, message: size}]")},
		bindings{bindingOf(t, "p", "b", "paramRef: {name: a, parameterNotFoundAction: Deny}")})
	if diff := cmp.Diff([]string{"p/b: size"}, said(t, all, configMap(t))); diff != "" {
		t.Errorf("before (-want +got):\n%s", diff)
	}
	params.Objects = admissionpolicy.NewObjects([]map[string]any{objectOf(t,
		"apiVersion: example.com/v1\nkind: Limit\nmetadata: {name: a, namespace: payments}\nsizes: [large]\n")})
	if got := said(t, all, configMap(t)); got != nil {
		t.Errorf("after: %q", got)
	}
}

// swapped are params that change.
type swapped struct{ *admissionpolicy.Objects }

func TestParamKinds(t *testing.T) {
	kind := func(name, kind string) string { return "paramKind: {apiVersion: " + name + ", kind: " + kind + "}" }
	got := admissionpolicy.ParamKinds(
		definitions{policy(t, "a", kind("v1", "ConfigMap")), policy(t, "b", kind("example.com/v1", "Limit")),
			policy(t, "c", kind("v1", "ConfigMap")), policy(t, "unbound", kind("v1", "Secret")), policy(t, "none", "{}"), nil},
		bindings{bindingOf(t, "a", "a", "paramRef: {name: x}"), bindingOf(t, "b", "b", "paramRef: {name: x}"),
			bindingOf(t, "c", "c", "paramRef: {name: x}"), bindingOf(t, "none", "none", "paramRef: {name: x}"), nil})
	if diff := cmp.Diff([]string{"/v1, Kind=ConfigMap", "example.com/v1, Kind=Limit"}, []string{got[0].String(), got[1].String()}); diff != "" || len(got) != 2 {
		t.Errorf("got %v (-want +got):\n%s", got, diff)
	}
}

// TestAnUnknownParamKindIsThePolicysFailure: an API server refuses then whatever the policy is for, before it looks at its bindings.
func TestAnUnknownParamKindIsThePolicysFailure(t *testing.T) {
	all := admissionpolicy.NewCompiler(options(t)).Compile(
		definitions{policy(t, "p", "paramKind: {apiVersion: example.com/v1, kind: Absent}")},
		bindings{bindingOf(t, "p", "b", "matchResources: {namespaceSelector: {matchLabels: {env: other}}}")})
	want := []string{"p/b failed: failed to configure policy: failed to find resource referenced by paramKind: 'example.com/v1, Kind=Absent'"}
	if diff := cmp.Diff(want, said(t, all, configMap(t))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
