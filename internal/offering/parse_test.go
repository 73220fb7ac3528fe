package offering

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	runtimeschema "k8s.io/apimachinery/pkg/runtime/schema"
)

// plain compares what an Offering shows, but for what has tests of its own.
func plain() cmp.Option {
	return cmp.Options{
		cmpopts.IgnoreUnexported(Offering{}),
		cmpopts.IgnoreFields(Offering{}, "Schema", "Defaults", "ProjectDefaults", "LabelTemplates", "NamespaceSelector"),
	}
}

func webAppGVK() runtimeschema.GroupVersionKind {
	return runtimeschema.GroupVersionKind{Group: "kro.run", Version: "v1alpha1", Kind: "WebApp"}
}

func TestParseReadsAllAnnotations(t *testing.T) {
	rgd := rgdWith(t, map[string]string{
		"kroguard.io/catalog":            "true",
		"kroguard.io/title":              " Web application ",
		"kroguard.io/description":        "Runs a web application.",
		"kroguard.io/category":           "web",
		"kroguard.io/tags":               "web, public ,, web",
		"kroguard.io/icon":               "globe",
		"kroguard.io/docs-url":           "https://docs.example.com/web-app",
		"kroguard.io/property-order":     "[name, size]",
		"kroguard.io/extends-kind":       "- Cluster\n- Namespace",
		"kroguard.io/deployment-modes":   "direct,gitops",
		"kroguard.io/catalog-tier":       "org",
		"kroguard.io/deprecated":         "Use web-app-2.",
		"kroguard.io/allowed-projects":   "payments, shop-*",
		"kroguard.io/namespace-selector": "env in (prod, test),tier",
		"kroguard.io/defaults":           "size: small\ncache: {ttl: 60}\nlabels: {}\nhosts: [a, '${project.name}.example.com']",
		"kroguard.io/defaults.payments":  "size: large\nreplicas: ${project.parameters.replicas}",
		"kroguard.io/labels":             "team: ${project.owner}\nexample.com/kind: web",
		"knodex.io/title":                "ignored",
		"kubernetes.io/other":            "ignored",
	})
	rgd.Labels = map[string]string{"tier": "gold", "kroguard.io/project": "payments"}
	o := mustParse(t, rgd)

	want := &Offering{
		Name: "web-app", GVK: webAppGVK(), Plural: "webapps", Catalog: true,
		Title: "Web application", Description: "Runs a web application.", Category: "web", Icon: "globe",
		DocsURL: "https://docs.example.com/web-app", CatalogTier: "org", Deprecated: "Use web-app-2.",
		Tags: []string{"web", "public"}, PropertyOrder: []string{"name", "size"},
		ExtendsKinds: []string{"Cluster", "Namespace"}, DeploymentModes: []string{"direct", "gitops"},
		Labels:  map[string]string{"tier": "gold", "kroguard.io/project": "payments"},
		Project: "payments", AllowedProjects: []string{"payments", "shop-*"},
	}
	if diff := cmp.Diff(want, o, plain()); diff != "" {
		t.Error(diff)
	}
	if got, want := o.NamespaceSelector.String(), "env in (prod,test),tier"; got != want {
		t.Errorf("namespace selector is %q, want %q", got, want)
	}
	wantDefaults := []map[string]any{
		{"spec.size": "large", "spec.replicas": "${}"},
		{"spec.size": "small", "spec.cache.ttl": int64(60), "spec.labels": map[string]any{}, "spec.hosts": "${}"},
	}
	var defaults []map[string]any
	for _, d := range o.DefaultsFor("payments") {
		defaults = append(defaults, values(d))
	}
	if diff := cmp.Diff(wantDefaults, defaults); diff != "" {
		t.Error(diff)
	}
	var keys []string
	for _, label := range o.LabelTemplates {
		keys = append(keys, label.Key)
	}
	if diff := cmp.Diff([]string{"example.com/kind", "team"}, keys); diff != "" {
		t.Error(diff)
	}
	wantValues := map[string]any{
		"name": "web-app", "title": "Web application", "description": "Runs a web application.", "category": "web",
		"tags": []any{"web", "public"}, "labels": map[string]any{"tier": "gold", "kroguard.io/project": "payments"},
		"kind": "WebApp", "group": "kro.run", "version": "v1alpha1", "catalog": true, "deprecated": "Use web-app-2.",
	}
	if diff := cmp.Diff(wantValues, o.Values()); diff != "" {
		t.Error(diff)
	}
}

func TestParseReadsAnRGDWrittenForKnodex(t *testing.T) {
	rgd := rgdWith(t, map[string]string{
		"knodex.io/catalog":          "true",
		"knodex.io/title":            "Web application",
		"knodex.io/description":      "Runs a web application.",
		"knodex.io/category":         "web",
		"knodex.io/tags":             "web,public",
		"knodex.io/icon":             "globe",
		"knodex.io/docs-url":         "https://docs.example.com/web-app",
		"knodex.io/property-order":   `["name","size"]`,
		"knodex.io/extends-kind":     "Cluster",
		"knodex.io/deployment-modes": "gitops",
		"knodex.io/catalog-tier":     "both",
		"knodex.io/unknown":          "ignored",
		"knodex.io/defaults":         "ignored: it is kroguard's alone",
	})
	rgd.Labels = map[string]string{"knodex.io/project": "payments"}
	want := &Offering{
		Name: "web-app", GVK: webAppGVK(), Plural: "webapps", Catalog: true,
		Title: "Web application", Description: "Runs a web application.", Category: "web", Icon: "globe",
		DocsURL: "https://docs.example.com/web-app", CatalogTier: "both",
		Tags: []string{"web", "public"}, PropertyOrder: []string{"name", "size"},
		ExtendsKinds: []string{"Cluster"}, DeploymentModes: []string{"gitops"},
		Labels: map[string]string{"knodex.io/project": "payments"}, Project: "payments",
	}
	if diff := cmp.Diff(want, mustParse(t, rgd), plain()); diff != "" {
		t.Error(diff)
	}
}

func TestParseOfAnRGDWithoutAnnotations(t *testing.T) {
	want := &Offering{Name: "web-app", GVK: webAppGVK(), Plural: "webapps", Title: "WebApp"}
	o := mustParse(t, rgdWith(t, nil))
	if diff := cmp.Diff(want, o, plain()); diff != "" {
		t.Error(diff)
	}
	if got := o.DefaultsFor("payments"); got != nil {
		t.Errorf("got defaults %v, want none", got)
	}
}

func TestParseWithoutAKindFailsClosed(t *testing.T) {
	rgd := rgdWith(t, nil)
	rgd.Spec.Schema = nil
	o, problems, warnings := Parse(rgd)
	want := []Problem{{Path: "spec.schema", Reason: "an offering needs kind and apiVersion of its instances"}}
	if diff := cmp.Diff(want, problems); diff != "" || len(warnings) > 0 {
		t.Error(diff, warnings)
	}
	if _, ok := o.AllowedFor(nil, nil); ok {
		t.Error("the offering is allowed")
	}
}

func TestParseWarnsOfASchemaItCantRead(t *testing.T) {
	rgd := rgdWith(t, map[string]string{"kroguard.io/defaults": "anything: {goes: 1}"})
	rgd.Spec.Schema.Spec.Raw = []byte(`{"name": "no-such-type"}`)
	o, problems, warnings := Parse(rgd)
	if len(problems) > 0 || len(warnings) != 1 || !strings.HasPrefix(string(warnings[0]), "spec.schema can't be read, so defaults are not checked against it: ") {
		t.Errorf("got problems %v, warnings %v", problems, warnings)
	}
	if diff := cmp.Diff(map[string]any{"spec.anything.goes": int64(1)}, values(o.Defaults)); diff != "" || o.Schema != nil {
		t.Error(diff, o.Schema)
	}
	if errs := o.ValidateSpec(map[string]any{"spec": int64(1)}); errs != nil {
		t.Errorf("got %v without a schema", errs)
	}
}

func TestParseWarnsWhereTheSchemaHidesADefault(t *testing.T) {
	_, problems, warnings := Parse(rgdWith(t, map[string]string{
		"kroguard.io/defaults":          "image: httpd\ncache: {ttl: 1}\nsize: small",
		"kroguard.io/defaults.payments": "cache: {enabled: false}",
	}))
	hides := "%s: %s has default= in the schema, which applies before admission: on a plain create or PUT it looks like the " +
		"user's own value and wins over this default. Remove default= from the schema."
	want := []Warning{
		Warning(fmt.Sprintf(hides, "kroguard.io/defaults", "spec.image")),
		Warning(fmt.Sprintf(hides, "kroguard.io/defaults.payments", "spec.cache.enabled")),
	}
	if diff := cmp.Diff(want, warnings); diff != "" || len(problems) > 0 {
		t.Error(diff, problems)
	}
	for _, warning := range warnings {
		// Kubernetes asks for warnings of at most 256 characters and may cut longer ones.
		if len(warning) > 256 {
			t.Errorf("a warning has %d bytes: %s", len(warning), warning)
		}
	}
}

func TestProblemsReadAsOneSentence(t *testing.T) {
	for _, test := range []struct {
		problem Problem
		want    string
	}{
		{Problem{"kroguard.io/defaults", false, 2, "spec.size", "bad"}, "annotation kroguard.io/defaults, line 2: spec.size: bad"},
		{Problem{"kroguard.io/catalog", false, 0, "", "bad"}, "annotation kroguard.io/catalog: bad"},
		{Problem{"kroguard.io/project", true, 0, "", "bad"}, "label kroguard.io/project: bad"},
		{Problem{"", false, 0, "spec.schema", "bad"}, "spec.schema: bad"},
	} {
		if got := test.problem.String(); got != test.want {
			t.Errorf("got %q, want %q", got, test.want)
		}
	}
}
