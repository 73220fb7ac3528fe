package catalog_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/go-logr/logr"

	"github.com/kroguard/kroguard/internal/catalog"
	"github.com/kroguard/kroguard/internal/manifests"
	"github.com/kroguard/kroguard/internal/review"
)

func TestPagesShowWhatWouldBecomeOfIt(t *testing.T) {
	handler := newHandler(t)
	const page = "/namespaces/payments-dev/database"
	tests := map[string]struct {
		target  string
		parts   []string
		without []string
	}{
		"namespaces": {"/", []string{`<a href="/namespaces/payments-dev">payments-dev</a>`, "project payments"}, nil},
		"the catalog": {
			"/namespaces/payments-dev?q=&category=", []string{">A &lt;database&gt;</a>", "<option>data</option>", "<strong>Deprecated:</strong> use databases"},
			[]string{"vault", "Not allowed"},
		},
		"what is not allowed": {"/namespaces/payments-dev?all=true", []string{"<strong>Not allowed:</strong> "}, nil},
		"an empty form": {
			page, []string{
				"Fill in what is required", `engine <span class="required">(required)</span>`, `pattern="^[a-z]{3}-[0-9]&#43;$"`,
				`<option value="">large (default)</option>`, "large if left empty, from defaults.payments", `min="2" max="5" step="1"`,
				`name="spec.ports[0].name"`, `<textarea id="`, "Known engines",
				"<summary>Advanced</summary>", "It matters only where ${schema.spec.backups} holds.", `src="/assets/icons/database.svg"`, "Take pgs.", `href="/namespaces/payments-dev/database-plus"`,
			}, []string{"It would be refused", "aria-invalid", `name="spec.ports[1].name"`},
		},
		"values that are refused": {
			page + "?spec.engine=ora-1&spec.replicas=9&spec.size=&spec.ports[0].name=a",
			[]string{
				"It would be refused", "no such engine", "engine: ora-1", `aria-invalid="true"`, "less than or equal to 5", `name="spec.ports[1].name"`,
			}, []string{"size:"},
		},
		"values that are admitted": {
			page + "?name=orders&spec.engine=pgs-1&spec.replicas=2&spec.backups=false",
			[]string{"It would be admitted", "name: orders", "/manifest?name=orders&amp;spec.backups=false&amp;spec.engine=pgs-1", `<option value="false" selected>`},
			[]string{"aria-invalid", `class="problem"`},
		},
		"values that are wrong": {
			page + "?name=A_B&spec.replicas=many", []string{"Some values are wrong", "metadata.name: "}, []string{"id=\"manifest\""},
		},
		"script": {
			page + "?spec.engine=" + url.QueryEscape(`"><script>alert(1)</script>`) + "&name=" + url.QueryEscape("</title><script>alert(1)</script>"),
			nil, []string{"<script>alert"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			answer := get(handler, test.target)
			if answer.Code != http.StatusOK || !strings.Contains(answer.Header().Get("Content-Security-Policy"), "script-src 'self'") {
				t.Fatalf("%d %v %s", answer.Code, answer.Header(), answer.Body)
			}
			for _, part := range test.parts {
				if !strings.Contains(answer.Body.String(), part) {
					t.Errorf("the page lacks %s:\n%s", part, answer.Body)
				}
			}
			for _, part := range append(test.without, "ZgotmplZ") {
				if strings.Contains(answer.Body.String(), part) {
					t.Errorf("the page has %s:\n%s", part, answer.Body)
				}
			}
		})
	}
}

// TestHostileOfferings have script in all that they say, and a schema of ten thousand fields.
func TestHostileOfferings(t *testing.T) {
	const script = `<script>alert(1)</script>`
	var fields strings.Builder
	for i := range 10_000 {
		fmt.Fprintf(&fields, "      field%d: string\n", i)
	}
	text := `apiVersion: kro.run/v1alpha1
kind: ResourceGraphDefinition
metadata:
  name: hostile
  annotations:
    kroguard.io/catalog: "true"
    kroguard.io/title: "` + script + `"
    kroguard.io/description: "` + script + `"
    kroguard.io/category: "` + script + `"
    kroguard.io/tags: "` + script + `"
    kroguard.io/docs-url: "javascript:alert(1)"
    kroguard.io/deprecated: "` + script + `"
    kroguard.io/icon: "` + script + `"
    kroguard.io/defaults: '{field1: "` + script + `"}'
spec:
  schema:
    apiVersion: v1alpha1
    kind: Hostile
    spec:
` + fields.String() + `
---
apiVersion: kro.run/v1alpha1
kind: ResourceGraphDefinition
metadata: {name: recursive, annotations: {kroguard.io/catalog: "true"}}
spec:
  schema:
    apiVersion: v1alpha1
    kind: Recursive
    types: {Node: {name: string, next: Node}, A: {b: B}, B: {a: "[]A"}}
    spec: {node: Node, a: A}
`
	c := new(manifests.Configuration)
	if err := c.ReadFrom("hostile", strings.NewReader(text)); err != nil {
		t.Fatal(err)
	}
	c.AddNamespace("shop")
	s := snapshotOf(t, c)
	handler := catalog.NewHandler(catalog.HandlerOptions{Snapshot: func() *review.Snapshot { return s }, Log: logr.Discard()})
	for _, target := range []string{
		"/namespaces/shop", "/namespaces/shop/hostile?spec.field2=" + url.QueryEscape(script), "/v1/namespaces/shop/offerings",
		"/v1/namespaces/shop/offerings/hostile", "/v1/namespaces/shop/entities", "/v1/namespaces/shop/offerings/recursive",
		"/namespaces/shop/recursive",
	} {
		answer := get(handler, target)
		body := answer.Body.String()
		if answer.Code != http.StatusOK || strings.Contains(body, script) || strings.Contains(body, "javascript:") {
			t.Errorf("%s: %d %.3000s", target, answer.Code, body)
		}
		if count := strings.Count(body, "<input"); count > 600 {
			t.Errorf("%s: %d inputs", target, count)
		}
	}
}
