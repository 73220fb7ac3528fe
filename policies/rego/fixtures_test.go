package rego_test

import (
	"context"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/kroguard/kroguard/policies"
	"github.com/kroguard/kroguard/policies/rego"
	"github.com/kroguard/kroguard/policies/v1alpha1"
)

// newDriver is a driver for tests that are not about time: it has enough of it on any machine.
func newDriver() *rego.Driver { return rego.New(rego.Options{Deadline: time.Minute}) }

// webApp is an instance as a developer writes it, decoded as the webhook decodes it.
func webApp() map[string]any {
	return map[string]any{
		"apiVersion": "kro.run/v1alpha1",
		"kind":       "WebApp",
		"metadata": map[string]any{
			"name":        "shop",
			"namespace":   "payments-prod",
			"labels":      map[string]any{"team": "payments", "env": "prod"},
			"annotations": map[string]any{"example.com/ticket": "OPS-1"},
		},
		"spec": map[string]any{
			"name":     "shop",
			"replicas": int64(5),
			"ratio":    0.5,
			"image":    "registry.example.com/shop:1.4.2",
			"memory":   "512Mi",
			"cpu":      "250m",
			"host":     "shop.example.com",
			"public":   true,
			"ports":    []any{int64(80), int64(443)},
			"env": []any{
				map[string]any{"name": "LOG_LEVEL", "value": "info"},
				map[string]any{"name": "DB_PASSWORD", "value": "hunter2"},
				map[string]any{"name": "REGION", "value": "eu-west-1"},
			},
			"ingress": map[string]any{"enabled": true, "class": "nginx", "tls": false},
		},
	}
}

// review is a CREATE of webApp by a developer of a project.
func review() policies.InputOptions {
	kind := metav1.GroupVersionKind{Group: "kro.run", Version: "v1alpha1", Kind: "WebApp"}
	resource := metav1.GroupVersionResource{Group: "kro.run", Version: "v1alpha1", Resource: "webapps"}
	return policies.InputOptions{
		Request: &admissionv1.AdmissionRequest{
			UID:             "705ab4f5-6393-11e8-b7cc-42010a800002",
			Kind:            kind,
			Resource:        resource,
			RequestKind:     &kind,
			RequestResource: &resource,
			Name:            "shop",
			Namespace:       "payments-prod",
			Operation:       admissionv1.Create,
			UserInfo: authenticationv1.UserInfo{
				Username: "ada",
				UID:      "42",
				Groups:   []string{"developers", "system:authenticated"},
				Extra:    map[string]authenticationv1.ExtraValue{"scopes": {"read", "write"}},
			},
			DryRun:  new(bool),
			Options: runtime.RawExtension{Raw: []byte(`{"kind":"CreateOptions","apiVersion":"meta.k8s.io/v1","fieldManager":"kubectl"}`)},
		},
		Object: webApp(),
		Namespace: &corev1.Namespace{
			ObjectMeta: metav1.ObjectMeta{
				Name:        "payments-prod",
				Labels:      map[string]string{"env": "prod"},
				Annotations: map[string]string{"owner": "ada"},
			},
			Status: corev1.NamespaceStatus{Phase: corev1.NamespaceActive},
		},
		OfferingName: "webapp",
		Offering:     map[string]any{"name": "webapp", "category": "web"},
		ProjectName:  "payments",
		Project: map[string]any{
			"name":       "payments",
			"costCenter": "CC-7",
			"parameters": map[string]any{"maxReplicas": int64(3)},
		},
	}
}

// objectInput is an input whose object is the given one.
func objectInput(object map[string]any) *policies.Input {
	options := review()
	options.Object = object
	return policies.NewInput(options)
}

// module is a module named main.rego.
func module(source string) v1alpha1.RegoModule {
	return v1alpha1.RegoModule{Name: "main.rego", Source: source}
}

// guardrail is a guardrail named test.
func guardrail(version v1alpha1.RegoVersion, params string, modules ...v1alpha1.RegoModule) *v1alpha1.Guardrail {
	g := &v1alpha1.Guardrail{ObjectMeta: metav1.ObjectMeta{Name: "test"}}
	g.Spec.Rego = &v1alpha1.RegoPolicy{Version: version, Modules: modules}
	if params != "" {
		g.Spec.Params = &apiextensionsv1.JSON{Raw: []byte(params)}
	}
	return g
}

// v1Guardrail is a guardrail of one module in Rego v1, without params.
func v1Guardrail(source string) *v1alpha1.Guardrail {
	return guardrail(v1alpha1.RegoV1, "", module(source))
}

// mustCompile compiles a guardrail that is in order.
func mustCompile(tb testing.TB, driver *rego.Driver, g *v1alpha1.Guardrail) policies.Program {
	tb.Helper()
	program, warnings, err := driver.Compile(context.Background(), g)
	if err != nil {
		tb.Fatalf("the guardrail does not compile: %v", err)
	}
	if len(warnings) != 0 {
		tb.Fatalf("unexpected warnings: %v", warnings)
	}
	return program
}

// errorText is the text of an error; "" for nil.
func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
