package admissionpolicy_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	admissionv1 "k8s.io/api/admission/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kroguard/kroguard/policies"
	"github.com/kroguard/kroguard/policies/admissionpolicy"
)

const rule = `resourceRules: [{apiGroups: ["*"], apiVersions: ["*"], resources: ["*"], operations: ["*"]}]`

// update is an UPDATE of the ConfigMap, whose labels were others.
func update(tb testing.TB) policies.InputOptions {
	tb.Helper()
	in := configMap(tb)
	in.Request.Operation = admissionv1.Update
	in.OldObject = objectOf(tb, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings, namespace: payments, labels: {tier: db}}\n")
	return in
}

func TestWhatIsMatched(t *testing.T) {
	inputs := map[string]policies.InputOptions{
		"config map": configMap(t), "update": update(t), "cluster role": clusterRole(t), "namespace": namespaceObject(t),
	}
	for name, test := range map[string]struct {
		constraints string
		// want are the inputs that match.
		want []string
	}{
		"everything":                     {rule, []string{"cluster role", "config map", "namespace", "update"}},
		"an operation":                   {`resourceRules: [{apiGroups: [""], apiVersions: [v1], resources: [configmaps], operations: [UPDATE]}]`, []string{"update"}},
		"several operations":             {`resourceRules: [{apiGroups: [""], apiVersions: [v1], resources: [configmaps], operations: [CREATE, UPDATE]}]`, []string{"config map", "update"}},
		"deletes alone":                  {`resourceRules: [{apiGroups: ["*"], apiVersions: ["*"], resources: ["*"], operations: [DELETE]}]`, nil},
		"a group":                        {`resourceRules: [{apiGroups: [rbac.authorization.k8s.io], apiVersions: ["*"], resources: ["*"], operations: ["*"]}]`, []string{"cluster role"}},
		"another version":                {`resourceRules: [{apiGroups: [""], apiVersions: [v2], resources: [configmaps], operations: ["*"]}]`, nil},
		"a subresource":                  {`resourceRules: [{apiGroups: [""], apiVersions: [v1], resources: [configmaps/status, "*/scale"], operations: ["*"]}]`, nil},
		"a resource with subresources":   {`resourceRules: [{apiGroups: [""], apiVersions: [v1], resources: ["configmaps/*"], operations: ["*"]}]`, []string{"config map", "update"}},
		"all resources and subresources": {`resourceRules: [{apiGroups: [""], apiVersions: [v1], resources: ["*/*"], operations: ["*"]}]`, []string{"config map", "namespace", "update"}},
		"the scope namespaced":           {`resourceRules: [{apiGroups: ["*"], apiVersions: ["*"], resources: ["*"], operations: ["*"], scope: Namespaced}]`, []string{"config map", "update"}},
		"the scope cluster":              {`resourceRules: [{apiGroups: ["*"], apiVersions: ["*"], resources: ["*"], operations: ["*"], scope: Cluster}]`, []string{"cluster role", "namespace"}},
		"all scopes":                     {`resourceRules: [{apiGroups: ["*"], apiVersions: ["*"], resources: ["*"], operations: ["*"], scope: "*"}]`, []string{"cluster role", "config map", "namespace", "update"}},
		"names":                          {`resourceRules: [{apiGroups: ["*"], apiVersions: ["*"], resources: ["*"], operations: ["*"], resourceNames: [reader, orders, x]}]`, []string{"cluster role", "namespace"}},
		"one of two rules":               {`resourceRules: [{apiGroups: [x], apiVersions: ["*"], resources: ["*"], operations: ["*"]}, {apiGroups: [""], apiVersions: ["*"], resources: [namespaces], operations: ["*"]}]`, []string{"namespace"}},
		"excluded":                       {rule + `, excludeResourceRules: [{apiGroups: [""], apiVersions: [v1], resources: [configmaps], operations: [CREATE]}]`, []string{"cluster role", "namespace", "update"}},
		"excluded by name":               {rule + `, excludeResourceRules: [{apiGroups: [""], apiVersions: [v1], resources: ["*"], operations: ["*"], resourceNames: [settings]}]`, []string{"cluster role", "namespace"}},
		"namespaces, by labels; what is in none always": {
			rule + `, namespaceSelector: {matchLabels: {env: prod}}`, []string{"cluster role", "config map", "update"},
		},
		"a namespace by its own labels":          {rule + `, namespaceSelector: {matchExpressions: [{key: env, operator: In, values: [test]}]}`, []string{"cluster role", "namespace"}},
		"objects by labels, the old ones' too":   {rule + `, objectSelector: {matchLabels: {tier: db}}`, []string{"update"}},
		"objects by labels":                      {rule + `, objectSelector: {matchLabels: {tier: web}}`, []string{"config map", "update"}},
		"objects by labels that they don't have": {rule + `, objectSelector: {matchExpressions: [{key: tier, operator: DoesNotExist}]}`, []string{"cluster role", "namespace"}},
	} {
		t.Run(name, func(t *testing.T) {
			for place, compiled := range map[string][]policies.Policy{
				"policy": admissionpolicy.NewCompiler(options(t)).Compile(
					definitions{policy(t, "p", "matchConstraints: {"+test.constraints+"}")}, bindings{bindingOf(t, "p", "b", "{}")}),
				"binding": admissionpolicy.NewCompiler(options(t)).Compile(
					definitions{policy(t, "p", "matchConstraints: {"+rule+"}")},
					bindings{bindingOf(t, "p", "b", "matchResources: {"+test.constraints+"}")}),
			} {
				var got []string
				for _, input := range []string{"cluster role", "config map", "namespace", "update"} {
					if len(said(t, compiled, inputs[input])) > 0 {
						got = append(got, input)
					}
				}
				if diff := cmp.Diff(test.want, got); diff != "" {
					t.Errorf("by the %s (-want +got):\n%s", place, diff)
				}
			}
		})
	}
}

func TestABindingWithoutRulesNarrowsByItsSelectors(t *testing.T) {
	all := admissionpolicy.NewCompiler(options(t)).Compile(definitions{policy(t, "p", "{}")}, bindings{
		bindingOf(t, "p", "other", "matchResources: {namespaceSelector: {matchLabels: {env: test}}}"),
		bindingOf(t, "p", "same", "matchResources: {namespaceSelector: {matchLabels: {env: prod}}}"),
		bindingOf(t, "p", "all", "{}"), bindingOf(t, "absent", "dangling", "{}"),
	})
	if diff := cmp.Diff([]string{"p/all: denied", "p/same: denied"}, said(t, all, configMap(t))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestNobodyIsAskedAboutPoliciesAndReviews(t *testing.T) {
	all := admissionpolicy.NewCompiler(options(t)).Compile(
		definitions{policy(t, "p", "matchConstraints: {"+rule+"}")}, bindings{bindingOf(t, "p", "b", "{}")})
	for resource, want := range map[schema.GroupVersionResource]bool{
		gvr("admissionregistration.k8s.io", "v1", "validatingadmissionpolicybindings"): false,
		gvr("admissionregistration.k8s.io", "v1", "validatingwebhookconfigurations"):   true,
		gvr("authorization.k8s.io", "v1", "subjectaccessreviews"):                      false,
		gvr("authentication.k8s.io", "v1", "tokenreviews"):                             false,
		gvr("rbac.authorization.k8s.io", "v1", "clusterroles"):                         true,
	} {
		in := clusterRole(t)
		in.Request.Resource.Group, in.Request.Resource.Resource = resource.Group, resource.Resource
		if got := len(said(t, all, in)) > 0; got != want {
			t.Errorf("%s: got %t", resource.Resource, got)
		}
	}
}

func TestInstancesAreTheAPIServersOwnMatter(t *testing.T) {
	in := configMap(t)
	in.Instance = in.Object
	given := options(t)
	for instances, want := range map[bool][]string{false: nil, true: {"p/b: denied"}} {
		given.Instances = instances
		all := admissionpolicy.NewCompiler(given).Compile(definitions{policy(t, "p", "{}")}, bindings{bindingOf(t, "p", "b", "{}")})
		if diff := cmp.Diff(want, said(t, all, in)); diff != "" {
			t.Errorf("Instances %t (-want +got):\n%s", instances, diff)
		}
	}
}

func TestEquivalentVersions(t *testing.T) {
	given := options(t)
	given.Equivalents = func(resource schema.GroupVersionResource) []admissionpolicy.Equivalent {
		if resource.Resource != "configmaps" {
			return nil
		}
		return []admissionpolicy.Equivalent{
			{Resource: gvr("", "v2", "configmaps"), Kind: gvk("", "v2", "ConfigMap"), SameSchema: true},
			{Resource: gvr("old", "v1", "configmaps"), Kind: gvk("old", "v1", "ConfigMap")},
		}
	}
	const seen = `
validations: [{expression: "false", messageExpression: "object.apiVersion + ' ' + request.resource.version + ' ' + request.requestResource.version"}]
`
	for name, test := range map[string]struct {
		constraints string
		want        []string
	}{
		"a version that differs in nothing else is seen": {
			`resourceRules: [{apiGroups: [""], apiVersions: [v2], resources: [configmaps], operations: ["*"]}]`, []string{"p/b: v2 v2 v1"},
		},
		"the request's own is seen first": {
			`resourceRules: [{apiGroups: ["*"], apiVersions: ["*"], resources: [configmaps], operations: ["*"]}]`, []string{"p/b: v1 v1 v1"},
		},
		"not where the policy asks for exactly its own": {
			`matchPolicy: Exact, resourceRules: [{apiGroups: [""], apiVersions: [v2], resources: [configmaps], operations: ["*"]}]`, nil,
		},
		"what only an API server converts is unknown": {
			`resourceRules: [{apiGroups: [old], apiVersions: [v1], resources: [configmaps], operations: ["*"]}]`,
			[]string{"p/b: unknown: the policy is about old/v1, as which only an API server can read the object"},
		},
		"excluded in another version": {
			rule + `, excludeResourceRules: [{apiGroups: [old], apiVersions: [v1], resources: [configmaps], operations: ["*"]}]`, nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			all := admissionpolicy.NewCompiler(given).Compile(
				definitions{policy(t, "p", "matchConstraints: {"+test.constraints+"}"+seen)}, bindings{bindingOf(t, "p", "b", "{}")})
			if diff := cmp.Diff(test.want, said(t, all, configMap(t))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestWhatCantBeToldYetIsNoDenial(t *testing.T) {
	waiting := func(path ...any) []policies.UnresolvedField {
		return []policies.UnresolvedField{{Path: path, WaitsFor: []string{"database"}}}
	}
	const unsure = "p/b: unknown: denied"
	for name, test := range map[string]struct {
		constraints string
		change      func(*policies.InputOptions)
		want        []string
	}{
		"a label that the selector reads": {
			"objectSelector: {matchLabels: {size: big}}",
			func(in *policies.InputOptions) { in.Unresolved = waiting("metadata", "labels", "size") }, []string{unsure},
		},
		"a label, where another one decides": {
			"objectSelector: {matchLabels: {size: big, tier: db}}",
			func(in *policies.InputOptions) { in.Unresolved = waiting("metadata", "labels", "size") }, nil,
		},
		"a label that nobody reads": {
			"objectSelector: {matchLabels: {tier: web}}",
			func(in *policies.InputOptions) { in.Unresolved = waiting("metadata", "labels", "size") }, []string{"p/b: denied"},
		},
		"all labels": {
			"objectSelector: {matchLabels: {tier: web}}",
			func(in *policies.InputOptions) { in.Unresolved = waiting("metadata", "labels") }, []string{unsure},
		},
		"the name": {
			`excludeResourceRules: [{apiGroups: [""], apiVersions: ["*"], resources: ["*"], operations: ["*"], resourceNames: [x]}]`,
			func(in *policies.InputOptions) { in.Unresolved = waiting("metadata", "name") }, []string{unsure},
		},
		"the namespace": {
			"namespaceSelector: {matchLabels: {env: test}}",
			func(in *policies.InputOptions) {
				in.Unresolved, in.Request.Namespace = waiting("metadata", "namespace"), ""
			}, []string{unsure},
		},
		"a namespace that isn't there": {
			"namespaceSelector: {matchLabels: {env: test}}",
			func(in *policies.InputOptions) { in.Namespace = nil }, []string{unsure},
		},
	} {
		t.Run(name, func(t *testing.T) {
			in := configMap(t)
			test.change(&in)
			all := admissionpolicy.NewCompiler(options(t)).Compile(
				definitions{policy(t, "p", "matchConstraints: {"+rule+", "+test.constraints+"}")}, bindings{bindingOf(t, "p", "b", "{}")})
			if diff := cmp.Diff(test.want, said(t, all, in)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestANameIsTheObjectsWhereTheRequestHasNone: API servers take it from there when something is created.
func TestANameIsTheObjectsWhereTheRequestHasNone(t *testing.T) {
	in := configMap(t)
	in.Request.Name = ""
	all := admissionpolicy.NewCompiler(options(t)).Compile(definitions{policy(t, "p", `matchConstraints: {resourceRules: `+
		`[{apiGroups: [""], apiVersions: [v1], resources: [configmaps], operations: ["*"], resourceNames: [settings]}]}`)},
		bindings{bindingOf(t, "p", "b", "{}")})
	if diff := cmp.Diff([]string{"p/b: denied"}, said(t, all, in)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
