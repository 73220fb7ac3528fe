package offering

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	krov1alpha1 "github.com/kubernetes-sigs/kro/api/v1alpha1"
	"github.com/kubernetes-sigs/kro/pkg/graph"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	runtimeschema "k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/kube-openapi/pkg/validation/spec"
)

// noSchemas resolves nothing: the graphs in these tests have no resources.
type noSchemas struct{}

func (noSchemas) ResolveSchema(runtimeschema.GroupVersionKind) (*spec.Schema, error) { return nil, nil }

// generated is the CRD that kro generates for an RGD without its resources. The error is kro's.
func generated(t *testing.T, rgd *krov1alpha1.ResourceGraphDefinition) (*apiextensionsv1.CustomResourceDefinition, error) {
	t.Helper()
	builder, err := graph.NewBuilder(nil, nil, graph.WithSchemaResolver(noSchemas{}), graph.WithRESTMapper(meta.NewDefaultRESTMapper(nil)))
	if err != nil {
		t.Fatal(err)
	}
	bare := rgd.DeepCopy()
	bare.Spec.Resources = nil
	bare.Spec.Schema.Status = runtime.RawExtension{}
	if bare.Spec.Schema.Group == "" {
		bare.Spec.Schema.Group = krov1alpha1.KRODomainName // the default of the RGD's own CRD
	}
	g, err := builder.NewResourceGraphDefinition(bare, graph.Config{MaxCollectionSize: 1, MaxCollectionDimensionSize: 1})
	if err != nil {
		return nil, err
	}
	return g.CRD, nil
}

// structuralSpec is the schema of the spec in a CRD.
func structuralSpec(t *testing.T, crd *apiextensionsv1.CustomResourceDefinition) schema.Structural {
	t.Helper()
	var internal apiextensions.JSONSchemaProps
	if err := apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(
		crd.Spec.Versions[0].Schema.OpenAPIV3Schema, &internal, nil); err != nil {
		t.Fatal(err)
	}
	structural, err := schema.NewStructural(&internal)
	if err != nil {
		t.Fatal(err)
	}
	return structural.Properties["spec"]
}

// kro's own examples are offerings without problems, with the kind, scope and spec that kro gives them. Some are stale: kro
// can't read their schema, and neither can we, which is a warning.
func TestExamplesAreReadAsKroReadsThem(t *testing.T) {
	found := examples(t)
	if len(found) < 40 {
		t.Fatalf("found only %d examples", len(found))
	}
	found["webApp"] = decode(t, webApp)
	read := 0
	for name, rgd := range found {
		t.Run(name, func(t *testing.T) {
			o, problems, warnings := Parse(rgd)
			crd, err := generated(t, rgd)
			if len(problems) > 0 || (len(warnings) > 0) != (err != nil) {
				t.Fatalf("problems %v, warnings %v, where kro says %v", problems, warnings, err)
			}
			if err != nil {
				return
			}
			read++
			type facts struct {
				GVK           runtimeschema.GroupVersionKind
				Plural        string
				ClusterScoped bool
				Spec          schema.Structural
			}
			want := facts{
				GVK:           runtimeschema.GroupVersionKind{Group: crd.Spec.Group, Version: crd.Spec.Versions[0].Name, Kind: crd.Spec.Names.Kind},
				Plural:        crd.Spec.Names.Plural,
				ClusterScoped: crd.Spec.Scope == apiextensionsv1.ClusterScoped,
				Spec:          structuralSpec(t, crd),
			}
			if diff := cmp.Diff(want, facts{o.GVK, o.Plural, o.ClusterScoped, o.Schema.Properties["spec"]}); diff != "" {
				t.Error(diff)
			}
		})
	}
	if read < 40 {
		t.Errorf("only %d of %d examples were compared", read, len(found))
	}
}

func TestSchemaAt(t *testing.T) {
	o := mustParse(t, rgdWith(t, nil))
	for _, test := range []struct {
		name, want string
		path       []string
	}{
		{"the root", "object", nil},
		{"a field", "string", []string{"spec", "size"}},
		{"a nested field", "boolean", []string{"spec", "cache", "enabled"}},
		{"an entry of a map", "string", []string{"spec", "labels", "any"}},
		{"no unknown field", "", []string{"spec", "nope"}},
		{"nothing below a scalar", "", []string{"spec", "size", "x"}},
		{"nothing below preserved fields", "", []string{"spec", "free", "x"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			s, ok := o.SchemaAt(test.path)
			if ok != (test.want != "") || ok && s.Type != test.want {
				t.Errorf("got %v, %v; want %q", s, ok, test.want)
			}
		})
	}
}

func TestSchemaDefaultAt(t *testing.T) {
	type result struct {
		Value any
		OK    bool
	}
	o := mustParse(t, rgdWith(t, nil))
	required := rgdWith(t, nil)
	required.Spec.Schema.Spec.Raw = []byte(`{"a": {"b": "string | required=true", "c": "string | default=x"}}`)
	for _, test := range []struct {
		name string
		of   *Offering
		path []string
		want result
	}{
		{"a field's default", o, []string{"spec", "image"}, result{"nginx", true}},
		{"a nested field's default", o, []string{"spec", "cache", "enabled"}, result{true, true}},
		{"the filled default of its parent", o, []string{"spec", "cache"}, result{map[string]any{"enabled": true}, true}},
		{"a default below a parent without one", mustParse(t, required), []string{"spec", "a", "c"}, result{"x", true}},
		{"none for that parent", mustParse(t, required), []string{"spec", "a"}, result{}},
		{"none for a field without default", o, []string{"spec", "size"}, result{}},
		{"none for an unknown field", o, []string{"spec", "nope", "x"}, result{}},
		{"none without a schema", &Offering{}, []string{"spec", "image"}, result{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			value, ok := test.of.SchemaDefaultAt(test.path)
			if diff := cmp.Diff(test.want, result{value, ok}); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestValidateSpec(t *testing.T) {
	o := mustParse(t, rgdWith(t, nil))
	for _, test := range []struct {
		name   string
		object map[string]any
		want   []string
	}{
		{"a valid spec", map[string]any{"spec": map[string]any{"size": "small", "replicas": int64(1), "ratio": int64(1), "free": map[string]any{"a": nil}}}, nil},
		{"no spec", map[string]any{"kind": "WebApp"}, nil},
		{"several faults", map[string]any{"spec": map[string]any{"size": "huge", "replicas": "1"}}, []string{
			`spec.replicas: Invalid value: "string": spec.replicas in body must be of type integer: "string"`,
			`spec.size: Unsupported value: "huge": supported values: "small", "large"`}},
		{"a missing required field", map[string]any{"spec": map[string]any{"db": map[string]any{}}}, []string{"spec.db.engine: Required value"}},
		{"a spec that is no object", map[string]any{"spec": int64(1)}, []string{`spec: Invalid value: "integer": spec in body must be of type object: "integer"`}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			for _, err := range o.ValidateSpec(test.object) {
				got = append(got, err.Error())
			}
			if diff := cmp.Diff(test.want, got, sortStrings()); diff != "" {
				t.Error(diff)
			}
		})
	}
}
