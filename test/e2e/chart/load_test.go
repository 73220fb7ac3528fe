package chart

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// writers is how many clients write at the same time.
const writers = 4

// load is a steady stream of requests that must all succeed.
type load struct {
	stop   context.CancelFunc
	done   sync.WaitGroup
	count  atomic.Int64
	failed sync.Map // error text -> nil
}

// startLoad dry-runs instances, which goes through all of admission, until Stop.
func startLoad(ctx context.Context) *load {
	l := new(load)
	ctx, l.stop = context.WithCancel(ctx)
	for writer := range writers {
		l.done.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				err := h.Client.Create(ctx, greeting(fmt.Sprintf("load-%d-%d", writer, n), 2), client.DryRunAll)
				if ctx.Err() != nil {
					return
				}
				l.count.Add(1)
				if err != nil {
					l.failed.Store(err.Error(), nil)
				}
			}
		})
	}
	return l
}

// end stops the load and fails the test if a request failed.
func (l *load) end(t *testing.T, during string) {
	t.Helper()
	l.stop()
	l.done.Wait()
	t.Logf("%s: %d requests", during, l.count.Load())
	if l.count.Load() == 0 {
		t.Errorf("%s: there was no load", during)
	}
	l.failed.Range(func(text, _ any) bool {
		t.Errorf("%s: a request was refused: %s", during, text)
		return true
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
