package rego_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/kroguard/kroguard/policies"
	"github.com/kroguard/kroguard/policies/v1alpha1"
)

// deployment is a rendered resource of which an image, a label and an argument wait for others.
func deployment() policies.InputOptions {
	in := review()
	in.Instance = in.Object
	in.Object = map[string]any{
		"apiVersion": "apps/v1", "kind": "Deployment",
		"metadata": map[string]any{"name": "shop", "labels": map[string]any{"team": "payments"}},
		"spec": map[string]any{"args": []any{"--log", nil}, "containers": []any{
			map[string]any{"name": "app", "image": "shop:latest", "env": []any{map[string]any{"name": "HOST"}}},
			map[string]any{"name": "sidecar"},
		}},
		"data": map[string]any{"known": "a"},
	}
	for _, path := range []policies.FieldPath{
		{"spec", "args", 1}, {"spec", "containers", 0, "env", 0, "value"}, {"spec", "containers", 1, "image"},
		{"metadata", "labels", "tier"}, {"metadata", "annotations", "a"}, {"data", "ip"},
	} {
		in.Unresolved = append(in.Unresolved, policies.UnresolvedField{Path: path})
	}
	return in
}

func TestFindingsOnWhatNobodyCanTellYet(t *testing.T) {
	tests := map[string]struct {
		rule string
		want []policies.Finding
	}{
		"on what is known, beside it": {
			`deny contains c.name if { some c in input.review.object.spec.containers; endswith(c.image, ":latest") }`,
			[]policies.Finding{{Message: "app"}},
		},
		"for want of it": {
			`named(c) if c.image
deny contains c.name if { some c in input.review.object.spec.containers; not named(c) }`,
			[]policies.Finding{{Message: "sidecar", Unknown: true, DependsOn: []string{".spec.containers[1].image"}}},
		},
		"for want of a label": {
			`deny contains "tier" if not input.review.object.metadata.labels.tier
deny contains "owner" if not input.review.object.metadata.labels.owner`,
			[]policies.Finding{
				{Message: "owner"}, {Message: "tier", Unknown: true, DependsOn: []string{".metadata.labels.tier"}},
			},
		},
		"for want of a field that is neither spec nor metadata": {
			`deny contains "ip" if not input.review.object.data.ip`,
			[]policies.Finding{{Message: "ip", Unknown: true, DependsOn: []string{".data.ip"}}},
		},
		"on an element of a list, which is null": {
			`deny contains "null" if input.review.object.spec.args[1] == null`,
			[]policies.Finding{{Message: "null", Unknown: true, DependsOn: []string{".spec.args[1]"}}},
		},
		"as a warning": {
			`warn contains "ip" if not input.review.object.data.ip`,
			[]policies.Finding{{Message: "ip", WarnOnly: true, Unknown: true, DependsOn: []string{".data.ip"}}},
		},
		"with details, which are without it": {
			`deny contains {"msg": "no", "details": input.review.object.data} if input.review.object.kind == "Deployment"`,
			[]policies.Finding{{Message: "no", Details: map[string]any{"known": "a"}}},
		},
		"of the list of them": {
			`deny contains concat(" ", input.unresolved)`,
			[]policies.Finding{{Message: ".spec.args[1] .spec.containers[0].env[0].value .spec.containers[1].image " +
				".metadata.labels.tier .metadata.annotations.a .data.ip"}},
		},
		"by the interpreter, which can't tell": {
			`deny contains "kind" if { input.review.object.kind == "Deployment"; input.a == 1 with input.a as 1 }`,
			[]policies.Finding{{Message: "kind", Unknown: true}},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			program, _, err := newDriver().Compile(t.Context(), guardrailOf("package g\n"+test.rule))
			if err != nil {
				t.Fatal(err)
			}
			got, err := program.Evaluate(t.Context(), policies.NewInput(deployment()))
			if diff := cmp.Diff(test.want, got); diff != "" || err != nil {
				t.Errorf("%v, findings (-want +got):\n%s", err, diff)
			}
		})
	}
}

func guardrailOf(source string) *v1alpha1.Guardrail {
	return &v1alpha1.Guardrail{Spec: v1alpha1.GuardrailSpec{Rego: &v1alpha1.RegoPolicy{
		Modules: []v1alpha1.RegoModule{{Name: "main.rego", Source: source}},
	}}}
}

// renders is a policies.Renderer of fixed resources.
type renders struct {
	resources []policies.RenderedResource
	err       error
	asked     int
}

func (r *renders) Render(context.Context) (*policies.Rendering, error) {
	r.asked++
	return &policies.Rendering{Resources: r.resources}, r.err
}

func (r *renders) RenderOld(context.Context) (*policies.Rendering, error) { return nil, r.err }
func (*renders) Namespace(string) *corev1.Namespace                       { return nil }
func (*renders) Applier() authenticationv1.UserInfo                       { return authenticationv1.UserInfo{} }

func TestRenderedResourcesAreTheInputsResources(t *testing.T) {
	resource := func(kind string, unresolved ...policies.FieldPath) policies.RenderedResource {
		r := policies.RenderedResource{State: policies.ResourceResolved, Object: map[string]any{"kind": kind}}
		for _, path := range unresolved {
			r.State = policies.ResourcePartial
			r.Unresolved = append(r.Unresolved, policies.UnresolvedField{Path: path})
		}
		return r
	}
	all := []policies.RenderedResource{
		resource("Deployment"), {State: policies.ResourceSkipped}, resource("ConfigMap", policies.FieldPath{"data", "ip"}),
	}
	maybe := append(slices.Clip(all), policies.RenderedResource{State: policies.ResourceUnknown, Node: "policy"})
	const kinds = `deny contains concat(" ", [r.kind | some r in input.resources])`
	const noNetworkPolicy = `protected if { some r in input.resources; r.kind == "NetworkPolicy" }
deny contains "no NetworkPolicy" if not protected`
	tests := map[string]struct {
		rule      string
		resources []policies.RenderedResource
		want      []policies.Finding
	}{
		"their kinds":    {kinds, all, []policies.Finding{{Message: "Deployment ConfigMap"}}},
		"one is missing": {noNetworkPolicy, all, []policies.Finding{{Message: "no NetworkPolicy"}}},
		"one may be missing": {noNetworkPolicy, maybe, []policies.Finding{
			{Message: "no NetworkPolicy", Unknown: true, DependsOn: []string{"whether node policy will be there"}},
		}},
		"a field waits": {
			`deny contains r.kind if { some r in input.resources; r.kind == "ConfigMap"; not r.data.ip }`, all,
			[]policies.Finding{{Message: "ConfigMap", Unknown: true, DependsOn: []string{"resources[1].data.ip"}}},
		},
		"by the interpreter": {
			`deny contains "three" if { count(input.resources) == 2; input.a == 1 with input.a as 1 }`, all[:1], nil,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			program, _, err := newDriver().Compile(t.Context(), guardrailOf("package g\n"+test.rule))
			if err != nil {
				t.Fatal(err)
			}
			in := review()
			in.Renderer = &renders{resources: test.resources}
			got, err := program.Evaluate(t.Context(), policies.NewInput(in))
			if diff := cmp.Diff(test.want, got); diff != "" || err != nil {
				t.Errorf("%v, findings (-want +got):\n%s", err, diff)
			}
		})
	}
	for name, rule := range map[string]string{
		"machine": kinds, "interpreter": `deny contains "a" if { count(input.resources) == 2; input.a == 1 with input.a as 1 }`,
	} {
		t.Run("an error of rendering is the guardrail's, by the "+name, func(t *testing.T) {
			program, _, err := newDriver().Compile(t.Context(), guardrailOf("package g\n"+rule))
			if err != nil {
				t.Fatal(err)
			}
			in := review()
			in.Renderer = &renders{err: errors.New("too many resources")}
			if _, err := program.Evaluate(t.Context(), policies.NewInput(in)); err == nil || !strings.Contains(err.Error(), "too many resources") {
				t.Errorf("got %v", err)
			}
		})
	}
	t.Run("nothing is rendered where nobody asks", func(t *testing.T) {
		program, _, err := newDriver().Compile(t.Context(), guardrailOf("package g\ndeny contains \"a\" if input.review.object.kind"))
		if err != nil {
			t.Fatal(err)
		}
		in, renderer := review(), &renders{}
		in.Renderer = renderer
		if _, err := program.Evaluate(t.Context(), policies.NewInput(in)); err != nil || renderer.asked != 0 {
			t.Errorf("rendered %d times, %v", renderer.asked, err)
		}
	})
}
