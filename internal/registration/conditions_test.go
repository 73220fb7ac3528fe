package registration_test

import (
	"fmt"
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admission/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	runtimeschema "k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/admission/plugin/cel"
	"k8s.io/apiserver/pkg/admission/plugin/webhook"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/cel/environment"

	"github.com/kroguard/kroguard/internal/registration"
)

const (
	kro  = "system:serviceaccount:kro-system:kro"
	jane = "jane"
)

// request is an admission request in the words of the table below.
type request struct {
	user        string
	operation   admissionv1.Operation
	group       string
	resource    string
	object, old map[string]any
}

func TestInstanceConditions(t *testing.T) {
	base := func() map[string]any {
		return map[string]any{
			"apiVersion": "kro.run/v1alpha1", "kind": "WebApp",
			"metadata": map[string]any{
				"name": "shop", "namespace": "payments",
				"labels":      map[string]any{"team": "payments"},
				"annotations": map[string]any{"note": "x"},
			},
			"spec": map[string]any{"replicas": int64(2), "ports": []any{int64(80)}},
		}
	}
	with := func(changes ...func(map[string]any)) map[string]any {
		object := base()
		for _, change := range changes {
			change(object)
		}
		return object
	}
	set := func(value any, path ...string) func(map[string]any) {
		return func(object map[string]any) {
			if err := unstructured.SetNestedField(object, value, path...); err != nil {
				panic(err)
			}
		}
	}
	drop := func(path ...string) func(map[string]any) {
		return func(object map[string]any) { unstructured.RemoveNestedField(object, path...) }
	}
	deleting := set("2030-01-01T00:00:00Z", "metadata", "deletionTimestamp")
	many := func(count int) map[string]any {
		entries := map[string]any{}
		for i := range count {
			entries[strings.Repeat("p", 240)+fmt.Sprintf(".example.com/%s%05d", strings.Repeat("k", 58), i)] = strings.Repeat("v", 512)
		}
		return entries
	}

	tests := []struct {
		name    string
		request request
		// skipped is the condition that spares the call; empty where kroguard is called.
		skipped string
	}{
		{name: "a new instance is sent", request: request{user: jane, operation: admissionv1.Create, object: base()}},
		{name: "a nested instance that kro creates is sent", request: request{user: kro, operation: admissionv1.Create, object: base()}},
		{
			name:    "an RGD is not an instance",
			request: request{user: jane, operation: admissionv1.Create, resource: "resourcegraphdefinitions", object: base()},
			skipped: "not-a-resourcegraphdefinition",
		},
		{
			name:    "a kind of another group with the plural of the RGD is sent",
			request: request{user: jane, operation: admissionv1.Create, group: "example.com", resource: "resourcegraphdefinitions", object: base()},
		},
		{
			name:    "an instance that is being deleted is left alone",
			request: request{user: jane, operation: admissionv1.Update, object: with(deleting), old: with(deleting)},
			skipped: "not-being-deleted",
		},
		{
			name:    "kro removing its finalizer is left alone",
			request: request{user: kro, operation: admissionv1.Update, object: with(deleting), old: with(deleting, set([]any{"kro.run/finalizer"}, "metadata", "finalizers"))},
			skipped: "not-being-deleted",
		},
		{
			name:    "a deletionTimestamp that the user claims on CREATE spares nothing",
			request: request{user: jane, operation: admissionv1.Create, object: with(deleting)},
		},
		{
			name:    "a deletionTimestamp that the user claims on UPDATE spares nothing",
			request: request{user: jane, operation: admissionv1.Update, object: with(deleting), old: base()},
		},
		{
			name:    "an update by a user without a change is sent",
			request: request{user: jane, operation: admissionv1.Update, object: base(), old: base()},
		},
		{
			name:    "an update by kro without a change is spared",
			request: request{user: kro, operation: admissionv1.Update, object: base(), old: base()},
			skipped: "not-kro-bookkeeping",
		},
		{
			name: "kro's finalizer, labels and annotations are spared",
			request: request{
				user: kro, operation: admissionv1.Update, old: base(),
				object: with(
					set([]any{"kro.run/finalizer"}, "metadata", "finalizers"),
					set("true", "metadata", "labels", "kro.run/owned"),
					set("x", "metadata", "labels", "internal.kro.run/id"),
					set("x", "metadata", "labels", "applyset.kubernetes.io/id"),
					set("x", "metadata", "annotations", "applyset.kubernetes.io/tooling"),
					set("x", "metadata", "annotations", "internal.kro.run/applyset-inventory-hash"),
				),
			},
			skipped: "not-kro-bookkeeping",
		},
		{
			name: "kro taking its own labels back is spared",
			request: request{
				user: kro, operation: admissionv1.Update, object: base(),
				old: with(set("true", "metadata", "labels", "kro.run/owned")),
			},
			skipped: "not-kro-bookkeeping",
		},
		{
			name: "instances without labels, annotations and spec are compared too",
			request: request{
				user: kro, operation: admissionv1.Update,
				object: with(drop("metadata", "labels"), drop("metadata", "annotations"), drop("spec"),
					set("x", "metadata", "labels", "kro.run/owned")),
				old: with(drop("metadata", "labels"), drop("metadata", "annotations"), drop("spec")),
			},
			skipped: "not-kro-bookkeeping",
		},
		{
			name:    "kro changing spec deep inside is sent",
			request: request{user: kro, operation: admissionv1.Update, object: with(set([]any{int64(81)}, "spec", "ports")), old: base()},
		},
		{name: "kro removing spec is sent", request: request{user: kro, operation: admissionv1.Update, object: with(drop("spec")), old: base()}},
		{name: "kro adding spec is sent", request: request{user: kro, operation: admissionv1.Update, object: base(), old: with(drop("spec"))}},
		{
			name:    "kro changing a label that isn't its own is sent",
			request: request{user: kro, operation: admissionv1.Update, object: with(set("ops", "metadata", "labels", "team")), old: base()},
		},
		{
			name:    "kro adding a label that isn't its own is sent",
			request: request{user: kro, operation: admissionv1.Update, object: with(set("x", "metadata", "labels", "env")), old: base()},
		},
		{
			name:    "kro removing a label that isn't its own is sent",
			request: request{user: kro, operation: admissionv1.Update, object: with(drop("metadata", "labels", "team")), old: base()},
		},
		{
			name:    "kro removing all annotations is sent",
			request: request{user: kro, operation: admissionv1.Update, object: with(drop("metadata", "annotations")), old: base()},
		},
		{
			name:    "a label whose prefix only looks like kro's is sent",
			request: request{user: kro, operation: admissionv1.Update, object: with(set("x", "metadata", "labels", "notkro.run/x")), old: base()},
		},
		{
			name:    "a label with kro's prefix in its name is sent",
			request: request{user: kro, operation: admissionv1.Update, object: with(set("x", "metadata", "labels", "example.com/kro.run")), old: base()},
		},
		{
			name:    "as many entries as are compared, of the greatest size, stay within the cost limit",
			request: request{user: kro, operation: admissionv1.Update, object: with(set(many(256), "metadata", "annotations"), set(many(256), "metadata", "labels")), old: with(set(many(256), "metadata", "annotations"), set(many(256), "metadata", "labels"))},
			skipped: "not-kro-bookkeeping",
		},
		{
			name:    "more entries than are compared are sent",
			request: request{user: kro, operation: admissionv1.Update, object: with(set(many(257), "metadata", "annotations")), old: with(set(many(257), "metadata", "annotations"))},
		},
		{
			name:    "spec, labels and annotations of a wrong type are sent, not refused",
			request: request{user: jane, operation: admissionv1.Update, object: map[string]any{"metadata": map[string]any{"labels": "x", "annotations": int64(1)}, "spec": []any{"x"}}, old: base()},
		},
		{
			name:    "spec of a wrong type is compared",
			request: request{user: kro, operation: admissionv1.Update, object: with(set("text", "spec")), old: base()},
		},
		{
			name:    "an object without metadata is sent, not refused",
			request: request{user: jane, operation: admissionv1.Update, object: map[string]any{"spec": nil}, old: map[string]any{}},
		},
		{
			name:    "spec: null is compared",
			request: request{user: kro, operation: admissionv1.Update, object: with(set(nil, "spec")), old: with(set(nil, "spec"))},
			skipped: "not-kro-bookkeeping",
		},
	}
	mutating, validating := registration.Build(inCluster(t), nil)
	compiler := cel.NewConditionCompiler(environment.MustBaseEnvSet(environment.DefaultCompatibilityVersion()))
	matchers := map[string]webhook.WebhookAccessor{
		"mutating":   webhook.NewMutatingWebhookAccessor("", mutating.Name, &mutating.Webhooks[0]),
		"validating": webhook.NewValidatingWebhookAccessor("", validating.Name, &validating.Webhooks[0]),
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			for kind, accessor := range matchers {
				got := accessor.GetCompiledMatcher(compiler).Match(t.Context(), attributes(test.request), nil, nil)
				if got.Error != nil {
					t.Fatalf("%s: an erroring condition refuses the request: %v", kind, got.Error)
				}
				if got.FailedConditionName != test.skipped || got.Matches != (test.skipped == "") {
					t.Errorf("%s: called = %v, skipped by %q; want skipped by %q", kind, got.Matches, got.FailedConditionName, test.skipped)
				}
			}
		})
	}
}

func TestKroUserNamesAreData(t *testing.T) {
	options := inCluster(t)
	options.KroUsers = []string{`we"ird\` + "\n\u2028user", "plain", "plain"}
	_, validating := registration.Build(options, nil)
	accessor := webhook.NewValidatingWebhookAccessor("", validating.Name, &validating.Webhooks[0])
	compiler := cel.NewConditionCompiler(environment.MustBaseEnvSet(environment.DefaultCompatibilityVersion()))
	object := map[string]any{"metadata": map[string]any{"name": "x"}}
	for _, name := range options.KroUsers {
		attr := attributes(request{user: name, operation: admissionv1.Update, object: object, old: object})
		got := accessor.GetCompiledMatcher(compiler).Match(t.Context(), attr, nil, nil)
		if got.Error != nil || got.FailedConditionName != "not-kro-bookkeeping" {
			t.Errorf("user %q: %+v, want skipped as kro's bookkeeping", name, got)
		}
	}
}

// BenchmarkConditions is what a request of kro that is spared the round trip costs the API server.
func BenchmarkConditions(b *testing.B) {
	_, validating := registration.Build(inCluster(b), nil)
	accessor := webhook.NewValidatingWebhookAccessor("", validating.Name, &validating.Webhooks[0])
	matcher := accessor.GetCompiledMatcher(cel.NewConditionCompiler(environment.MustBaseEnvSet(environment.DefaultCompatibilityVersion())))
	object := map[string]any{
		"metadata": map[string]any{
			"name":   "x",
			"labels": map[string]any{"team": "a", "env": "b", "kro.run/owned": "true", "applyset.kubernetes.io/id": "x"},
		},
		"spec": map[string]any{"replicas": int64(1)},
	}
	attr := attributes(request{user: kro, operation: admissionv1.Update, object: object, old: object})
	b.ReportAllocs()
	for b.Loop() {
		if matcher.Match(b.Context(), attr, nil, nil).Matches {
			b.Fatal("sent")
		}
	}
}

// attributes are the request as the API server hands it to its matchers.
func attributes(r request) *admission.VersionedAttributes {
	if r.group == "" {
		r.group = "kro.run"
	}
	if r.resource == "" {
		r.resource = "webapps"
	}
	kind := runtimeschema.GroupVersionKind{Group: r.group, Version: "v1alpha1", Kind: "WebApp"}
	resource := runtimeschema.GroupVersionResource{Group: r.group, Version: "v1alpha1", Resource: r.resource}
	object := &unstructured.Unstructured{Object: r.object}
	versioned := &admission.VersionedAttributes{VersionedKind: kind, VersionedObject: admission.NewLazyObject(object)}
	var stored runtime.Object
	if r.old != nil {
		stored = &unstructured.Unstructured{Object: r.old}
		versioned.VersionedOldObject = admission.NewLazyObject(stored)
	}
	versioned.Attributes = admission.NewAttributesRecord(object, stored, kind, "payments", "shop", resource, "",
		admission.Operation(r.operation), nil, false, &user.DefaultInfo{Name: r.user})
	return versioned
}
