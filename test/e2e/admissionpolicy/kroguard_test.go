package admissionpolicy

import (
	"context"
	"errors"
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admission/v1"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kroguard/kroguard/policies"
	"github.com/kroguard/kroguard/policies/admissionpolicy"
	"github.com/kroguard/kroguard/policies/cel"
)

// judge evaluates policies as kroguard does, on what the API server judges.
type judge struct {
	compiler   *admissionpolicy.Compiler
	namespaces map[string]*corev1.Namespace
	user       authenticationv1.UserInfo
}

func newJudge(t *testing.T) *judge {
	t.Helper()
	driver, err := cel.New()
	if err != nil {
		t.Fatal(err)
	}
	j := &judge{namespaces: map[string]*corev1.Namespace{}}
	j.compiler = admissionpolicy.NewCompiler(admissionpolicy.Options{
		Driver: driver, Params: params(t), Equivalents: equivalents,
	})
	var list corev1.NamespaceList
	if err := admin.List(t.Context(), &list); err != nil {
		t.Fatal(err)
	}
	for i := range list.Items {
		j.namespaces[list.Items[i].Name] = &list.Items[i]
	}
	// Whom the API server takes kro for, it says itself.
	self := &authenticationv1.SelfSubjectReview{}
	if err := kro.Create(t.Context(), self); err != nil {
		t.Fatal(err)
	}
	j.user = self.Status.UserInfo
	return j
}

// params are all objects that policies refer to, as the API server has them.
func params(t *testing.T) admissionpolicy.Params {
	t.Helper()
	var objects []map[string]any
	for _, kind := range []schema.GroupVersionKind{
		{Group: "example.com", Version: "v1", Kind: "Limit"}, {Group: "example.com", Version: "v1", Kind: "Ceiling"},
		{Version: "v1", Kind: "ConfigMap"},
	} {
		var list unstructured.UnstructuredList
		list.SetGroupVersionKind(kind)
		if err := admin.List(t.Context(), &list); err != nil {
			t.Fatal(err)
		}
		for i := range list.Items {
			objects = append(objects, list.Items[i].Object)
		}
	}
	return admissionpolicy.NewObjects(objects)
}

// equivalents are those of the kind that is served in two versions.
func equivalents(resource schema.GroupVersionResource) []admissionpolicy.Equivalent {
	if resource.Group != "example.com" || resource.Resource != "queues" {
		return nil
	}
	var all []admissionpolicy.Equivalent
	for _, version := range []string{"v1", "v2"} {
		if version != resource.Version {
			all = append(all, admissionpolicy.Equivalent{
				Resource: schema.GroupVersionResource{Group: resource.Group, Version: version, Resource: resource.Resource},
				Kind:     schema.GroupVersionKind{Group: resource.Group, Version: version, Kind: "Queue"}, SameSchema: true,
			})
		}
	}
	return all
}

// input is the object of a request, with what a webhook would be told of it.
func (j *judge) input(t *testing.T, tried *tried) *policies.Input {
	t.Helper()
	object := &unstructured.Unstructured{Object: tried.object}
	kind := object.GroupVersionKind()
	resource, _ := meta.UnsafeGuessKindToResource(kind)
	options := policies.InputOptions{
		Request: &admissionv1.AdmissionRequest{
			Kind:     metav1.GroupVersionKind(kind),
			Resource: metav1.GroupVersionResource(resource),
			Name:     object.GetName(), Namespace: object.GetNamespace(), Operation: admissionv1.Create, UserInfo: j.user,
		},
		Object: tried.object, OldObject: tried.old, Instance: map[string]any{"kind": "WebApp"},
		Namespace: j.namespaces[object.GetNamespace()],
	}
	if kind.Kind == "Namespace" {
		// API servers take a namespace to be in itself.
		options.Request.Namespace = object.GetName()
	}
	if tried.old != nil {
		options.Request.Operation = admissionv1.Update
	}
	return policies.NewInput(options)
}

// outcome is what kroguard says, in the API server's words: warnings, and the refusals of which an API server tells the first.
type outcome struct {
	Warned, Denied []string
	// unsure counts what is unknown of Denied.
	unsure int
}

// judge judges by all suites.
func (j *judge) judge(t *testing.T, suites []*suite, in *policies.Input) outcome {
	t.Helper()
	var definitions []*admissionregistrationv1.ValidatingAdmissionPolicy
	var bindings []*admissionregistrationv1.ValidatingAdmissionPolicyBinding
	for _, s := range suites {
		definitions, bindings = append(definitions, s.policy), append(bindings, s.bindings...)
	}
	var o outcome
	for _, p := range j.compiler.Compile(definitions, bindings) {
		if p.Err != nil {
			t.Fatalf("%s does not compile: %v", p.Name, p.Err)
		}
		matches, err := p.Matches(in)
		if err != nil {
			t.Fatal(err)
		}
		if !matches {
			continue
		}
		list := &o.Warned
		if p.Actions[0] == "Deny" {
			list = &o.Denied
		}
		name := strings.TrimSuffix(p.Name, " (configuration)")
		findings, err := p.Program.Evaluate(context.Background(), in)
		for _, finding := range findings {
			*list = append(*list, name+": "+finding.Message)
			if finding.Unknown && p.Actions[0] == "Deny" {
				o.unsure++
			}
		}
		if err != nil && !p.Ignore {
			*list = append(*list, errorsOf(name, err)...)
		}
	}
	return o
}

// errorsOf are the errors that an API server tells one by one.
func errorsOf(name string, err error) []string {
	many, ok := errors.AsType[cel.EvaluationErrors](err)
	if !ok {
		return []string{name + ": " + err.Error()}
	}
	var lines []string
	for i := range many {
		lines = append(lines, name+": "+many[i].Error())
	}
	return lines
}
