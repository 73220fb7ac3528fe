package kinds_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	runtimeschema "k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/cel/openapi/resolver"
	"k8s.io/client-go/kubernetes" //nolint:depguard // tells which kinds there are, and which have a namespace; no client is made
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/kube-openapi/pkg/validation/spec"

	"github.com/kroguard/kroguard/internal/render/kinds"
)

// coreKinds is the number of kinds that client-go has clients for, a kind in each of its versions.
const coreKinds = 160

// client-go has a method for each resource, whose name is the plural and which takes a namespace where there is one.
func TestPluralsAndScopesAreThoseOfClientGo(t *testing.T) {
	k, found := kinds.New(), 0
	clients := reflect.TypeFor[kubernetes.Interface]()
	for i := range clients.NumMethod() {
		group := clients.Method(i).Type
		if group.NumOut() != 1 || group.NumIn() != 0 || group.Out(0).Kind() != reflect.Interface {
			continue
		}
		for j := range group.Out(0).NumMethod() {
			method := group.Out(0).Method(j)
			gvk, ok := kindOf(method.Type)
			if !ok {
				continue
			}
			found++
			resource, namespaced, known := k.ResourceFor(gvk)
			got := []any{resource, namespaced, known}
			want := []any{gvk.GroupVersion().WithResource(strings.ToLower(method.Name)), method.Type.NumIn() == 1, true}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s: -want +got:\n%s", gvk, diff)
			}
			if s, err := k.ResolveSchema(gvk); err != nil || len(s.Properties["metadata"].Properties) == 0 {
				t.Errorf("%s: %v, %v", gvk, s, err)
			}
		}
	}
	if found != coreKinds {
		t.Errorf("client-go has clients for %d kinds, not %d", found, coreKinds)
	}
}

// kindOf is the kind of which a method of a group's client returns the client.
func kindOf(method reflect.Type) (runtimeschema.GroupVersionKind, bool) {
	if method.NumOut() != 1 || method.Out(0).Kind() != reflect.Interface {
		return runtimeschema.GroupVersionKind{}, false
	}
	create, ok := method.Out(0).MethodByName("Create")
	if !ok {
		return runtimeschema.GroupVersionKind{}, false
	}
	object := create.Type.In(1).Elem()
	for gvk, known := range scheme.Scheme.AllKnownTypes() {
		if known == object && gvk.Version != "__internal" {
			return gvk, true
		}
	}
	return runtimeschema.GroupVersionKind{}, false
}

func TestSchemasOfTypesWithAJSONFormOfTheirOwn(t *testing.T) {
	k := kinds.New()
	pod, err := k.ResolveSchema(runtimeschema.GroupVersionKind{Version: "v1", Kind: "Pod"})
	if err != nil {
		t.Fatal(err)
	}
	container := at(pod, "spec", "containers")
	tests := map[string]struct {
		got  *spec.Schema
		want string
	}{
		"quantities":            {at(container.Items.Schema, "resources", "limits").AdditionalProperties.Schema, `{"oneOf":[{"type":"string"},{"type":"number"}]}`},
		"integers or strings":   {at(container.Items.Schema, "livenessProbe", "httpGet", "port"), `{"oneOf":[{"type":"integer"},{"type":"string"}]}`},
		"times":                 {at(pod, "metadata", "creationTimestamp"), `{"type":"string","format":"date-time"}`},
		"embedded structs":      {at(pod, "kind"), `{"type":"string"}`},
		"pointers":              {at(pod, "spec", "priority"), `{"type":"integer"}`},
		"named kinds of string": {at(pod, "spec", "restartPolicy"), `{"type":"string"}`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, text(t, test.got)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
	secret, err := k.ResolveSchema(runtimeschema.GroupVersionKind{Version: "v1", Kind: "Secret"})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(`{"type":"string","format":"byte"}`, text(t, at(secret, "data").AdditionalProperties.Schema)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestASchemaStaysTheSame(t *testing.T) {
	k, gvk := kinds.New(), runtimeschema.GroupVersionKind{Group: "apps", Version: "v1", Kind: "Deployment"}
	first, err := k.ResolveSchema(gvk)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := k.ResolveSchema(gvk); err != nil || again != first {
		t.Errorf("another schema, %v", err)
	}
}

func TestWhatIsNoKindOfObjectsIsUnknown(t *testing.T) {
	k := kinds.New()
	for _, gvk := range []runtimeschema.GroupVersionKind{
		{Version: "v1", Kind: "PodList"}, {Version: "v1", Kind: "DeleteOptions"}, {Group: "example.com", Version: "v1", Kind: "Pod"},
		{Version: "v2", Kind: "Pod"},
	} {
		if _, _, known := k.ResourceFor(gvk); known {
			t.Errorf("%s is known", gvk)
		}
		if _, err := k.ResolveSchema(gvk); !errors.Is(err, resolver.ErrSchemaNotFound) {
			t.Errorf("%s: %v", gvk, err)
		}
	}
}

func at(s *spec.Schema, path ...string) *spec.Schema {
	for _, name := range path {
		property := s.Properties[name]
		s = &property
	}
	return s
}

func text(t *testing.T, s *spec.Schema) string {
	t.Helper()
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
