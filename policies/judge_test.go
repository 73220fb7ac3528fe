package policies_test

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kroguard/kroguard/policies"
	"github.com/kroguard/kroguard/policies/v1alpha1"
)

// renderer renders what it is told to.
type renderer struct {
	now, before policies.Rendering
	err         error
	asked       int
}

func (r *renderer) Render(context.Context) (*policies.Rendering, error) {
	r.asked++
	return &r.now, r.err
}

func (r *renderer) RenderOld(context.Context) (*policies.Rendering, error) { return &r.before, nil }

func (*renderer) Namespace(string) *corev1.Namespace { return nil }

func (*renderer) Applier() authenticationv1.UserInfo {
	return authenticationv1.UserInfo{Username: "kro"}
}

// rendered is a resource in the instance's namespace.
func rendered(kind, name string, change ...func(*policies.RenderedResource)) policies.RenderedResource {
	r := policies.RenderedResource{
		Node: name + "-node", State: policies.ResourceResolved, Namespaced: true,
		GVK:      schema.GroupVersionKind{Group: "apps", Version: "v1", Kind: kind},
		Resource: schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: kind + "s"},
		Object: map[string]any{
			"apiVersion": "apps/v1", "kind": kind, "metadata": map[string]any{"name": name, "namespace": "payments-prod"},
		},
	}
	for _, c := range change {
		c(&r)
	}
	return r
}

func partial(r *policies.RenderedResource) {
	r.State = policies.ResourcePartial
	r.Unresolved = []policies.UnresolvedField{
		{Path: policies.FieldPath{"spec", "env", 0, "value"}, WaitsFor: []string{"database"}},
		{Path: policies.FieldPath{"spec", "host"}, WaitsFor: []string{"ingress", "database"}},
	}
}

// without is a resource that is not there to be judged.
func without(state policies.ResourceState) func(*policies.RenderedResource) {
	return func(r *policies.RenderedResource) {
		r.State, r.Reason, r.Object = state, "includeWhen waits for the status of database", nil
	}
}

// resources makes a guardrail one on rendered resources.
func resources(kinds ...string) func(*v1alpha1.GuardrailSpec) {
	return func(spec *v1alpha1.GuardrailSpec) {
		spec.Evaluate, spec.Resources = v1alpha1.EvaluateResources, &v1alpha1.ResourceFilter{Kinds: kinds}
	}
}

func onUnknown(what v1alpha1.OnUnknown) func(*v1alpha1.GuardrailSpec) {
	return func(spec *v1alpha1.GuardrailSpec) { spec.OnUnknown = what }
}

// of makes a violation one of a rendered resource.
func of(kind, name string) func(*policies.Violation) {
	return func(v *policies.Violation) {
		v.Resource = policies.ResourceRef{
			APIVersion: "apps/v1", Kind: kind, Namespace: "payments-prod", Name: name, Node: name + "-node",
		}
	}
}

func unknown(action v1alpha1.ValidationAction, message string) func(*policies.Violation) {
	return func(v *policies.Violation) { v.Unknown, v.Action, v.Message = true, action, message }
}

func TestVerdictsOnRenderedResources(t *testing.T) {
	says := func(f policies.Finding) evaluate { return says(f) }
	const waits = "nobody can tell yet, since .spec.host waits for \"database\", \"ingress\": no"
	host := policies.Finding{Message: "no", Unknown: true, DependsOn: []string{".spec.host"}}
	tests := map[string]struct {
		guardrail *v1alpha1.Guardrail
		policy    evaluate
		resources []policies.RenderedResource
		err       error
		want      policies.Verdict
	}{
		"each resource is judged": {
			guardrail: guardrail("g", resources()),
			resources: []policies.RenderedResource{rendered("Deployment", "a"), rendered("Service", "b")},
			want:      policies.Verdict{Denied: []policies.Violation{violation("g", of("Deployment", "a")), violation("g", of("Service", "b"))}},
		},
		"those of other kinds are not": {
			guardrail: guardrail("g", resources("Service")),
			resources: []policies.RenderedResource{rendered("Deployment", "a"), rendered("Service", "b")},
			want:      policies.Verdict{Denied: []policies.Violation{violation("g", of("Service", "b"))}},
		},
		"the instance is not": {guardrail: guardrail("g", resources())},
		"what is not there can't be judged": {
			guardrail: guardrail("g", resources()),
			resources: []policies.RenderedResource{
				rendered("A", "a", without(policies.ResourceSkipped)), rendered("A", "b", without(policies.ResourceExternal)),
			},
		},
		"of what may or may not be there nobody can tell": {
			guardrail: guardrail("g", resources()),
			resources: []policies.RenderedResource{rendered("A", "a", without(policies.ResourceUnknown))},
			want: policies.Verdict{Warned: []policies.Violation{violation("g", of("A", "a"), func(v *policies.Violation) {
				v.Resource.Namespace, v.Resource.Name = "", ""
			}, unknown(v1alpha1.ActionWarn, "includeWhen waits for the status of database"))}},
		},
		"a finding that nobody can tell yet warns": {
			guardrail: guardrail("g", resources()), policy: says(host),
			resources: []policies.RenderedResource{rendered("A", "a", partial)},
			want:      policies.Verdict{Warned: []policies.Violation{violation("g", of("A", "a"), unknown(v1alpha1.ActionWarn, waits))}},
		},
		"it refuses where onUnknown says so": {
			guardrail: guardrail("g", resources(), onUnknown(v1alpha1.OnUnknownDeny)), policy: says(host),
			resources: []policies.RenderedResource{rendered("A", "a", partial)},
			want:      policies.Verdict{Denied: []policies.Violation{violation("g", of("A", "a"), unknown(v1alpha1.ActionDeny, waits))}},
		},
		"it does no more than the guardrail itself": {
			guardrail: guardrail("g", resources(), onUnknown(v1alpha1.OnUnknownDeny), actions(v1alpha1.ActionWarn)), policy: says(host),
			resources: []policies.RenderedResource{rendered("A", "a", partial)},
			want:      policies.Verdict{Warned: []policies.Violation{violation("g", of("A", "a"), unknown(v1alpha1.ActionWarn, waits))}},
		},
		"it is recorded where onUnknown allows": {
			guardrail: guardrail("g", resources(), onUnknown(v1alpha1.OnUnknownAllow)), policy: says(host),
			resources: []policies.RenderedResource{rendered("A", "a", partial)},
			want:      policies.Verdict{Audited: []policies.Violation{violation("g", of("A", "a"), unknown(v1alpha1.ActionAudit, waits))}},
		},
		"a finding that depends on any of the fields names them all": {
			guardrail: guardrail("g", resources()), policy: says(policies.Finding{Message: "no", Unknown: true}),
			resources: []policies.RenderedResource{rendered("A", "a", partial)},
			want: policies.Verdict{Warned: []policies.Violation{violation("g", of("A", "a"), unknown(v1alpha1.ActionWarn,
				"nobody can tell yet, since .spec.env[0].value, .spec.host wait for \"database\", \"ingress\": no"))}},
		},
		"what can't be rendered can't be judged": {
			guardrail: guardrail("g", resources()), err: errors.New("1,001 resources, 1,000 are the most"),
			want: policies.Verdict{Denied: []policies.Violation{violation("g", func(v *policies.Violation) {
				v.Failed, v.Reason = true, policies.ReasonEvaluationFailed
				v.Message = `guardrail "g" could not be evaluated, so nobody knows whether this is allowed; ask the platform team ` +
					"that owns the guardrail: 1,001 resources, 1,000 are the most"
			})}},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			driver := &scripted{policies: map[string]evaluate{}}
			if test.policy != nil {
				driver.policies["g"] = test.policy
			}
			options := review()
			options.Renderer = &renderer{now: policies.Rendering{Resources: test.resources}, err: test.err}
			got := judge(t, driver, options, nil, test.guardrail)
			if diff := diffVerdict(&test.want, got); diff != "" {
				t.Errorf("verdict (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWhatAGuardrailSeesOfARenderedResource(t *testing.T) {
	type seen struct {
		Operation, Kind, Name, Namespace, User, Instance string
		Old                                              bool
		Siblings                                         int
	}
	for name, test := range map[string]struct {
		operation string
		want      []seen
	}{
		"of a new instance": {"CREATE", []seen{
			{"CREATE", "Deployment", "a", "payments-prod", "jane", "shop", false, 2},
			{"CREATE", "Service", "b", "payments-prod", "jane", "shop", false, 2},
		}},
		"of one that had the first of them": {"UPDATE", []seen{
			{"UPDATE", "Deployment", "a", "payments-prod", "jane", "shop", true, 2},
			{"CREATE", "Service", "b", "payments-prod", "jane", "shop", false, 2},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []seen
			driver := &scripted{policies: map[string]evaluate{"g": func(ctx context.Context, in *policies.Input) ([]policies.Finding, error) {
				rendering, err := in.Rendering(ctx)
				if err != nil {
					return nil, err
				}
				got = append(got, seen{
					string(in.Request.Operation), in.Request.Kind.Kind, in.Request.Name, in.Namespace.Name, in.Request.UserInfo.Username,
					in.Instance["metadata"].(map[string]any)["name"].(string), in.OldObject != nil, len(rendering.Resources),
				})
				return nil, nil
			}}}
			options := review()
			options.Request.UserInfo.Username = "jane"
			options.Request.Operation = "CREATE"
			if test.operation == "UPDATE" {
				options.Request.Operation, options.OldObject = "UPDATE", options.Object
			}
			r := &renderer{
				now:    policies.Rendering{Resources: []policies.RenderedResource{rendered("Deployment", "a"), rendered("Service", "b")}},
				before: policies.Rendering{Resources: []policies.RenderedResource{rendered("Deployment", "a")}},
			}
			options.Renderer = r
			verdict := judge(t, driver, options, nil, guardrail("g", resources()))
			if !verdict.Allowed() {
				t.Fatal(verdict.Denied)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("seen (-want +got):\n%s", diff)
			}
			if r.asked != 1 {
				t.Errorf("rendered %d times", r.asked)
			}
		})
	}
}

func TestNothingIsRenderedThatNobodyJudges(t *testing.T) {
	r, options := &renderer{}, review()
	options.Renderer = r
	judge(t, &scripted{}, options, nil, guardrail("g"))
	if r.asked != 0 {
		t.Errorf("rendered %d times", r.asked)
	}
}

func TestARefusalIsNotLostAmongManyFindings(t *testing.T) {
	var many []policies.RenderedResource
	for range policies.MaxFindingsPerGuardrail + 20 {
		many = append(many, rendered("A", "a", partial))
	}
	many = append(many, rendered("B", "last"))
	driver := &scripted{policies: map[string]evaluate{"g": func(_ context.Context, in *policies.Input) ([]policies.Finding, error) {
		return []policies.Finding{{Message: "no", Unknown: in.Request.Kind.Kind == "A"}}, nil
	}}}
	options := review()
	options.Renderer = &renderer{now: policies.Rendering{Resources: many}}
	if judge(t, driver, options, nil, guardrail("g", resources())).Allowed() {
		t.Error("allowed, though the last resource is refused")
	}
}

func TestPoliciesOfOtherEngines(t *testing.T) {
	users := map[string]string{}
	program := evaluate(func(_ context.Context, in *policies.Input) ([]policies.Finding, error) {
		users[in.Request.Kind.Kind] = in.Request.UserInfo.Username
		return []policies.Finding{{Message: "no"}}, nil
	})
	list := []policies.Policy{
		{
			Source: "Gatekeeper", Name: "K8sNo/b", Program: program,
			Matches: func(in *policies.Input) (bool, error) { return in.Request.Kind.Kind == "Service", nil },
		},
		{Source: "Gatekeeper", Name: "K8sNo/a", Err: errors.New("rego: line 3"), Ignore: true},
		{
			Source: "ValidatingAdmissionPolicy", Name: "p/b", Program: program, Actions: []v1alpha1.ValidationAction{v1alpha1.ActionWarn},
			Matches: func(in *policies.Input) (bool, error) { return in.Request.Kind.Kind == "WebApp", nil },
		},
	}
	options := review()
	options.Request.Kind.Kind, options.Request.UserInfo.Username = "WebApp", "jane"
	options.Renderer = &renderer{now: policies.Rendering{Resources: []policies.RenderedResource{rendered("Service", "a")}}}
	var plain *policies.Set
	set := plain.With(list, nil)
	got := set.Evaluate(t.Context(), policies.NewInput(options), noon())
	gatekeeper := violation("K8sNo/b", of("Service", "a"), func(v *policies.Violation) { v.Source = "Gatekeeper" })
	want := policies.Verdict{
		Denied: []policies.Violation{gatekeeper},
		Warned: []policies.Violation{violation("p/b", func(v *policies.Violation) {
			v.Source, v.Action = "ValidatingAdmissionPolicy", v1alpha1.ActionWarn
		})},
		Ignored: []policies.GuardrailError{{Guardrail: "K8sNo/a", Err: list[1].Err}, {Guardrail: "K8sNo/a", Err: list[1].Err}},
	}
	if diff := diffVerdict(&want, got); diff != "" {
		t.Errorf("verdict (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]string{"Service": "kro", "WebApp": "jane"}, users); diff != "" {
		t.Errorf("users (-want +got):\n%s", diff)
	}
	const text = "Gatekeeper K8sNo/b: Service/a (node a-node): no."
	if got := gatekeeper.String(); got != text {
		t.Errorf("text: got %q, want %q", got, text)
	}
}
