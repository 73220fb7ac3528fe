package docs

import (
	"encoding/json"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	plugincel "k8s.io/apiserver/pkg/admission/plugin/cel"

	"github.com/kroguard/kroguard/internal/expression"
	"github.com/kroguard/kroguard/internal/offering"
	"github.com/kroguard/kroguard/internal/project"
	"github.com/kroguard/kroguard/policies/rego"
)

// table is a table of a page.
func table(t *testing.T, pageName, name string) Table {
	t.Helper()
	rows := page(t, pageName).Tables[name]
	if len(rows) == 0 {
		t.Fatalf("%s has no table %s", pageName, name)
	}
	return rows
}

// column is a column of a table without backticks.
func column(rows Table, i int) []string {
	values := make([]string, len(rows))
	for n, row := range rows {
		values[n] = strings.Trim(row[i], "`* ")
	}
	return values
}

func constants(t *testing.T, folder string) Constants {
	t.Helper()
	c, err := ReadConstants(filepath.Join(root, filepath.FromSlash(folder)))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func sorted(values []string) []string {
	slices.Sort(values)
	return values
}

func same(t *testing.T, what string, code, docs []string) {
	t.Helper()
	if diff := cmp.Diff(sorted(code), sorted(docs)); diff != "" {
		t.Errorf("%s (-code +page):\n%s", what, diff)
	}
}

func TestTheTableOfAnnotationsIsComplete(t *testing.T) {
	var want []string
	for _, name := range constants(t, "internal/offering").Strings("name", "nameProject") {
		want = append(want, "kroguard.io/"+name)
	}
	want = append(want, "kroguard.io/defaults.<project>")
	same(t, "annotations", want, column(table(t, "docs/annotations.md", "annotations"), 0))
}

// TestTwinsAreReadAsTheTableSays gives each annotation to an RGD, under the prefix of Knodex alone, and sees whether anything
// comes of it.
func TestTwinsAreReadAsTheTableSays(t *testing.T) {
	// Values that leave a trace.
	given := map[string]string{
		"catalog": "true", "docs-url": "https://example.com", "namespace-selector": "env=dev", "defaults": "replicas: 2",
		"defaults.<project>": "replicas: 2", "labels": "example.com/tier: gold",
	}
	read := func(prefix, name string) bool {
		value, ok := given[name]
		if !ok {
			value = "payments"
		}
		rgd := platform(t).rgd.DeepCopy()
		rgd.Annotations = map[string]string{prefix + strings.ReplaceAll(name, "<project>", "payments"): value}
		parsed, problems, _ := offering.Parse(rgd)
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		rgd.Annotations = nil
		plain, _, _ := offering.Parse(rgd)
		for _, o := range []*offering.Offering{parsed, plain} {
			o.Schema = nil
		}
		return !reflect.DeepEqual(exported(parsed), exported(plain))
	}
	for _, row := range table(t, "docs/annotations.md", "annotations") {
		name := strings.TrimPrefix(strings.Trim(row[0], "`"), "kroguard.io/")
		if !read("kroguard.io/", name) {
			t.Errorf("%s: nothing comes of it: this test shows nothing", name)
		}
		said := row[len(row)-1]
		if got := map[bool]string{true: "yes", false: "no"}[read("knodex.io/", name)]; got != said {
			t.Errorf("knodex.io/%s: is it read? The page says %s, the code %s", name, said, got)
		}
	}
}

// exported are the exported fields of an offering.
func exported(o *offering.Offering) []any {
	var values []any
	v := reflect.ValueOf(o).Elem()
	for i := range v.NumField() {
		if v.Type().Field(i).IsExported() {
			values = append(values, v.Field(i).Interface())
		}
	}
	return values
}

func TestTheTableOfBuiltinsIsTheCodes(t *testing.T) {
	var want Table
	for _, builtin := range rego.UnavailableBuiltins() {
		want = append(want, []string{"`" + builtin.Name + "`", builtin.Reason})
	}
	if diff := cmp.Diff(want, table(t, "docs/guardrails-rego.md", "builtins")); diff != "" {
		t.Errorf("built-ins (-code +page):\n%s", diff)
	}
}

// values are the names of what policies see of the sample's project and offering: project.name, ...
func values(t *testing.T, prefix string) []string {
	t.Helper()
	p := platform(t)
	claim, errs := project.FromProject(p.project)
	parsed, problems, _ := offering.Parse(p.rgd)
	if len(errs) > 0 || len(problems) > 0 {
		t.Fatal(errs, problems)
	}
	var names []string
	for kind, fields := range map[string]map[string]any{"project": claim.Project.Values(), "offering": parsed.Values()} {
		for name := range fields {
			names = append(names, prefix+kind+"."+name)
		}
	}
	return names
}

func TestTheVariablesOfExpressionsAreTheCodes(t *testing.T) {
	environment, err := expression.NewEnvironment(catalogSchema(t))
	if err != nil {
		t.Fatal(err)
	}
	// The rest is found by trying whatever an object's metadata may have.
	want := values(t, "")
	for _, name := range slices.Concat(metadataNames(), []string{"object.apiVersion", "object.kind", "object.spec", "object.status"}) {
		if _, err := environment.Compile("${" + name + "}"); err == nil {
			want = append(want, name)
		}
	}
	same(t, "variables", want, column(table(t, "docs/annotations.md", "variables"), 0))
}

// metadataNames are the paths that the metadata of the instance and of the namespace could have.
func metadataNames() []string {
	var names []string
	for i := range reflect.TypeFor[metav1.ObjectMeta]().NumField() {
		name, _, _ := strings.Cut(reflect.TypeFor[metav1.ObjectMeta]().Field(i).Tag.Get("json"), ",")
		names = append(names, "object.metadata."+name, "namespace."+name)
	}
	return names
}

func TestTheVariablesOfGuardrailsAreTheCodes(t *testing.T) {
	want := append(values(t, ""), plugincel.ObjectVarName, plugincel.OldObjectVarName, plugincel.RequestVarName, plugincel.ParamsVarName,
		plugincel.NamespaceVarName, plugincel.AuthorizerVarName, plugincel.RequestResourceAuthorizerVarName, plugincel.VariableVarName)
	for name, value := range constants(t, "policies/cel") {
		if strings.HasSuffix(name, "VarName") {
			want = append(want, strings.Trim(value.ExactString(), `"`))
		}
	}
	same(t, "variables", want, column(table(t, "docs/guardrails-cel.md", "variables"), 0))
}

// TestTheTableOfInputHasEveryPath compares it with the input that the page shows, which is the code's.
func TestTheTableOfInputHasEveryPath(t *testing.T) {
	var input map[string]any
	for _, block := range page(t, "docs/guardrails-rego.md").Blocks {
		if block.Marker == markerInput {
			if err := json.Unmarshal([]byte(block.Text), &input); err != nil {
				t.Fatal(err)
			}
		}
	}
	want := values(t, "input.")
	for name, value := range input {
		if name != "review" {
			want = append(want, "input."+name)
			continue
		}
		for field := range maps.Keys(value.(map[string]any)) {
			want = append(want, "input.review."+field)
		}
	}
	same(t, "paths", want, column(table(t, "docs/guardrails-rego.md", "input"), 0))
}
