package rego_test

import (
	"context"
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/open-policy-agent/opa/v1/ast"
	opa "github.com/open-policy-agent/opa/v1/rego"
	admissionv1 "k8s.io/api/admission/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kroguard/kroguard/docs"
	"github.com/kroguard/kroguard/internal/project"
	"github.com/kroguard/kroguard/policies"
	"github.com/kroguard/kroguard/policies/v1alpha1"
)

// inputOf is the document that policies see, as JSON.
func inputOf(t *testing.T, options policies.InputOptions) map[string]any {
	t.Helper()
	program := mustCompile(t, newDriver(), v1Guardrail("package guardrail\ndeny := json.marshal(input)"))
	findings, err := program.Evaluate(context.Background(), policies.NewInput(options))
	if err != nil || len(findings) != 1 {
		t.Fatalf("got %v, %v; want one finding", findings, err)
	}
	var document map[string]any
	if err := json.Unmarshal([]byte(findings[0].Message), &document); err != nil {
		t.Fatal(err)
	}
	return document
}

// schemaErrors are what OPA's own validator says of a document by the documented schema.
func schemaErrors(t *testing.T, document map[string]any) []string {
	t.Helper()
	var schema any
	if err := json.Unmarshal([]byte(docs.RegoInputSchema()), &schema); err != nil {
		t.Fatal(err)
	}
	results, err := opa.New(
		opa.Query(`[_, errors] = json.match_schema(input.document, input.schema); texts = [e.error | e := errors[_]]`),
		opa.Input(map[string]any{"document": document, "schema": schema}),
	).Eval(t.Context())
	if err != nil || len(results) != 1 {
		t.Fatalf("got %v, %v", results, err)
	}
	var texts []string
	for _, text := range results[0].Bindings["texts"].([]any) {
		texts = append(texts, text.(string))
	}
	return texts
}

func TestInputsAreAsDocumented(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*policies.InputOptions){
		"create": func(*policies.InputOptions) {},
		"update": func(options *policies.InputOptions) {
			options.Request.Operation, options.OldObject = admissionv1.Update, webApp()
		},
		"cluster-scoped, without a cluster": func(options *policies.InputOptions) {
			*options = policies.InputOptions{Object: map[string]any{"apiVersion": "kro.run/v1alpha1", "kind": "Tenant"}}
		},
		"everything there is": func(options *policies.InputOptions) {
			claim, _ := project.FromProject(&v1alpha1.Project{ObjectMeta: metav1.ObjectMeta{Name: "payments"}})
			options.Project, options.Offering = claim.Project.Values(), parseRGD(t, webAppRGD).Values()
			options.Request.SubResource, options.Request.RequestSubResource = "scale", "scale"
			options.Namespace.ObjectMeta = metav1.ObjectMeta{
				Name: "a", UID: "b", ResourceVersion: "1", Generation: 1, CreationTimestamp: metav1.Now(),
				DeletionTimestamp: new(metav1.Now()), DeletionGracePeriodSeconds: new(int64(3)), Finalizers: []string{"x"},
				Labels: map[string]string{"a": "b"}, Annotations: map[string]string{"a": "b"},
				OwnerReferences: []metav1.OwnerReference{{Kind: "x"}}, ManagedFields: []metav1.ManagedFieldsEntry{{Manager: "x"}},
			}
			options.Namespace.Spec.Finalizers = []corev1.FinalizerName{"kubernetes"}
			options.Namespace.Status.Conditions = []corev1.NamespaceCondition{{Type: "x"}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			options := review()
			change(&options)
			document := inputOf(t, options)
			if got := schemaErrors(t, document); len(got) > 0 {
				t.Errorf("the schema refuses it: %q", got)
			}
			document["review"].(map[string]any)["undocumented"] = true
			if got := schemaErrors(t, document); len(got) != 1 {
				t.Errorf("an undocumented field yields %q, want one error", got)
			}
		})
	}
}

// TestTheSchemaNamesEveryField holds the schema to the types that are encoded, whose optional fields no example has all of.
func TestTheSchemaNamesEveryField(t *testing.T) {
	t.Parallel()
	claim, _ := project.FromProject(&v1alpha1.Project{})
	request := append(jsonNames(reflect.TypeFor[admissionv1.AdmissionRequest]()), "namespaceObject")
	slices.Sort(request)
	for path, want := range map[string][]string{
		"properties.review":                                              request,
		"properties.review.properties.userInfo":                          jsonNames(reflect.TypeFor[authenticationv1.UserInfo]()),
		"properties.review.properties.namespaceObject":                   {"apiVersion", "kind", "metadata", "spec", "status"},
		"properties.review.properties.namespaceObject.properties.spec":   jsonNames(reflect.TypeFor[corev1.NamespaceSpec]()),
		"properties.review.properties.namespaceObject.properties.status": jsonNames(reflect.TypeFor[corev1.NamespaceStatus]()),
		"definitions.kind":                                               jsonNames(reflect.TypeFor[metav1.GroupVersionKind]()),
		"definitions.resource":                                           jsonNames(reflect.TypeFor[metav1.GroupVersionResource]()),
		"definitions.metadata":                                           jsonNames(reflect.TypeFor[metav1.ObjectMeta]()),
		"properties.project":                                             slices.Sorted(maps.Keys(claim.Project.Values())),
		"properties.offering":                                            slices.Sorted(maps.Keys(parseRGD(t, webAppRGD).Values())),
	} {
		var node map[string]any
		if err := json.Unmarshal([]byte(docs.RegoInputSchema()), &node); err != nil {
			t.Fatal(err)
		}
		for _, name := range strings.Split(path, ".") {
			node = node[name].(map[string]any)
		}
		got := slices.Sorted(maps.Keys(node["properties"].(map[string]any)))
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-encoded +documented):\n%s", path, diff)
		}
	}
}

// TestOPAReadsTheDocumentedSchema shows what "opa check --schema" makes of it.
func TestOPAReadsTheDocumentedSchema(t *testing.T) {
	t.Parallel()
	var schema any
	if err := json.Unmarshal([]byte(docs.RegoInputSchema()), &schema); err != nil {
		t.Fatal(err)
	}
	for expression, want := range map[string]string{
		"input.review.object.spec.anything == input.review.oldObject.spec.anything": "",
		"input.review.oldObject == null":                                            "",
		"input.review.userInfo.name":                                                "undefined ref: input.review.userInfo.name",
		"input.project.parameters.limit == input.parameters.limit":                  "",
		"input.offering.tag":                                                        "undefined ref: input.offering.tag",
	} {
		schemas := ast.NewSchemaSet()
		schemas.Put(ast.SchemaRootRef, schema)
		compiler := ast.NewCompiler().WithSchemas(schemas)
		compiler.Compile(map[string]*ast.Module{"main.rego": ast.MustParseModule("package main\n\ndeny if " + expression)})
		got := ""
		if compiler.Failed() {
			got = compiler.Errors[0].Message
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", expression, got, want)
		}
	}
}

// jsonNames are the sorted names of a struct's fields in JSON.
func jsonNames(t reflect.Type) []string {
	var names []string
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
