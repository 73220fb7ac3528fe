package catalog_test

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/google/go-cmp/cmp"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"

	"github.com/kroguard/kroguard/internal/catalog"
	"github.com/kroguard/kroguard/internal/manifests"
	"github.com/kroguard/kroguard/internal/review"
)

// newHandler serves the platform without asking anybody.
func newHandler(tb testing.TB) http.Handler {
	tb.Helper()
	s := newSnapshot(tb)
	return catalog.NewHandler(catalog.HandlerOptions{Snapshot: func() *review.Snapshot { return s }, Log: logr.Discard()})
}

func get(handler http.Handler, target string, headers ...string) *httptest.ResponseRecorder {
	request := httptest.NewRequest(http.MethodGet, "http://catalog", http.NoBody)
	request.URL.Path, request.URL.RawQuery, _ = strings.Cut(target, "?")
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, request)
	return recorder
}

func decode(t *testing.T, body []byte) map[string]any {
	t.Helper()
	var decoded map[string]any
	if err := json.Unmarshal(body, &decoded); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	return decoded
}

func TestAnswers(t *testing.T) {
	handler := newHandler(t)
	const base = "/v1/namespaces/payments-dev"
	tests := map[string]struct {
		target string
		status int
		parts  []string
	}{
		"health":                 {"/healthz", 200, []string{"ok"}},
		"namespaces":             {"/v1/namespaces", 200, []string{`{"items":[{"name":"payments-dev","project":"payments"},{"name":"shop"}]}`}},
		"offerings":              {base + "/offerings?q=postgres", 200, []string{`"name":"database","title":"A \u003cdatabase\u003e"`, `"allowed":true`}},
		"refused ones":           {base + "/offerings?all=true&category=secret", 200, []string{`"allowed":false,"reasons":["`}},
		"a page":                 {base + "/offerings?limit=1", 200, []string{`"continue":"`}},
		"an offering":            {base + "/offerings/database", 200, []string{`"source":"defaults.payments"`, `"examples":{"minimal":"apiVersion`}},
		"a manifest":             {base + "/offerings/database/manifest?spec.engine=pgs-1&name=x", 200, []string{"  name: x\n", "  engine: pgs-1\n"}},
		"a preview":              {base + "/offerings/database/manifest?spec.engine=x&preview=true", 200, []string{`"allowed":false`, `"message":"guardrail engines`}},
		"entities":               {base + "/entities", 200, []string{`"kind":"API"`, `"lifecycle":"deprecated"`, `"tags":["sql","ha"]`}},
		"an icon":                {"/assets/icons/database.svg", 200, []string{"<svg"}},
		"no icon":                {"/assets/icons/none.svg", 404, nil},
		"the icons' license":     {"/assets/icons/LICENSE", 404, nil},
		"no path":                {"/v1", 404, []string{"/openapi.json tells what there is"}},
		"the root":               {"/", 200, []string{"<h1>Namespaces</h1>"}},
		"a path outside":         {base + "/../../healthz", 404, nil},
		"a path that is cleaned": {"//v1/namespaces", 404, nil},
		"a namespace":            {"/v1/namespaces/absent/offerings", 404, []string{"there is no such namespace"}},
		"an odd namespace":       {"/v1/namespaces/<script>/offerings", 404, []string{`\u003cscript\u003e`}},
		"an offering not there":  {base + "/offerings/absent", 404, []string{"the catalog has no such offering"}},
		"one not in the catalog": {base + "/offerings/internal", 404, nil},
		"a parameter":            {base + "/offerings?sort=x", 400, []string{"there is no parameter", "all, category, tag, kind, q, limit, continue"}},
		"a parameter twice":      {base + "/offerings?q=a&q=b", 400, []string{"q is given 2 times"}},
		"a flag":                 {base + "/offerings?all=maybe", 400, []string{"all is true or false"}},
		"a limit":                {base + "/offerings?limit=0", 400, []string{"limit is a number from 1 on"}},
		"a token":                {base + "/offerings?continue=x", 400, []string{"continue token"}},
		"a query":                {base + "/offerings?%zz", 400, []string{"the query is wrong"}},
		"values":                 {base + "/offerings/database/manifest?spec.x=1&spec.replicas=y", 400, []string{`"errors":[{"field":"spec.replicas","message":"\"y\" is no integer"}`}},
		"a name":                 {base + "/offerings/database/manifest?name=A", 400, []string{`"field":"metadata.name"`}},
		"a long query":           {base + "/offerings?q=" + strings.Repeat("x", 65<<10), 414, []string{"65536 bytes at most"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			answer := get(handler, test.target)
			if answer.Code != test.status {
				t.Errorf("status %d, want %d: %s", answer.Code, test.status, answer.Body)
			}
			for _, part := range test.parts {
				if !strings.Contains(answer.Body.String(), part) {
					t.Errorf("the answer lacks %s:\n%.2000s", part, answer.Body)
				}
			}
			header := answer.Header()
			if header.Get("X-Content-Type-Options") != "nosniff" || !strings.HasPrefix(header.Get("Content-Security-Policy"), "default-src 'none'") {
				t.Errorf("headers: %v", header)
			}
			if test.status >= 400 {
				problem := decode(t, answer.Body.Bytes())
				if header.Get("Content-Type") != "application/problem+json" || problem["status"] != float64(test.status) || problem["title"] == "" {
					t.Errorf("no problem: %v %v", header, problem)
				}
			} else if header.Get("Cache-Control") != "private, no-cache" || header.Get("ETag") == "" {
				t.Errorf("headers: %v", header)
			}
		})
	}
}

func TestNothingButReading(t *testing.T) {
	handler := newHandler(t)
	for _, method := range []string{"POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "BREW"} {
		recorder := httptest.NewRecorder()
		handler.ServeHTTP(recorder, httptest.NewRequest(method, "/v1/namespaces", http.NoBody))
		if recorder.Code != http.StatusMethodNotAllowed || recorder.Header().Get("Allow") != "GET, HEAD" {
			t.Errorf("%s: %d %v", method, recorder.Code, recorder.Header())
		}
	}
	server := httptest.NewServer(handler)
	defer server.Close()
	response, err := http.Head(server.URL + "/v1/namespaces")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if body, err := io.ReadAll(response.Body); err != nil || len(body) > 0 || response.StatusCode != http.StatusOK {
		t.Errorf("HEAD: %d %q %v", response.StatusCode, body, err)
	}
}

func TestAnAnswerIsAskedForAgain(t *testing.T) {
	handler := newHandler(t)
	const target = "/v1/namespaces/payments-dev/offerings/database"
	plain, zipped := get(handler, target), get(handler, target, "Accept-Encoding", "br, gzip;q=0.8")
	reader, err := gzip.NewReader(zipped.Body)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(reader)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(plain.Body.String(), string(body)); diff != "" || zipped.Header().Get("Content-Encoding") != "gzip" {
		t.Errorf("compressed: %v (-plain +gzip):\n%s", zipped.Header(), diff)
	}
	tags := [2]string{plain.Header().Get("ETag"), zipped.Header().Get("ETag")}
	if tags[0] == tags[1] || strings.HasPrefix(tags[0], "W/") {
		t.Errorf("tags: %v", tags)
	}
	for _, test := range []struct {
		known, encoding string
		status          int
	}{
		{tags[0], "", 304}, {`"x", ` + tags[0], "", 304}, {"*", "", 304}, {"W/" + tags[0], "", 304}, {tags[1], "gzip", 304},
		{tags[1], "", 200}, {`"x"`, "", 200}, {tags[0], "gzip", 200}, {tags[0], "gzip;q=0", 304},
	} {
		answer := get(handler, target, "If-None-Match", test.known, "Accept-Encoding", test.encoding)
		if answer.Code != test.status || test.status == 304 && answer.Body.Len() > 0 {
			t.Errorf("%+v: %d with %d bytes", test, answer.Code, answer.Body.Len())
		}
	}
}

// TestCallers asks with tokens.
func TestCallers(t *testing.T) {
	s := newSnapshot(t)
	tokens := map[string]rights{
		"developer": {"get namespaces payments-dev", "create databases payments-dev"},
		"blind":     {"create vaults shop"},
		"admin":     {"* * *"}, "nobody": {},
	}
	handler := catalog.NewHandler(catalog.HandlerOptions{
		Snapshot: func() *review.Snapshot { return s }, Log: logr.Discard(),
		Authenticator: authenticator.RequestFunc(func(r *http.Request) (*authenticator.Response, bool, error) {
			token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
			if token == "broken" {
				return nil, false, errors.New("no answer")
			}
			_, known := tokens[token]
			return &authenticator.Response{User: &user.DefaultInfo{Name: token}}, known, nil
		}),
		Rights: authorizer.AuthorizerFunc(func(ctx context.Context, a authorizer.Attributes) (authorizer.Decision, string, error) {
			return tokens[a.GetUser().GetName()].Authorize(ctx, a)
		}),
	})
	type seen struct{ namespaces, payments, shop string }
	for token, want := range map[string]seen{
		"developer": {"payments-dev", "database", "404"}, "blind": {"", "404", "vault"}, "nobody": {"", "404", "404"},
		"admin": {"payments-dev shop", "database database-plus fleet", "database database-plus fleet vault"},
	} {
		list := func(target string) string {
			answer := get(handler, target, "Authorization", "Bearer "+token)
			if answer.Code != http.StatusOK {
				return strconv.Itoa(answer.Code)
			}
			var names []string
			items, _ := decode(t, answer.Body.Bytes())["items"].([]any)
			for _, item := range items {
				name, _ := item.(map[string]any)["name"].(string)
				names = append(names, name)
			}
			return strings.Join(names, " ")
		}
		got := seen{list("/v1/namespaces"), list("/v1/namespaces/payments-dev/offerings"), list("/v1/namespaces/shop/offerings")}
		if got != want {
			t.Errorf("%s sees %+v, want %+v", token, got, want)
		}
	}
	// What one may not see is answered as what is not there.
	hidden := get(handler, "/v1/namespaces/shop/offerings", "Authorization", "Bearer developer").Body.String()
	absent := get(handler, "/v1/namespaces/shoq/offerings", "Authorization", "Bearer developer").Body.String()
	if strings.ReplaceAll(hidden, "shop", "shoq") != absent {
		t.Errorf("got %s and %s", hidden, absent)
	}
	for _, token := range []string{"", "wrong", "broken"} {
		answer := get(handler, "/v1/namespaces", "Authorization", "Bearer "+token)
		if answer.Code != http.StatusUnauthorized || !strings.HasPrefix(answer.Header().Get("WWW-Authenticate"), "Bearer") {
			t.Errorf("token %q: %d %v", token, answer.Code, answer.Header())
		}
	}
	if answer := get(handler, "/healthz"); answer.Code != http.StatusOK {
		t.Errorf("health: %d", answer.Code)
	}
	limited := 0
	for range 400 {
		if get(handler, "/v1/namespaces", "Authorization", "Bearer nobody").Code == http.StatusTooManyRequests {
			limited++
		}
	}
	if limited == 0 || get(handler, "/v1/namespaces", "Authorization", "Bearer developer").Code != http.StatusOK {
		t.Errorf("%d of 400 requests were too many; another caller's is answered all the same", limited)
	}
}

// TestTheDocumentTellsOfEverything compares openapi.json with what is served.
func TestTheDocumentTellsOfEverything(t *testing.T) {
	text, err := os.ReadFile("openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	document := decode(t, text)
	schemas := at(document, "components", "schemas")
	handler := newHandler(t)
	const base = "/v1/namespaces/payments-dev"
	for target, schema := range map[string]string{
		"/healthz": "", "/openapi.json": "", "/v1/namespaces": "", base + "/offerings?all=1&limit=2": "OfferingList",
		base + "/offerings/database": "Detail", base + "/offerings/database/manifest?preview=1&spec.engine=x&spec.replicas=9": "Preview",
		base + "/entities": "", base + "/absent": "Problem", base + "/offerings/database/manifest?spec.x=1": "Problem",
	} {
		pathOf, _, _ := strings.Cut(target, "?")
		pathOf = strings.NewReplacer("payments-dev", "{namespace}", "offerings/database", "offerings/{offering}").Replace(pathOf)
		if schema != "Problem" && at(document, "paths", pathOf) == nil {
			t.Errorf("there is no path %s", pathOf)
		}
		if schema != "" {
			described(t, schemas, map[string]any{"$ref": "#/components/schemas/" + schema}, decode(t, get(handler, target).Body.Bytes()), schema)
		}
	}
	if paths, _ := document["paths"].(map[string]any); len(paths) != 7 {
		t.Errorf("there are %d paths", len(paths))
	}
}

// described reports fields that the document does not have, or demands in vain.
func described(t *testing.T, schemas, schema map[string]any, value any, where string) {
	t.Helper()
	if ref, ok := schema["$ref"].(string); ok {
		schema = at(schemas, strings.TrimPrefix(ref, "#/components/schemas/"))
	}
	switch value := value.(type) {
	case map[string]any:
		properties := at(schema, "properties")
		if properties == nil {
			return
		}
		for name, below := range value {
			property, ok := properties[name].(map[string]any)
			if !ok {
				t.Errorf("%s.%s is not in the document", where, name)
				continue
			}
			described(t, schemas, property, below, where+"."+name)
		}
		required, _ := schema["required"].([]any)
		for _, name := range required {
			if _, ok := value[name.(string)]; !ok {
				t.Errorf("%s lacks %s, which the document demands", where, name)
			}
		}
	case []any:
		for _, element := range value {
			described(t, schemas, at(schema, "items"), element, where+"[]")
		}
	}
}

func at(object map[string]any, path ...string) map[string]any {
	for _, name := range path {
		object, _ = object[name].(map[string]any)
	}
	return object
}

// large is a platform of many offerings and namespaces.
func large(tb testing.TB, offerings, namespaces int) *review.Snapshot {
	tb.Helper()
	var text strings.Builder
	for i := range offerings {
		fmt.Fprintf(&text, `---
apiVersion: kro.run/v1alpha1
kind: ResourceGraphDefinition
metadata:
  name: offering-%04d
  annotations: {kroguard.io/catalog: "true", kroguard.io/title: Offering %d, kroguard.io/category: c%d, kroguard.io/tags: "a, b"}
spec: {schema: {apiVersion: v1alpha1, kind: Offering%d, spec: {size: string}}}
`, i, i, i%10, i)
	}
	for i := range namespaces {
		fmt.Fprintf(&text, "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: namespace-%d}\n", i)
	}
	c := new(manifests.Configuration)
	if err := c.ReadFrom("large", strings.NewReader(text.String())); err != nil {
		tb.Fatal(err)
	}
	return snapshotOf(tb, c)
}

func BenchmarkOfferings(b *testing.B) {
	s := large(b, 1000, 200)
	handler := catalog.NewHandler(catalog.HandlerOptions{Snapshot: func() *review.Snapshot { return s }, Log: logr.Discard()})
	for _, limit := range []int{100, 1000} {
		b.Run(fmt.Sprintf("limit=%d", limit), func(b *testing.B) {
			b.ReportAllocs()
			sizes, took := []int{}, []time.Duration{}
			for i := 0; b.Loop(); i++ {
				request := httptest.NewRequest(http.MethodGet, fmt.Sprintf("/v1/namespaces/namespace-%d/offerings?limit=%d", i%200, limit), http.NoBody)
				request.RemoteAddr = fmt.Sprintf("10.0.%d.%d:1", i/200%250, i%200) // another caller, whom no limit holds back
				recorder, started := httptest.NewRecorder(), time.Now()
				handler.ServeHTTP(recorder, request)
				took = append(took, time.Since(started))
				if recorder.Code != http.StatusOK {
					b.Fatalf("%d %s", recorder.Code, recorder.Body)
				}
				sizes = append(sizes, recorder.Body.Len())
			}
			slices.Sort(took)
			b.ReportMetric(float64(slices.Max(sizes)), "bytes")
			b.ReportMetric(float64(took[len(took)*99/100].Nanoseconds()), "p99-ns")
		})
	}
}
