package catalog_test

import (
	"bytes"
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/kroguard/kroguard/internal/catalog"
)

func TestValuesHaveTheTypesOfTheSchema(t *testing.T) {
	tests := map[string]struct {
		query string
		want  string
		err   string
	}{
		"a text":                {query: "spec.engine=12", want: `engine: "12"`},
		"an integer":            {query: "spec.replicas=3", want: `replicas: 3`},
		"a number":              {query: "spec.ratio=1.5", want: `ratio: 1.5`},
		"a boolean":             {query: "spec.backups=false", want: `backups: false`},
		"a field of an object":  {query: "spec.storage.gb=7&spec.storage.class=x", want: "storage: {class: x, gb: 7}"},
		"an object":             {query: "spec.storage=" + url.QueryEscape("{class: x}"), want: "storage: {class: x}"},
		"an element":            {query: "spec.ports[1].name=b&spec.ports[0].port=1", want: "ports: [{port: 1}, {name: b}]"},
		"a gap":                 {query: "spec.ports[3].name=b&spec.free.a[1][2]=x", want: "{ports: [{name: b}], free: {a: [[x]]}}"},
		"an array":              {query: "spec.ports=" + url.QueryEscape(`[{"name":"a"}]`), want: "ports: [{name: a}]"},
		"elements":              {query: "spec.ports={name: a}&spec.ports={name: b}", want: "ports: [{name: a}, {name: b}]"},
		"a map":                 {query: `spec.annotations["a.b/c"]=1`, want: `annotations: {a.b/c: "1"}`},
		"anything":              {query: "spec.free.x.z=1", want: "free: {x: {z: 1}}"},
		"lines":                 {query: "spec.engine=a%0Ab", want: `engine: "a\nb"`},
		"script":                {query: "spec.engine=<script>alert(1)</script>", want: "engine: <script>alert(1)</script>"},
		"no field":              {query: "spec.sice=x", err: `spec.sice: there is no field "sice"; did you mean size?`},
		"no field of an object": {query: "spec.storage.sice=x", err: `spec.storage.sice: there is no field "sice"`},
		"no integer":            {query: "spec.replicas=many", err: `spec.replicas: "many" is no integer`},
		"no boolean":            {query: "spec.backups=perhaps", err: `spec.backups: "perhaps" is neither true nor false`},
		"no number":             {query: "spec.ratio=NaN", err: `spec.ratio: "NaN" is no number`},
		"no object":             {query: "spec.storage=[]", err: "spec.storage: it is no object, as JSON or YAML"},
		"no YAML":               {query: "spec.storage=" + url.QueryEscape("{"), err: "spec.storage: it is neither JSON nor YAML"},
		"no array":              {query: "spec.storage[0]=x", err: "spec.storage[0]: it is no array"},
		"no fields":             {query: "spec.engine.x=1", err: "spec.engine.x: it is of type string, and has no fields"},
		"no spec":               {query: "metadata.labels=x", err: "metadata.labels: a value is of a field of spec, as spec.size"},
		"the spec":              {query: "spec=x", err: "spec: a value is of a field of spec"},
		"no path":               {query: "spec..x=1", err: `spec..x: "spec..x" is no path of a field`},
		"a huge index":          {query: "spec.ports[1000].port=1", err: "spec.ports[1000].port: there are 1000 elements at most"},
		"deep":                  {query: "spec.free" + strings.Repeat(".a", 30) + "=1", err: "it is deeper than 20 levels"},
		"several at once":       {query: "spec.a=1&spec.b=2", err: `spec.a: there is no field "a"; spec.b: there is no field "b"`},
		"twice":                 {query: "spec.storage=" + url.QueryEscape("{class: x}") + "&spec.storage.gb=1", want: "storage: {class: x, gb: 1}"},
		"a value and its parts": {query: "spec.free={}&spec.free.a=1&spec.free.a.x=1", err: "spec.free.a.x: it has a value of its own already"},
	}
	s := newSnapshot(t)
	o, _ := s.Offerings.ByName("database")
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			values, err := url.ParseQuery(test.query)
			if err != nil {
				t.Fatal(err)
			}
			got, err := catalog.ParseValues(o, values)
			if test.err != "" {
				if err == nil || !strings.Contains(err.Error(), test.err) {
					t.Errorf("got %v, want %s", err, test.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			text, err := yaml.Marshal(got)
			if err != nil {
				t.Fatal(err)
			}
			want, err := yaml.YAMLToJSON([]byte(test.want))
			if err != nil {
				t.Fatal(err)
			}
			have, err := yaml.YAMLToJSON(text)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(have)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestTheManifestIsWhatIsPreviewed reads the manifest again, and previews it.
func TestTheManifestIsWhatIsPreviewed(t *testing.T) {
	s := newSnapshot(t)
	wanted := &catalog.Request{
		Namespace: "payments-dev", Offering: "database", Name: "orders", Caller: caller("create databases payments-dev"),
		Values: map[string][]string{"spec.engine": {"pgs-16"}, "spec.replicas": {"3"}, "spec.storage.gb": {"20"}},
	}
	text, err := catalog.Write(t.Context(), s, wanted)
	if err != nil {
		t.Fatal(err)
	}
	const want = `apiVersion: kro.run/v1alpha1
kind: Database
metadata:
  name: orders
  namespace: payments-dev
spec:
  engine: pgs-16
  replicas: 3
  storage:
    gb: 20
`
	if diff := cmp.Diff(want, string(text)); diff != "" {
		t.Errorf("manifest (-want +got):\n%s", diff)
	}
	preview, err := catalog.MakePreview(t.Context(), s, wanted, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if preview.Manifest != want || !preview.Allowed || len(preview.Errors) != 0 || len(preview.Resources) != 3 {
		t.Errorf("got %+v", preview)
	}
	wanted.Values["spec.engine"], wanted.Values["spec.replicas"] = []string{"ora-19"}, []string{"9"}
	if preview, err = catalog.MakePreview(t.Context(), s, wanted, time.Now()); err != nil {
		t.Fatal(err)
	}
	if preview.Allowed || !strings.Contains(preview.Message, "no such engine") || preview.Verdict.Denied[0].Field != ".spec.engine" {
		t.Errorf("got %+v", preview)
	}
	if len(preview.Errors) != 1 || preview.Errors[0].Field != "spec.replicas" {
		t.Errorf("errors: got %+v", preview.Errors)
	}
	for name, wrong := range map[string]*catalog.Request{
		"a name":               {Namespace: "shop", Offering: "database", Name: "../x"},
		"an offering":          {Namespace: "shop", Offering: "nothing"},
		"what one may not see": {Namespace: "shop", Offering: "database", Caller: caller()},
	} {
		if _, err := catalog.Write(t.Context(), s, wrong); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// FuzzValues writes whatever a query says: a manifest is YAML that says the same again, or the query is at fault.
func FuzzValues(f *testing.F) {
	for _, query := range []string{
		"spec.engine=pgs-1&name=a", "spec.ports[1].name=b", `spec.annotations["a.b"]=c`, "spec.free={a: [1, null]}", "spec.storage=x",
		"spec.ports[999].port=1&spec.ports=[]", "spec.free[0][0]=1", "spec.engine=%00", "spec.engine=---%0A",
	} {
		f.Add(query)
	}
	s := newSnapshot(f)
	f.Fuzz(func(t *testing.T, query string) {
		values, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		wanted := &catalog.Request{Namespace: "shop", Offering: "database", Values: values}
		text, err := catalog.Write(context.Background(), s, wanted)
		if err != nil {
			if _, ok := errors.AsType[catalog.ValuesError](err); !ok {
				t.Fatalf("got %v", err)
			}
			return
		}
		var object map[string]any
		if err := yaml.Unmarshal(text, &object); err != nil {
			t.Fatalf("the manifest is no YAML: %v\n%s", err, text)
		}
		o, _ := s.Offerings.ByName("database")
		spec, err := catalog.ParseValues(o, values)
		if err != nil {
			t.Fatal(err)
		}
		want, err := yaml.Marshal(map[string]any{"spec": spec})
		if err != nil {
			t.Fatal(err)
		}
		got, err := yaml.Marshal(map[string]any{"spec": object["spec"]})
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(want, got) {
			t.Errorf("the manifest says\n%s, and not\n%s", got, want)
		}
	})
}
