package doctor

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	runtimeschema "k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/version"
	"k8s.io/utils/ptr"

	"github.com/kroguard/kroguard/policies/v1alpha1"
)

// now is the time of all tests.
func now() time.Time { return time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC) }

// short is a finding without its remedy, as "status: message".
func short(findings []Finding) []string {
	texts := make([]string, 0, len(findings))
	for _, finding := range findings {
		texts = append(texts, string(finding.Status)+": "+finding.Message)
	}
	return texts
}

// found compares findings without their remedies, and wants a remedy for each that isn't skipped.
func found(t *testing.T, findings []Finding, want ...string) {
	t.Helper()
	if want == nil {
		want = []string{}
	}
	if diff := cmp.Diff(want, short(findings)); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
	for _, finding := range findings {
		if finding.Status != StatusSkipped && finding.Remedy == "" {
			t.Errorf("what to do is missing: %+v", finding)
		}
	}
}

// deadServer does not answer.
type deadServer struct{}

func (deadServer) Ask(context.Context) (Answer, error) {
	return Answer{}, errors.New("connection refused")
}

func TestWithoutAnAPIServerAllElseIsSkipped(t *testing.T) {
	results := Run(t.Context(), Options{Server: deadServer{}, Now: now})
	if len(results) != len(checks())+2 {
		t.Errorf("%d results, want one for each check", len(results))
	}
	if problems, left := Count(results, StatusProblem), Count(results, StatusSkipped); problems != 1 || left != len(results)-1 {
		t.Errorf("%d problems, %d skipped of %d", problems, left, len(results))
	}
}

func TestAResultIsAsBadAsItsWorstFinding(t *testing.T) {
	findings := []Finding{skipped("", "a"), problem("x", "b"), warning("x", "c")}
	got := newResult("x", "", findings)
	if diff := cmp.Diff(Result{Check: "x", Status: StatusProblem, Summary: "b", Findings: findings}, got); diff != "" {
		t.Errorf("result (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(Result{Check: "x", Status: StatusOK, Summary: "fine", Findings: []Finding{}}, newResult("x", "fine", nil)); diff != "" {
		t.Errorf("result (-want +got):\n%s", diff)
	}
}

func TestVersionsOfKubernetes(t *testing.T) {
	const none = " is none of the versions that kroguard is tested with: 1.36, 1.37"
	for text, want := range map[string][]string{
		"v1.36.3":          nil,
		"v1.37.0-eks-abcd": nil,
		"v1.35.9":          {"warning: Kubernetes v1.35.9" + none},
		"v1.3":             {"warning: Kubernetes v1.3" + none},
		"master":           {"warning: Kubernetes master" + none},
	} {
		_, findings := examineServer(Answer{Version: version.Info{GitVersion: text}}, nil)
		found(t, findings, want...)
	}
}

func TestClocks(t *testing.T) {
	const apart = " apart: ends of exceptions and certificates are told wrongly"
	for name, test := range map[string]struct {
		date time.Time
		want []string
	}{
		"the same":        {date: now()},
		"half a minute":   {date: now().Add(-30 * time.Second)},
		"this one ahead":  {date: now().Add(-time.Minute), want: []string{"warning: this machine's clock and the API server's are 59s" + apart}},
		"this one behind": {date: now().Add(time.Hour), want: []string{"warning: this machine's clock and the API server's are 59m58s" + apart}},
		"no clock":        {want: []string{"skipped: the API server does not tell the time"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, findings := examineClock(Answer{Date: test.date, Asked: now(), Answered: now().Add(2 * time.Second)})
			found(t, findings, test.want...)
		})
	}
}

func TestCRDs(t *testing.T) {
	crd := func(status apiextensionsv1.ConditionStatus, served bool) *apiextensionsv1.CustomResourceDefinition {
		return &apiextensionsv1.CustomResourceDefinition{
			ObjectMeta: metav1.ObjectMeta{Name: "x.example.com"},
			Spec: apiextensionsv1.CustomResourceDefinitionSpec{
				Versions: []apiextensionsv1.CustomResourceDefinitionVersion{{Name: "v1alpha1", Served: served}},
			},
			Status: apiextensionsv1.CustomResourceDefinitionStatus{Conditions: []apiextensionsv1.CustomResourceDefinitionCondition{
				{Type: apiextensionsv1.Established, Status: status},
			}},
		}
	}
	found(t, examineCRD(crd(apiextensionsv1.ConditionTrue, true), "v1alpha1", "x"))
	found(t, examineCRD(crd(apiextensionsv1.ConditionFalse, true), "v1alpha1", "x"),
		"problem: CustomResourceDefinition x.example.com is not established")
	found(t, examineCRD(crd(apiextensionsv1.ConditionTrue, false), "v1alpha1", "x"),
		"problem: CustomResourceDefinition x.example.com does not serve version v1alpha1")
}

func deployment(name, image string, replicas int32) appsv1.Deployment {
	return appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Namespace: "system", Name: name},
		Spec: appsv1.DeploymentSpec{
			Replicas: ptr.To(replicas),
			Template: corev1.PodTemplateSpec{Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: name, Image: image}}}},
		},
	}
}

func TestVersionsOfKro(t *testing.T) {
	const unknown = "skipped: no Deployment with the label app.kubernetes.io/name=kro tells kro's version by the tag of its image"
	for image, want := range map[string]struct {
		summary  string
		findings []string
	}{
		"registry.k8s.io/kro/kro:v0.9.4":             {summary: "kro 0.9.4"},
		"localhost:5000/kro:0.9.3@sha256:0123456789": {summary: "kro 0.9.3"},
		"ghcr.io/kro-run/kro:v0.8.1":                 {summary: "kro 0.8.1", findings: []string{"warning: Deployment system/kro runs kro 0.8.1; kroguard is tested with 0.9"}},
		"localhost:5000/kro@sha256:0123456789":       {findings: []string{unknown}},
		"registry.example.com/proxy:v1.2":            {findings: []string{unknown}},
	} {
		t.Run(image, func(t *testing.T) {
			summary, findings := examineKroVersion([]appsv1.Deployment{deployment("kro", image, 1)})
			if summary != want.summary {
				t.Errorf("summary %q, want %q", summary, want.summary)
			}
			found(t, findings, want.findings...)
		})
	}
}

func TestReplicas(t *testing.T) {
	endpoint := func(name string, ready *bool) discoveryv1.Endpoint {
		return discoveryv1.Endpoint{
			Addresses: []string{"10.0.0.1"}, Conditions: discoveryv1.EndpointConditions{Ready: ready},
			TargetRef: &corev1.ObjectReference{Kind: "Pod", Name: name},
		}
	}
	wanted := []appsv1.Deployment{deployment("kroguard", "kroguard", 2)}
	for name, test := range map[string]struct {
		endpoints   []discoveryv1.Endpoint
		deployments []appsv1.Deployment
		summary     string
		want        []string
	}{
		"all":                           {endpoints: []discoveryv1.Endpoint{endpoint("a", ptr.To(true)), endpoint("b", nil)}, deployments: wanted, summary: "2 replicas ready behind Service system/webhook"},
		"one of two":                    {endpoints: []discoveryv1.Endpoint{endpoint("a", ptr.To(true)), endpoint("b", ptr.To(false))}, deployments: wanted, summary: "1 replica ready behind Service system/webhook", want: []string{"warning: 1 of 2 replicas are ready"}},
		"none":                          {endpoints: []discoveryv1.Endpoint{endpoint("a", ptr.To(false))}, deployments: wanted, want: []string{"problem: nothing behind Service system/webhook is ready: instances are refused until something is"}},
		"a Pod with two addresses":      {endpoints: []discoveryv1.Endpoint{endpoint("a", nil), endpoint("a", nil)}, deployments: wanted, summary: "1 replica ready behind Service system/webhook", want: []string{"warning: 1 of 2 replicas are ready"}},
		"Deployments can't be read":     {endpoints: []discoveryv1.Endpoint{endpoint("a", nil)}, summary: "1 replica ready behind Service system/webhook"},
		"there are no endpoints at all": {want: []string{"problem: nothing behind Service system/webhook is ready: instances are refused until something is"}},
	} {
		t.Run(name, func(t *testing.T) {
			summary, findings := examineReplicas("system/webhook", []discoveryv1.EndpointSlice{{Endpoints: test.endpoints}}, test.deployments, "look")
			if summary != test.summary {
				t.Errorf("summary %q, want %q", summary, test.summary)
			}
			found(t, findings, test.want...)
		})
	}
}

func TestAnswersToTheDryRun(t *testing.T) {
	resource := runtimeschema.GroupResource{Group: "kroguard.io", Resource: "guardrails"}
	denied := apierrors.NewForbidden(resource, "x", errors.New(`admission webhook "guardrails.kroguard.io" denied the request: guardrail x does not compile`))
	for name, test := range map[string]struct {
		err  error
		took time.Duration
		want []string
	}{
		"kroguard refuses":         {err: denied, took: 5 * time.Millisecond},
		"kroguard refuses, slowly": {err: denied, took: 1500 * time.Millisecond, want: []string{"warning: the answer took 1.5s: every request for an instance waits for two of them"}},
		"RBAC refuses": {
			err:  apierrors.NewForbidden(resource, "", errors.New(`User "me" cannot create resource`)),
			want: []string{"skipped: you may not create guardrails.kroguard.io, not even as a dry run"},
		},
		"another webhook refuses": {
			err:  errors.New(`admission webhook "other.example.com" denied the request: no`),
			want: []string{`skipped: something else refused it first: admission webhook "other.example.com" denied the request: no`},
		},
		"a policy refuses": {
			err:  apierrors.NewForbidden(resource, "x", errors.New("ValidatingAdmissionPolicy 'p' with binding 'b' denied request: no")),
			want: []string{`skipped: something else refused it first: guardrails.kroguard.io "x" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' denied request: no`},
		},
		"there is no such kind": {err: apierrors.NewNotFound(resource, ""), want: []string{"skipped: there are no guardrails.kroguard.io in this cluster"}},
		"no time is left":       {want: []string{"problem: no time was left to create guardrails.kroguard.io"}},
		"the API server fails":  {err: errors.New("etcd is gone"), want: []string{"problem: could not create guardrails.kroguard.io: etcd is gone"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, findings := examineCall(test.err, test.took)
			found(t, findings, test.want...)
		})
	}
}

func TestProjects(t *testing.T) {
	owns := func(name string, namespaces ...string) v1alpha1.Project {
		return v1alpha1.Project{
			ObjectMeta: metav1.ObjectMeta{Name: name},
			Spec:       v1alpha1.ProjectSpec{Namespaces: v1alpha1.ProjectNamespaces{Names: namespaces}},
		}
	}
	namespace := func(name string, labels map[string]string) corev1.Namespace {
		return corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels}}
	}
	projects := []v1alpha1.Project{owns("a", "x", "y"), owns("b", "x", "z"), owns("c", "x", "y")}
	findings := examineProjects(projects, nil, []corev1.Namespace{
		namespace("x", nil), namespace("y", map[string]string{"kroguard.io/project": "a"}), namespace("z", nil),
		namespace("lost", map[string]string{"kroguard.io/project": "gone"}),
	})
	found(t, findings, "problem: namespace x is claimed by projects a, b, c: instances there are refused",
		"problem: namespace lost is labeled for project gone, which is not there: instances there are refused")

	broken := owns("broken")
	broken.Spec.Namespaces.Selector = &metav1.LabelSelector{MatchLabels: map[string]string{"a b": "c"}}
	if findings := examineProjects([]v1alpha1.Project{broken}, nil, nil); len(findings) != 1 || findings[0].Status != StatusProblem {
		t.Errorf("a selector that does not parse: %+v", findings)
	}
}

func TestGuardrails(t *testing.T) {
	guardrail := func(name string, ready *metav1.Condition, types ...v1alpha1.ExpressionWarning) v1alpha1.Guardrail {
		g := v1alpha1.Guardrail{ObjectMeta: metav1.ObjectMeta{Name: name, Generation: 2}, Status: v1alpha1.GuardrailStatus{ObservedGeneration: 2, TypeChecking: types}}
		if ready != nil {
			ready.Type = "Ready"
			g.Status.Conditions = []metav1.Condition{*ready}
		}
		return g
	}
	old := guardrail("old", &metav1.Condition{Status: metav1.ConditionTrue})
	old.Status.ObservedGeneration = 1
	found(t, examineGuardrails([]v1alpha1.Guardrail{
		guardrail("good", &metav1.Condition{Status: metav1.ConditionTrue}),
		guardrail("bad", &metav1.Condition{Status: metav1.ConditionFalse, Message: "spec: line 1, column 2: no"}),
		guardrail("new", nil), old,
		guardrail("doubtful", &metav1.Condition{Status: metav1.ConditionTrue}, v1alpha1.ExpressionWarning{FieldRef: "spec.x", Warning: "no field replcas"}),
	}, "logs"),
		"problem: guardrail bad: spec: line 1, column 2: no",
		"warning: guardrail new: its status does not tell yet whether it compiles",
		"warning: guardrail old: its status does not tell yet whether it compiles",
		"warning: guardrail doubtful: spec.x: no field replcas")
}

func TestExceptions(t *testing.T) {
	exception := func(name string, left time.Duration, conditions ...metav1.Condition) v1alpha1.GuardrailException {
		return v1alpha1.GuardrailException{
			ObjectMeta: metav1.ObjectMeta{Name: name},
			Spec:       v1alpha1.GuardrailExceptionSpec{ExpiresAt: metav1.NewTime(now().Add(left)), ApprovedBy: "jane"},
			Status:     v1alpha1.GuardrailExceptionStatus{Conditions: conditions},
		}
	}
	found(t, examineExceptions([]v1alpha1.GuardrailException{
		exception("long", 7*24*time.Hour), exception("soon", 3*24*time.Hour+time.Hour), exception("today", 90*time.Minute), exception("over", 0),
		exception("broken", 1000*time.Hour, metav1.Condition{Type: "Ready", Reason: v1alpha1.ReasonInvalidSelector, Message: "the exception waives nothing"}),
	}, now()),
		"warning: exception soon ends 2030-01-04T13:00:00Z, in 3 days",
		"warning: exception today ends 2030-01-01T13:30:00Z, in 1h30m0s",
		"warning: exception over waives nothing since 2030-01-01T12:00:00Z",
		"warning: exception broken: the exception waives nothing")
}
