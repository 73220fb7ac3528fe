package chart

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kroguard/kroguard/test/e2e/harness"
)

// startLoad dry-runs instances, which goes through all of admission, until its End.
func startLoad(ctx context.Context) *harness.Load {
	return harness.StartLoad(ctx, func(ctx context.Context, writer, n int) error {
		return h.Client.Create(ctx, greeting(fmt.Sprintf("load-%d-%d", writer, n), 2), client.DryRunAll)
	})
}

const platform = `
apiVersion: kro.run/v1alpha1
kind: ResourceGraphDefinition
metadata:
  name: greeting
  annotations: {kroguard.io/catalog: "true", kroguard.io/defaults: "text: hello"}
spec:
  schema:
    apiVersion: v1alpha1
    kind: Greeting
    spec: {copies: integer | required=true, text: string}
  resources:
    - id: config
      template:
        apiVersion: v1
        kind: ConfigMap
        metadata: {name: "greeting-${schema.metadata.name}"}
        data: {text: "${schema.spec.text}"}
---
apiVersion: kroguard.io/v1alpha1
kind: Guardrail
metadata: {name: few-copies}
spec:
  cel: {validations: [{expression: object.spec.copies < 10, message: too many copies, fieldPath: .spec.copies}]}
---
apiVersion: kroguard.io/v1alpha1
kind: Project
metadata: {name: everybody}
spec: {owner: team-a, namespaces: {names: [default]}}
`

func greeting(name string, copies int64) *unstructured.Unstructured {
	object := &unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{"copies": copies}}}
	object.SetGroupVersionKind(schema.GroupVersionKind{Group: "kro.run", Version: "v1alpha1", Kind: "Greeting"})
	object.SetNamespace("default")
	object.SetName(name)
	return object
}
