package controller

import (
	"context"
	"fmt"
	"testing"

	krov1alpha1 "github.com/kubernetes-sigs/kro/api/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	runtimeschema "k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/kroguard/kroguard/internal/review"
	"github.com/kroguard/kroguard/policies"
	"github.com/kroguard/kroguard/policies/cel"
	"github.com/kroguard/kroguard/policies/v1alpha1"
)

// cluster is a cache with a configuration of some size. As the real one does, it lists by copying structs.
type cluster struct {
	cache.Cache
	guardrails []v1alpha1.Guardrail
	namespaces []corev1.Namespace
	projects   []v1alpha1.Project
	rgds       []krov1alpha1.ResourceGraphDefinition
}

func (c *cluster) List(_ context.Context, list client.ObjectList, _ ...client.ListOption) error {
	switch list := list.(type) {
	case *v1alpha1.GuardrailList:
		list.Items = append(list.Items, c.guardrails...)
	case *corev1.NamespaceList:
		list.Items = append(list.Items, c.namespaces...)
	case *v1alpha1.ProjectList:
		list.Items = append(list.Items, c.projects...)
	case *krov1alpha1.ResourceGraphDefinitionList:
		list.Items = append(list.Items, c.rgds...)
	}
	return nil
}

func (*cluster) Get(_ context.Context, key client.ObjectKey, _ client.Object, _ ...client.GetOption) error {
	return apierrors.NewNotFound(runtimeschema.GroupResource{}, key.Name)
}

func object(kind string, n int) metav1.ObjectMeta {
	return metav1.ObjectMeta{
		Name: fmt.Sprintf("%s-%d", kind, n), UID: types.UID(fmt.Sprintf("%s-%d", kind, n)), Generation: 1, ResourceVersion: "1",
	}
}

func newCluster(guardrails, namespaces, projects, rgds int) *cluster {
	c := new(cluster)
	for n := range guardrails {
		g := v1alpha1.Guardrail{ObjectMeta: object("guardrail", n)}
		g.Spec.CEL = &v1alpha1.CELPolicy{Validations: []v1alpha1.CELValidation{{Expression: fmt.Sprintf("object.spec.replicas <= %d", n)}}}
		c.guardrails = append(c.guardrails, g)
	}
	for n := range namespaces {
		c.namespaces = append(c.namespaces, corev1.Namespace{ObjectMeta: object("namespace", n)})
	}
	for n := range projects {
		p := v1alpha1.Project{ObjectMeta: object("project", n)}
		p.Spec.Namespaces.Names = []string{fmt.Sprintf("namespace-%d", n), fmt.Sprintf("namespace-%d?", n)}
		c.projects = append(c.projects, p)
	}
	for n := range rgds {
		rgd := krov1alpha1.ResourceGraphDefinition{ObjectMeta: object("rgd", n)}
		rgd.Annotations = map[string]string{v1alpha1.GroupVersion.Group + "/defaults": "replicas: 2"}
		rgd.Spec.Schema = &krov1alpha1.Schema{
			Kind: fmt.Sprintf("Kind%d", n), APIVersion: "v1alpha1", Spec: runtime.RawExtension{Raw: []byte(`{"replicas":"integer"}`)},
		}
		c.rgds = append(c.rgds, rgd)
	}
	return c
}

func newSnapshotReconciler(tb testing.TB, c *cluster) *SnapshotReconciler {
	tb.Helper()
	driver, err := cel.New()
	if err != nil {
		tb.Fatal(err)
	}
	return &SnapshotReconciler{
		reader: c, knodex: &optionalKind{cache: c, kind: knodexKind(), crd: knodexCRD}, store: review.NewStore(), compiler: policies.NewCompiler(driver, driver),
		recorder: events.NewFakeRecorder(100),
	}
}

func mustReconcile(tb testing.TB, r *SnapshotReconciler) *review.Snapshot {
	tb.Helper()
	if _, err := r.Reconcile(tb.Context(), reconcile.Request{}); err != nil {
		tb.Fatal(err)
	}
	return r.store.Load()
}

func TestWhatDidNotChangeIsTheSameInTheNextSnapshot(t *testing.T) {
	c := newCluster(3, 3, 3, 3)
	r := newSnapshotReconciler(t, c)
	before := mustReconcile(t, r)
	c.namespaces[1].ResourceVersion, c.namespaces[1].Labels = "2", map[string]string{"env": "prod"}
	c.projects[1].Generation, c.projects[1].Spec.Owner = 2, "other"
	after := mustReconcile(t, r)

	if before == after {
		t.Fatal("nothing was published")
	}
	if before.Guardrails != after.Guardrails {
		t.Error("the guardrails are another Set")
	}
	for n := range 3 {
		namespace, projectName := fmt.Sprintf("namespace-%d", n), fmt.Sprintf("project-%d", n)
		if got, want := before.Namespaces[namespace] == after.Namespaces[namespace], n != 1; got != want {
			t.Errorf("%s is the same: got %v, want %v", namespace, got, want)
		}
		if got, want := before.Projects.ByName(projectName) == after.Projects.ByName(projectName), n != 1; got != want {
			t.Errorf("%s is the same: got %v, want %v", projectName, got, want)
		}
	}
	if got := after.Projects.ByName("project-1").Owner; got != "other" {
		t.Errorf("owner: got %q", got)
	}
	if got := after.Namespaces["namespace-1"].Labels["env"]; got != "prod" {
		t.Errorf("label: got %q", got)
	}

	c.guardrails, c.namespaces, c.projects = c.guardrails[1:], c.namespaces[1:], c.projects[1:]
	last := mustReconcile(t, r)
	if last.Guardrails.Len() != 2 || len(last.Namespaces) != 2 || last.Projects.ByName("project-0") != nil {
		t.Error("something that was deleted is still there")
	}
}

// BenchmarkReconcile is the time from an event to a published snapshot in a large cluster.
func BenchmarkReconcile(b *testing.B) {
	c := newCluster(1000, 200, 50, 100)
	for _, change := range []struct {
		name  string
		apply func()
	}{
		{"a guardrail changed", func() { c.guardrails[500].Generation++ }},
		{"a namespace changed", func() { c.namespaces[100].ResourceVersion += "0" }},
		{"an RGD changed", func() { c.rgds[50].Generation++ }},
	} {
		b.Run(change.name, func(b *testing.B) {
			r := newSnapshotReconciler(b, c)
			mustReconcile(b, r)
			b.ReportAllocs()
			for b.Loop() {
				c.namespaces[100].ResourceVersion = "1"
				change.apply()
				mustReconcile(b, r)
			}
		})
	}
}
