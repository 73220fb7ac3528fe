package admission

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

var widgetKind = schema.GroupVersionKind{Group: "kro.run", Version: "v1alpha1", Kind: "Widget"}

// values are the spec that a test writes or expects.
type values = map[string]any

// wrote is what the user of the table below writes. Nothing of it is about size, mode, list, count, host and nested.a, which
// thus are for the defaults.
func wrote() values { return values{"nested": values{"b": "mine"}} }

// injected is what becomes of it in project payments. replicas is the one field with a default in the RGD's schema, which the
// API server fills in before any webhook: where nothing tells who wrote it, it counts as the user's.
func injected(replicas int64) values {
	return values{
		"size": "medium", "replicas": replicas, "mode": "strict", "count": int64(7),
		"host":   "medium.payments-dev.payments.example.com",
		"list":   []any{"one", "two"},
		"nested": values{"a": "project", "b": "mine", "deep": values{"x": int64(1)}},
	}
}

// create makes an instance by one of the ways there are, and returns its name.
type create func(t *testing.T, name string, spec values) (string, error)

// update writes a spec to an existing instance by one of the ways there are.
type update func(t *testing.T, name string, spec values) error

func TestDefaultsOnCreate(t *testing.T) {
	tests := map[string]struct {
		create create
		want   values
	}{
		"create: a schema default counts as the user's":            {byCreate, injected(1)},
		"client-side apply: the project's default wins":            {byClientSideApply, injected(3)},
		"server-side apply: the project's default wins":            {byServerSideApply, injected(3)},
		"generateName: a schema default counts as the user's":      {byGenerateName, injected(1)},
		"PUT: the API server creates nothing that way":             {byPut, nil},
		"merge patch: the API server creates nothing that way too": {byMergePatch, nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			made, err := test.create(t, "on-create", wrote())
			if test.want == nil {
				if !apierrors.IsNotFound(err) {
					t.Fatalf("got %v, want NotFound", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, spec(t, made)); diff != "" {
				t.Errorf("spec (-want +got):\n%s", diff)
			}
		})
	}
}

// TestDefaultsOnUpdate updates an instance, however it was made, in each way, by a spec that leaves out what was injected.
func TestDefaultsOnUpdate(t *testing.T) {
	changed := values{"nested": values{"b": "changed"}}
	sticks := func(replicas int64) values {
		want := injected(replicas)
		want["nested"] = values{"a": "project", "b": "changed", "deep": values{"x": int64(1)}}
		return want
	}
	tests := map[string]struct {
		create create
		update update
		want   values
	}{
		"create, then client-side apply":            {byCreate, updateByClientSideApply, sticks(1)},
		"client-side apply, then again":             {byClientSideApply, updateByClientSideApply, sticks(3)},
		"server-side apply, then again":             {byServerSideApply, updateByServerSideApply, sticks(3)},
		"create, then PUT":                          {byCreate, updateByPut, sticks(1)},
		"server-side apply, then merge patch":       {byServerSideApply, updateByMergePatch, sticks(3)},
		"generateName, then merge patch":            {byGenerateName, updateByMergePatch, sticks(1)},
		"server-side apply, then client-side apply": {byServerSideApply, updateByClientSideApply, sticks(3)},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			made, err := test.create(t, "on-update", wrote())
			if err != nil {
				t.Fatal(err)
			}
			if err := test.update(t, made, changed); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, spec(t, made)); diff != "" {
				t.Errorf("spec (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWhatTheUserWroteIsKept(t *testing.T) {
	user := values{
		"size": "huge", "replicas": int64(9), "mode": "lax", "count": int64(1), "host": "mine.example.com",
		"list": []any{"three"}, "nested": values{"a": "mine", "deep": values{"x": int64(5)}},
	}
	for name, create := range map[string]create{
		"create": byCreate, "client-side apply": byClientSideApply, "server-side apply": byServerSideApply, "generateName": byGenerateName,
	} {
		t.Run(name, func(t *testing.T) {
			made, err := create(t, "kept", user)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(user, spec(t, made)); diff != "" {
				t.Errorf("spec (-want +got):\n%s", diff)
			}
		})
	}
}

func TestTheSchemaDefaultWrittenOutIsTheUsers(t *testing.T) {
	user := values{"replicas": int64(1)}
	for name, create := range map[string]create{"client-side apply": byClientSideApply, "server-side apply": byServerSideApply} {
		t.Run(name, func(t *testing.T) {
			made, err := create(t, "written-out", user)
			if err != nil {
				t.Fatal(err)
			}
			if got := spec(t, made)["replicas"]; got != int64(1) {
				t.Errorf("replicas: got %v, want 1, which the user wrote", got)
			}
		})
	}
}

// TestNullWrittenByTheUserCountsAsWritten: the API server takes a null for a field with a schema default as leave to fill that
// in, and so does kroguard: the project's default stays out.
func TestNullWrittenByTheUserCountsAsWritten(t *testing.T) {
	name := uniqueName("null")
	h.MustRun(t, fmt.Sprintf(`{"apiVersion":"kro.run/v1alpha1","kind":"Widget","metadata":{"name":%q,"namespace":"payments-dev"},"spec":{"replicas":null}}`, name),
		"apply", "-f", "-")
	if got := spec(t, name)["replicas"]; got != int64(1) {
		t.Errorf("replicas: got %v, want the schema's 1: the user wrote null", got)
	}
}

func TestANamespaceOfNoProjectGetsTheGeneralDefaults(t *testing.T) {
	object := widget(uniqueName("general"), values{})
	object.SetNamespace("nobody")
	if err := h.Client.Create(t.Context(), object); err != nil {
		t.Fatal(err)
	}
	want := values{
		"size": "small", "replicas": int64(1), "mode": "strict", "list": []any{"one", "two"},
		"nested": values{"a": "general", "deep": values{"x": int64(1)}},
	}
	if diff := cmp.Diff(want, object.Object["spec"]); diff != "" {
		t.Errorf("spec (-want +got):\n%s", diff)
	}
}

func TestDryRunAnswersAsTheRealRequest(t *testing.T) {
	name := uniqueName("dry-run")
	dry := widget(name, wrote())
	if err := h.Client.Create(t.Context(), dry, client.DryRunAll); err != nil {
		t.Fatal(err)
	}
	applied := widget(name, wrote())
	if err := h.Client.Create(t.Context(), applied); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(dry.Object["spec"], applied.Object["spec"]); diff != "" {
		t.Errorf("spec (-dry-run +real):\n%s", diff)
	}
	if diff := cmp.Diff(dry.GetLabels(), applied.GetLabels()); diff != "" {
		t.Errorf("labels (-dry-run +real):\n%s", diff)
	}
	if diff := cmp.Diff(dry.GetAnnotations(), applied.GetAnnotations()); diff != "" {
		t.Errorf("annotations (-dry-run +real):\n%s", diff)
	}
}

func TestApplyingTheSameManifestAgainChangesNothing(t *testing.T) {
	for name, apply := range map[string]create{"client-side apply": byClientSideApply, "server-side apply": byServerSideApply} {
		t.Run(name, func(t *testing.T) {
			made, err := apply(t, "again", wrote())
			if err != nil {
				t.Fatal(err)
			}
			before := get(t, made)
			for range 3 {
				if name == "server-side apply" {
					err = updateByServerSideApply(t, made, wrote())
				} else {
					err = updateByClientSideApply(t, made, wrote())
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			after := get(t, made)
			if before.GetGeneration() != after.GetGeneration() {
				t.Errorf("generation went from %d to %d", before.GetGeneration(), after.GetGeneration())
			}
			if diff := cmp.Diff(userMetadata(before), userMetadata(after)); diff != "" {
				t.Errorf("labels and annotations (-before +after):\n%s", diff)
			}
		})
	}
}

// byCreate creates with POST.
func byCreate(t *testing.T, name string, spec values) (string, error) {
	object := widget(uniqueName(name), spec)
	return object.GetName(), h.Client.Create(t.Context(), object)
}

// byGenerateName creates with POST, leaving the name to the API server.
func byGenerateName(t *testing.T, name string, spec values) (string, error) {
	object := widget("", spec)
	object.SetGenerateName(name + "-")
	err := h.Client.Create(t.Context(), object)
	return object.GetName(), err
}

// byClientSideApply creates with kubectl apply.
func byClientSideApply(t *testing.T, name string, spec values) (string, error) {
	name = uniqueName(name)
	return name, updateByClientSideApply(t, name, spec)
}

// byServerSideApply creates as a GitOps controller does.
func byServerSideApply(t *testing.T, name string, spec values) (string, error) {
	name = uniqueName(name)
	return name, updateByServerSideApply(t, name, spec)
}

// byPut tries to create with PUT.
func byPut(t *testing.T, name string, spec values) (string, error) {
	object := widget(uniqueName(name), spec)
	return "", h.Client.Update(t.Context(), object)
}

// byMergePatch tries to create with a merge patch.
func byMergePatch(t *testing.T, name string, spec values) (string, error) {
	return "", updateByMergePatch(t, uniqueName(name), spec)
}

func updateByClientSideApply(t *testing.T, name string, spec values) error {
	answer, err := h.Run(t.Context(), manifest(t, name, spec), "apply", "-f", "-")
	if err == nil && !answer.OK {
		err = fmt.Errorf("kubectl apply: %s", answer.Text)
	}
	return err
}

func updateByServerSideApply(t *testing.T, name string, spec values) error {
	return h.Client.Apply(t.Context(), client.ApplyConfigurationFromUnstructured(widget(name, spec)),
		client.FieldOwner("gitops"), client.ForceOwnership)
}

// updateByPut replaces the whole object, annotations and labels included, by what the user wrote.
func updateByPut(t *testing.T, name string, spec values) error {
	return retry.RetryOnConflict(retry.DefaultBackoff, func() error { // kro writes to it, too
		object := widget(name, spec)
		object.SetResourceVersion(get(t, name).GetResourceVersion())
		return h.Client.Update(t.Context(), object)
	})
}

func updateByMergePatch(t *testing.T, name string, spec values) error {
	patch, err := json.Marshal(values{"spec": spec})
	if err != nil {
		return err
	}
	return h.Client.Patch(t.Context(), widget(name, nil), client.RawPatch(types.MergePatchType, patch))
}

func widget(name string, spec values) *unstructured.Unstructured {
	object := &unstructured.Unstructured{Object: values{}}
	object.SetGroupVersionKind(widgetKind)
	object.SetNamespace("payments-dev")
	object.SetName(name)
	if spec != nil {
		object.Object["spec"] = spec
	}
	return object.DeepCopy()
}

func manifest(t *testing.T, name string, spec values) string {
	text, err := json.Marshal(widget(name, spec))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func get(t *testing.T, name string) *unstructured.Unstructured {
	t.Helper()
	object := widget(name, nil)
	if err := h.Client.Get(context.Background(), client.ObjectKeyFromObject(object), object); err != nil {
		t.Fatal(err)
	}
	return object
}

func spec(t *testing.T, name string) values {
	t.Helper()
	return get(t, name).Object["spec"].(values)
}

// userMetadata is what is not kro's bookkeeping of labels and annotations.
func userMetadata(object *unstructured.Unstructured) map[string]string {
	all := map[string]string{}
	for kind, entries := range map[string]map[string]string{"label ": object.GetLabels(), "annotation ": object.GetAnnotations()} {
		for key, value := range entries {
			if !strings.Contains(key, "kro.run/") && !strings.Contains(key, "applyset") && !strings.Contains(key, "last-applied") {
				all[kind+key] = value
			}
		}
	}
	return all
}
