package catalog_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"sigs.k8s.io/yaml"

	"github.com/kroguard/kroguard/internal/catalog"
	"github.com/kroguard/kroguard/internal/kroexamples"
	"github.com/kroguard/kroguard/internal/plan"
	"github.com/kroguard/kroguard/internal/provenance"
	"github.com/kroguard/kroguard/internal/render"
	"github.com/kroguard/kroguard/policies"
)

func names(t *testing.T, query catalog.Query, namespace string, by *catalog.Caller) string {
	t.Helper()
	list, err := catalog.Offerings(t.Context(), newSnapshot(t), namespace, &query, by)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, o := range list.Items {
		name := o.Name
		if !o.Allowed {
			name += "(" + strings.Join(o.Reasons, ";") + ")"
		}
		got = append(got, name)
	}
	return strings.Join(got, " ")
}

func TestWhatIsListed(t *testing.T) {
	const vault = "vault(project payments denies offerings of category secret)"
	tests := map[string]struct {
		query     catalog.Query
		namespace string
		by        *catalog.Caller
		want      string
	}{
		"what the project allows":     {namespace: "payments-dev", want: "database database-plus fleet"},
		"another namespace":           {namespace: "shop", want: "database database-plus fleet vault"},
		"all":                         {query: catalog.Query{All: true}, namespace: "payments-dev", want: "database database-plus fleet " + vault},
		"a category":                  {query: catalog.Query{Category: "DATA"}, namespace: "shop", want: "database"},
		"a tag":                       {query: catalog.Query{Tag: "ha"}, namespace: "shop", want: "database"},
		"a kind":                      {query: catalog.Query{Kind: "vault"}, namespace: "shop", want: "vault"},
		"words":                       {query: catalog.Query{Text: "KEPT  postgres"}, namespace: "shop", want: "database"},
		"words of which one is not":   {query: catalog.Query{Text: "kept mysql"}, namespace: "shop"},
		"who may create one kind":     {namespace: "shop", by: caller("create databases shop"), want: "database"},
		"who may create all":          {namespace: "shop", by: caller("create * shop"), want: "database database-plus vault"},
		"who may create in all":       {namespace: "shop", by: caller("create * *"), want: "database database-plus fleet vault"},
		"who may create nothing here": {namespace: "shop", by: caller("create * payments-dev"), query: catalog.Query{All: true}},
		"who may, but the project": {
			namespace: "payments-dev", by: caller("create vaults payments-dev"), query: catalog.Query{All: true}, want: vault,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := names(t, test.query, test.namespace, test.by)
			if strings.HasPrefix(test.want, "vault(") || strings.HasSuffix(test.want, vault) {
				// The reason is the webhook's, whatever its words.
				at := strings.Index(got, "vault(")
				if at < 0 || !strings.Contains(got[at:], "payments") {
					t.Fatalf("got %q", got)
				}
				got = got[:at] + vault
			}
			if got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestPages(t *testing.T) {
	s := newSnapshot(t)
	for limit := 1; limit <= 5; limit++ {
		var got []string
		query := &catalog.Query{Limit: limit}
		for pages := 0; ; pages++ {
			list, err := catalog.Offerings(t.Context(), s, "shop", query, caller("create databases shop", "create vaults shop", "create fleets -"))
			if err != nil {
				t.Fatal(err)
			}
			for _, o := range list.Items {
				got = append(got, o.Name)
			}
			if len(list.Items) > limit || pages > 5 {
				t.Fatalf("limit %d: %d entries on page %d", limit, len(list.Items), pages)
			}
			if query.Continue = list.Continue; list.Continue == "" {
				break
			}
		}
		if diff := cmp.Diff([]string{"database", "fleet", "vault"}, got); diff != "" {
			t.Errorf("limit %d (-want +got):\n%s", limit, diff)
		}
	}
	for _, token := range []string{"x", "!", "eA"} {
		if _, err := catalog.Offerings(t.Context(), s, "shop", &catalog.Query{Continue: token}, nil); !errors.Is(err, catalog.ErrContinue) {
			t.Errorf("token %q: got %v", token, err)
		}
	}
}

// noAnswer can't tell what anybody may.
func noAnswer(context.Context, authorizer.Attributes) (authorizer.Decision, string, error) {
	return authorizer.DecisionNoOpinion, "", errors.New("no answer")
}

func TestNobodyIsShownAnythingWhileRightsCantBeTold(t *testing.T) {
	by := caller()
	by.Rights = authorizer.AuthorizerFunc(noAnswer)
	if list, err := catalog.Offerings(t.Context(), newSnapshot(t), "shop", &catalog.Query{}, by); err == nil {
		t.Errorf("got %v", list)
	}
	if detail, err := catalog.Describe(t.Context(), newSnapshot(t), "shop", "database", by, time.Now()); err == nil {
		t.Errorf("got %v", detail)
	}
}

func TestAnOfferingIsDescribedAsItIsInANamespace(t *testing.T) {
	got, err := catalog.Describe(t.Context(), newSnapshot(t), "payments-dev", "database", nil, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if got.Title != "A <database>" || got.Project != "payments" || !got.Allowed || !strings.Contains(string(got.Schema), `"engine"`) {
		t.Errorf("got %+v", got)
	}
	wantDefaults := []catalog.Value{
		{Field: "spec.backups", Value: true, Source: "schema"}, {Field: "spec.ratio", Value: 0.5, Source: "schema"},
		{Field: "spec.size", Value: "large", Source: "defaults.payments"},
		{Field: "spec.storage.class", Value: "fast", Source: "defaults"},
		{Field: "spec.storage.gb", Value: int64(10), Source: "schema"},
	}
	if diff := cmp.Diff(wantDefaults, got.Defaults); diff != "" {
		t.Errorf("defaults (-want +got):\n%s", diff)
	}
	labels := map[string]string{}
	for _, l := range got.Labels {
		labels[l.Field] = fmt.Sprint(l.Value, " by ", l.Source)
	}
	for field, want := range map[string]string{
		"metadata.labels.team": "pay by project payments", "metadata.labels.size": "large by offering database",
	} {
		if labels[field] != want {
			t.Errorf("%s: got %q, want %q", field, labels[field], want)
		}
	}
	if len(got.Skipped) != 1 || !strings.Contains(got.Skipped[0].Field, "engine") {
		t.Errorf("skipped: got %+v", got.Skipped)
	}
	var rules []string
	for _, rule := range got.Guardrails {
		rules = append(rules, fmt.Sprintf("%s %s %s %t", rule.Name, rule.Severity, rule.Action, rule.Resources))
	}
	if diff := cmp.Diff([]string{"by-name Medium Warn true", "engines High Deny false"}, rules); diff != "" {
		t.Errorf("guardrails (-want +got):\n%s", diff)
	}
	var kinds []string
	for _, c := range got.Creates {
		kinds = append(kinds, fmt.Sprint(c.APIVersion, c.Kind, c.Count))
	}
	if diff := cmp.Diff([]string{"v1ConfigMap2", "v1Service1"}, kinds); diff != "" {
		t.Errorf("creates (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]render.Condition{{Field: "spec.retention", When: "${schema.spec.backups}"}}, got.OnlyWhen); diff != "" {
		t.Errorf("only when (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"database-plus"}, got.ExtendedBy); diff != "" {
		t.Errorf("extended by (-want +got):\n%s", diff)
	}
	const minimal = `apiVersion: kro.run/v1alpha1
kind: Database
metadata:
  name: example
  namespace: payments-dev
spec:
  engine: aaa-1
  replicas: 2
`
	if diff := cmp.Diff(minimal, got.Examples.Minimal); diff != "" {
		t.Errorf("the minimal example (-want +got):\n%s", diff)
	}
	for _, part := range []string{"  size: large\n  engine: ", "ratio: 0.5", "storage:\n    class: fast\n    gb: ", "- name: example\n    port: 5", "annotations:\n    key: example"} {
		if !strings.Contains(got.Examples.Full, part) {
			t.Errorf("the full example lacks %q:\n%s", part, got.Examples.Full)
		}
	}
	for _, name := range []string{"internal", "absent"} {
		if _, err := catalog.Describe(t.Context(), newSnapshot(t), "shop", name, nil, time.Now()); !errors.Is(err, catalog.ErrNotFound) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if _, err := catalog.Describe(t.Context(), newSnapshot(t), "shop", "vault", caller("create databases shop"), time.Now()); !errors.Is(err, catalog.ErrNotFound) {
		t.Errorf("an offering that the caller may not create: got %v", err)
	}
}

// TestExamplesOfKro makes minimal and full examples for all of kro's example RGDs, and holds them to the schemas.
func TestExamplesOfKro(t *testing.T) {
	c := kroexamples.Read(t)
	for _, rgd := range c.Offerings {
		rgd.Annotations = map[string]string{"kroguard.io/catalog": "true"}
	}
	c.AddNamespace("default")
	s := snapshotOf(t, c)
	list, err := catalog.Offerings(t.Context(), s, "default", &catalog.Query{Limit: catalog.MaxLimit}, nil)
	if err != nil {
		t.Fatal(err)
	}
	minimal, full := 0, 0
	for _, o := range list.Items {
		d, err := catalog.Describe(t.Context(), s, "default", o.Name, nil, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		known, _ := s.Offerings.ByName(o.Name)
		for example, count := range map[string]*int{d.Examples.Minimal: &minimal, d.Examples.Full: &full} {
			var object map[string]any
			if err := yaml.Unmarshal([]byte(example), &object); err != nil {
				t.Errorf("%s: %v", o.Name, err)
			}
			if example == "" && known.Schema != nil {
				t.Errorf("%s has no such example", o.Name)
			}
			if example != "" {
				*count++
			}
		}
	}
	t.Logf("%d offerings, %d minimal and %d full examples", len(list.Items), minimal, full)
	if minimal < 40 || full < 40 {
		t.Errorf("%d offerings, %d minimal and %d full examples", len(list.Items), minimal, full)
	}
}

// TestPreviewsOfKrosExamples writes the instances among kro's examples field by field, as a form does: the preview is the plan of the
// instance, which the webhooks' tests hold together with the webhooks.
func TestPreviewsOfKrosExamples(t *testing.T) {
	c := kroexamples.Read(t)
	for _, rgd := range c.Offerings {
		rgd.Annotations = map[string]string{"kroguard.io/catalog": "true"}
	}
	c.AddNamespacesOf(c.Others)
	if err := c.SetNamespace("default"); err != nil {
		t.Fatal(err)
	}
	c.AddNamespace("default")
	s := snapshotOf(t, c)
	compared := 0
	for i := range c.Others {
		request, err := c.Others[i].Request()
		if err != nil {
			t.Fatal(err)
		}
		o, ok := s.Offerings.ByGroupKind(c.Others[i].Kind.GroupKind())
		spec, written := request.Object["spec"].(map[string]any)
		if !ok || o.Schema == nil || !written || o.GVK.Version != c.Others[i].Kind.Version {
			continue
		}
		values := map[string][]string{}
		flatten(t, values, "spec", spec)
		preview, err := catalog.MakePreview(t.Context(), s, &catalog.Request{
			Namespace: c.Others[i].Namespace, Offering: o.Name, Name: c.Others[i].Name, Values: values,
		}, time.Now())
		if err != nil {
			// Fields that there are not, placeholders for names, and RGDs of one name in several examples.
			wrong, ok := errors.AsType[catalog.ValuesError](err)
			if !errors.Is(err, catalog.ErrNotFound) && (!ok || !strings.Contains(wrong.Error(), "there is no field") && wrong[0].Field != "metadata.name") {
				t.Errorf("%s: %v", c.Others[i].Source, err)
			}
			continue
		}
		for _, name := range []string{"labels", "annotations"} {
			delete(request.Object["metadata"].(map[string]any), name)
		}
		planned, err := plan.Make(t.Context(), s, request, nil, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		compared++
		if diff := cmp.Diff(planned.Admitted, preview.Admitted); diff != "" {
			t.Errorf("%s (-plan +preview):\n%s", c.Others[i].Source, diff)
		}
		if diff := cmp.Diff(planned.Resources, preview.Resources); diff != "" || planned.Allowed != preview.Allowed && len(preview.Errors) == 0 {
			t.Errorf("%s: %t, the plan %t (-plan +preview):\n%s", c.Others[i].Source, preview.Allowed, planned.Allowed, diff)
		}
	}
	if compared < 15 {
		t.Errorf("only %d instances were compared", compared)
	}
	t.Logf("%d instances", compared)
}

// flatten writes values by path.
func flatten(t *testing.T, values map[string][]string, path string, value any) {
	t.Helper()
	switch value := value.(type) {
	case map[string]any:
		if len(value) > 0 {
			for name, below := range value {
				flatten(t, values, path+strings.TrimPrefix(provenance.Format([]string{"x", name}), "x"), below)
			}
			return
		}
	case []any:
		if len(value) > 0 {
			for i, below := range value {
				flatten(t, values, fmt.Sprintf("%s[%d]", path, i), below)
			}
			return
		}
	case string:
		values[path] = []string{value}
		return
	}
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	values[path] = []string{string(text)}
}

// TestPoliciesOfOtherEnginesAreTold has Gatekeeper's policies for an instance, for what it becomes, and for something else.
func TestPoliciesOfOtherEnginesAreTold(t *testing.T) {
	of := func(name, kind string) policies.Policy {
		return policies.Policy{Source: "Gatekeeper", Name: name, Title: "For " + kind, Matches: func(in *policies.Input) (bool, error) {
			return in.Object["kind"] == kind, nil
		}}
	}
	s := newSnapshot(t)
	s.Guardrails = s.Guardrails.With([]policies.Policy{of("K/instance", "Database"), of("K/resource", "Service"), of("K/other", "Pod")}, nil)
	got, err := catalog.Describe(t.Context(), s, "shop", "database", nil, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	var rules []string
	for _, rule := range got.Guardrails {
		rules = append(rules, fmt.Sprint(rule.Source, " ", rule.Name, " ", rule.Resources))
	}
	if diff := cmp.Diff([]string{" by-name true", "Gatekeeper K/instance false", "Gatekeeper K/resource true"}, rules); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
