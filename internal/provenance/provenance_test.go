package provenance_test

import (
	"bytes"
	"fmt"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"github.com/kroguard/kroguard/internal/injection/injectiontest"
	"github.com/kroguard/kroguard/internal/provenance"
)

func TestReadClaims(t *testing.T) {
	tests := map[string]struct {
		metadata string
		want     provenance.Claims
	}{
		"fields and labels, with paths in their one form": {
			`{"annotations":{"kroguard.io/injected":"{\"spec[\\\"size\\\"]\":\"defaults\",\"labels[\\\"a/b\\\"]\":\"project p\"}"}}`,
			provenance.Claims{"spec.size": "defaults", `labels["a/b"]`: "project p"},
		},
		"what is no claim is left out": {
			`{"annotations":{"kroguard.io/injected":"{\"spec\":\"x\",\"status.a\":\"x\",\"labels\":\"x\",\"labels.a.b\":\"x\",\"spec.a\":\"\",\"spec..\":\"x\",\"spec.ok\":\"x\"}"}}`,
			provenance.Claims{"spec.ok": "x"},
		},
		"an array is none":                 {`{"annotations":{"kroguard.io/injected":"[]"}}`, nil},
		"values other than texts are none": {`{"annotations":{"kroguard.io/injected":"{\"spec.a\":1}"}}`, nil},
		"text after the object is none":    {`{"annotations":{"kroguard.io/injected":"{} {}"}}`, nil},
		"an annotation that is no text":    {`{"annotations":{"kroguard.io/injected":{"spec.a":"x"}}}`, nil},
		"annotations that are no object":   {`{"annotations":["kroguard.io/injected"]}`, nil},
		"null annotations":                 {`{"annotations":null}`, nil},
		"metadata without annotations":     {`{}`, nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got := provenance.ReadClaims(map[string]any{"metadata": injectiontest.Object(t, tt.metadata)})
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("claims (-want +got):\n%s", diff)
			}
		})
	}
}

func TestClaimsAreWrittenSortedCompactAndReadable(t *testing.T) {
	claims := provenance.Claims{"spec.size": "defaults.payments", `labels["a/b"]`: "project <p>", "labels.team": "project p"}
	want := `{"labels.team":"project p","labels[\"a/b\"]":"project <p>","spec.size":"defaults.payments"}`
	if got := claims.String(); got != want {
		t.Errorf("String() = %s, want %s", got, want)
	}
	if got := provenance.Claims(nil).String(); got != "{}" {
		t.Errorf("no claims are written %s", got)
	}
}

// TestOwnershipAgreesWithStructuredMergeDiff compares the walk over decoded fieldsV1 with the library that writes them.
func TestOwnershipAgreesWithStructuredMergeDiff(t *testing.T) {
	set := fieldpath.NewSet(
		fieldpath.MakePathOrDie("spec", "size"),
		fieldpath.MakePathOrDie("spec", "resources", "cpu"),
		fieldpath.MakePathOrDie("spec", "env"),
		fieldpath.MakePathOrDie("spec", "env", "A"),
		fieldpath.MakePathOrDie("spec", "ports", fieldpath.KeyByFields("name", "http"), "port"),
		fieldpath.MakePathOrDie("spec", "odd.key/with~all", "b"),
		fieldpath.MakePathOrDie("metadata", "labels", "team"),
	)
	var fields bytes.Buffer
	if err := set.ToJSONStream(&fields); err != nil {
		t.Fatal(err)
	}
	object := injectiontest.Object(t, `{"metadata":{"managedFields":[{"manager":"m","operation":"Apply","fieldsV1":`+fields.String()+`}]},"spec":{}}`)
	change := provenance.Examine(provenance.Request{Object: object, FieldManager: "m"})

	tests := map[string]struct {
		path []string
		want provenance.Origin
	}{
		"a field":                           {[]string{"spec", "size"}, provenance.Written},
		"a nested field":                    {[]string{"spec", "resources", "cpu"}, provenance.Written},
		"its sibling":                       {[]string{"spec", "resources", "memory"}, provenance.Open},
		"the parent of a field":             {[]string{"spec", "resources"}, provenance.Written},
		"an entry of a map":                 {[]string{"spec", "env", "A"}, provenance.Written},
		"another entry of the map":          {[]string{"spec", "env", "B"}, provenance.Open},
		"a list that is owned by its items": {[]string{"spec", "ports"}, provenance.Written},
		"a field with an odd name":          {[]string{"spec", "odd.key/with~all", "b"}, provenance.Written},
		"a label":                           {[]string{"metadata", "labels", "team"}, provenance.Written},
		"another label":                     {[]string{"metadata", "labels", "owner"}, provenance.Open},
		"a field that nobody owns":          {[]string{"spec", "region"}, provenance.Open},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := change.Origin(tt.path); got != tt.want {
				t.Errorf("Origin = %d, want %d", got, tt.want)
			}
		})
	}
}

// TestLeafOwnersOfAnAncestor: the API server drops an applied null where the schema has no nullable, and keeps it where it
// has; fieldsV1 are the same for an applied empty object.
func TestLeafOwnersOfAnAncestor(t *testing.T) {
	tests := map[string]struct {
		spec string
		want provenance.Origin
	}{
		"an ancestor that is gone was applied as null":    {`{}`, provenance.Written},
		"an ancestor that is null was applied as null":    {`{"backup":null}`, provenance.Written},
		"an ancestor that is there was applied as object": {`{"backup":{}}`, provenance.Open},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			object := injectiontest.Object(t, `{"metadata":{"managedFields":[{"manager":"m","operation":"Apply","fieldsV1":{"f:spec":{"f:backup":{}}}}]},"spec":`+tt.spec+`}`)
			change := provenance.Examine(provenance.Request{Object: object, FieldManager: "m"})
			if got := change.Origin([]string{"spec", "backup", "schedule"}); got != tt.want {
				t.Errorf("Origin = %d, want %d", got, tt.want)
			}
		})
	}
}

func TestHostileManagedFieldsOwnNothing(t *testing.T) {
	tests := map[string]string{
		"no list":                    `{}`,
		"entries that are no object": `["x",1,null,[]]`,
		"fieldsV1 that is a text":    `[{"manager":"m","operation":"Apply","fieldsV1":"f:spec"}]`,
		"fields that are no object":  `[{"manager":"m","operation":"Apply","fieldsV1":{"f:spec":{"f:size":1}}}]`,
		"a manager without a name":   `[{"operation":"Apply","fieldsV1":{"f:spec":{"f:size":{}}}}]`,
		"an entry of a subresource":  `[{"manager":"m","operation":"Apply","subresource":"status","fieldsV1":{"f:spec":{"f:size":{}}}}]`,
		"the labeller of kro":        `[{"manager":"kro.run/labeller","operation":"Apply","fieldsV1":{"f:spec":{"f:size":{}}}}]`,
	}
	for name, entries := range tests {
		t.Run(name, func(t *testing.T) {
			object := injectiontest.Object(t, `{"metadata":{"managedFields":`+entries+`},"spec":{"size":"small"}}`)
			for _, manager := range []string{"", "m", "kro.run/labeller"} {
				change := provenance.Examine(provenance.Request{Object: object, FieldManager: manager})
				if change.Declared([]string{"spec", "size"}) {
					t.Errorf("for manager %q the field is declared", manager)
				}
			}
		})
	}
}

func TestViewHidesWhatKroguardWrites(t *testing.T) {
	record := strconv.Quote(`{"labels.team":"project p"}`)
	old := injectiontest.Object(t, `{"metadata":{"labels":{"team":"a","owner":"b"},"annotations":{"kroguard.io/injected":`+strconv.Quote(`{"labels.owner":"project p"}`)+`}}}`)
	object := injectiontest.Object(t, fmt.Sprintf(`{"metadata":{"labels":{"team":"a","owner":"mine","env":"dev","kroguard.io/project":"p"},"annotations":{"kroguard.io/injected":%s,"kroguard.io/created-by":"jane","note":"x"}},"spec":{"a":1}}`, record))
	got := provenance.Examine(provenance.Request{Object: object, OldObject: old}).View(object)
	want := injectiontest.Object(t, `{"metadata":{"labels":{"env":"dev"},"annotations":{"note":"x"}},"spec":{"a":1}}`)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("view (-want +got):\n%s", diff)
	}
}

// FuzzOrigin feeds hostile objects: nothing may panic, what is declared is written, and only the old record makes a value stick.
func FuzzOrigin(f *testing.F) {
	f.Add(`{"metadata":{"managedFields":[{"manager":"m","operation":"Apply","fieldsV1":{"f:spec":{"f:a":{}}}}]},"spec":{"a":1}}`, `{}`, "m", "spec.a")
	f.Add(`{"metadata":{"annotations":{"kubectl.kubernetes.io/last-applied-configuration":"{\"spec\":null}"}},"spec":{"a":{"b":1}}}`, ``, "", "spec.a.b")
	f.Add(`{"metadata":{"annotations":{"kroguard.io/injected":"{\"spec.a\":\"defaults\"}"}},"spec":[]}`, `{"spec":{"a":[1]}}`, "kro", "metadata.labels.x")
	f.Add(`{"metadata":[],"spec":7}`, `{"metadata":7}`, "m", `spec["a/b"]`)
	f.Fuzz(func(t *testing.T, object, old, manager, path string) {
		keys, err := provenance.Parse(path)
		if err != nil {
			return
		}
		var now, before map[string]any
		if json.Unmarshal([]byte(object), &now) != nil || old != "" && json.Unmarshal([]byte(old), &before) != nil {
			return
		}
		change := provenance.Examine(provenance.Request{Object: now, OldObject: before, FieldManager: manager})
		origin := change.Origin(keys)
		if change.Declared(keys) && origin != provenance.Written {
			t.Errorf("a declared field has origin %d", origin)
		}
		if origin == provenance.Injected && change.Trusted()[provenance.ClaimKey(keys)] == "" {
			t.Error("a field counts as injected that the old object doesn't record")
		}
		change.View(now)
	})
}
