package render_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/kroguard/kroguard/internal/render"
)

const forEachA = "\n    forEach: [{a: '${schema.spec.a}'}]"

func TestAnInstanceThatAsksForTooMuchIsCutOff(t *testing.T) {
	numbers := func(n int) []any {
		list := make([]any, n)
		for i := range list {
			list[i] = strconv.Itoa(i)
		}
		return list
	}
	tests := map[string]struct {
		fields, resources string
		spec              map[string]any
		limits            render.Limits
		want              *render.LimitError
	}{
		"one forEach of more than kro creates": {
			fields: `{a: "[]string"}`, resources: configMap("c", "${a}", "{}") + forEachA,
			spec: map[string]any{"a": numbers(1001)},
			want: &render.LimitError{Node: "c", Limit: render.LimitCollection, Max: 1000, Asked: 1001},
		},
		"forEach times forEach": {
			fields:    `{a: "[]string"}`,
			resources: configMap("c", "${a}-${b}-${d}", "{}") + "\n    forEach: [{a: '${schema.spec.a}'}, {b: '${schema.spec.a}'}, {d: '${schema.spec.a}'}]",
			spec:      map[string]any{"a": numbers(1000)},
			want:      &render.LimitError{Node: "c", Limit: render.LimitCollection, Max: 1000, Asked: 1_000_000},
		},
		"many collections": {
			fields:    `{a: "[]string"}`,
			resources: configMap("c", "c-${a}", "{}") + forEachA + configMap("d", "d-${a}", "{}") + forEachA,
			spec:      map[string]any{"a": numbers(900)},
			limits:    render.Limits{MaxResources: 1000},
			want:      &render.LimitError{Node: "d", Limit: render.LimitResources, Max: 1000, Asked: 1001},
		},
		"a large text in many resources": {
			fields:    `{a: "[]string", text: string}`,
			resources: configMap("c", "c-${a}", `{text: "${schema.spec.text}"}`) + forEachA,
			spec:      map[string]any{"a": numbers(900), "text": strings.Repeat("x", 1<<20)},
			want:      &render.LimitError{Node: "c", Limit: render.LimitBytes, Max: render.DefaultMaxBytes},
		},
		"macros in macros": {
			fields:    `{a: "[]string"}`,
			resources: configMap("c", "c", `{count: "${string(schema.spec.a.all(x, schema.spec.a.all(y, schema.spec.a.all(z, x != 'q'))))}"}`),
			spec:      map[string]any{"a": numbers(1000)},
			want:      stepsOf("c"),
		},
		"a list that grows with a number": {
			fields: `{count: integer}`, resources: configMap("c", "c", `{count: "${string(size(lists.range(schema.spec.count)))}"}`),
			spec: map[string]any{"count": int64(math.MaxInt64)}, want: stepsOf("c"),
		},
		"a text that grows with a number": {
			fields: `{count: integer}`, resources: configMap("c", "c", `{count: "${random.seededString(schema.spec.count, 'a')}"}`),
			spec: map[string]any{"count": int64(4_000_000_000)}, want: stepsOf("c"),
		},
		"a list without duplicates, which takes quadratic time": {
			fields: `{a: "[]string"}`, resources: configMap("c", "c", `{count: "${string(size(schema.spec.a.distinct()))}"}`),
			spec: map[string]any{"a": numbers(300_000)}, want: stepsOf("c"),
		},
		"a text put in everywhere": {
			fields: `{t: string}`, resources: configMap("c", "c", `{count: "${schema.spec.t.replace('', schema.spec.t)}"}`),
			spec: map[string]any{"t": strings.Repeat("x", 1<<20)}, want: stepsOf("c"),
		},
		"a large text collected many times": {
			fields: `{a: "[]string", t: string}`, resources: configMap("c", "c", `{count: "${string(size(schema.spec.a.map(x, schema.spec.t + x)))}"}`),
			spec: map[string]any{"a": numbers(50_000), "t": strings.Repeat("x", 1<<20)}, want: stepsOf("c"),
		},
		"a list that holds itself many times": {
			fields:    `{a: "[]string"}`,
			resources: configMap("c", "c", `{count: "${json.marshal([schema.spec.a].map(x, [x,x])`+strings.Repeat(".map(x, [x,x,x,x,x,x,x,x])", 12)+`)}"}`),
			spec:      map[string]any{"a": numbers(2)}, want: stepsOf("c"),
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			set := newSet(t, render.Options{Limits: test.limits}, graphOf(test.fields, test.resources))
			instance := thing(t, "{}")
			instance["spec"] = test.spec
			_, err := set.Render(t.Context(), instance, nil)
			var limit *render.LimitError
			if !errors.As(err, &limit) {
				t.Fatalf("got %v", err)
			}
			test.want.Offering = "thing"
			if test.want.Asked == 0 {
				test.want.Asked = limit.Asked
			}
			if diff := cmp.Diff(test.want, limit); diff != "" || limit.Asked <= limit.Max {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func stepsOf(node string) *render.LimitError {
	return &render.LimitError{Node: node, Limit: render.LimitSteps, Max: render.DefaultMaxSteps, Asked: render.DefaultMaxSteps + 1}
}

// The context ends while an expression runs that would take more than an hour.
func TestTheDeadlineHoldsWithinAnExpression(t *testing.T) {
	set := newSet(t, render.Options{Limits: render.Limits{MaxSteps: math.MaxInt}}, graphOf(`{a: "[]string"}`,
		configMap("c", "c", `{count: "${string(schema.spec.a.exists(x, schema.spec.a.exists(y, schema.spec.a.exists(z, x == 'q'))))}"}`)))
	instance := thing(t, "{}")
	list := make([]any, 50_000)
	for i := range list {
		list[i] = "x"
	}
	instance["spec"] = map[string]any{"a": list}
	ctx, cancel := context.WithTimeoutCause(t.Context(), 20*time.Millisecond, errors.New("the webhook has no more time"))
	defer cancel()
	_, err := set.Render(ctx, instance, nil)
	want := &render.LimitError{Offering: "thing", Node: "c", Limit: render.LimitDeadline}
	var limit *render.LimitError
	if !errors.As(err, &limit) {
		t.Fatalf("got %v", err)
	}
	if diff := cmp.Diff(want, limit, cmpopts.IgnoreFields(render.LimitError{}, "Cause")); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if text := err.Error(); !strings.HasSuffix(text, "rendering takes too long: the webhook has no more time") {
		t.Error(text)
	}
}

func TestLimitsCountAllLevelsTogether(t *testing.T) {
	outer := graphOf(`{a: "[]string"}`, `
  - id: db
    forEach: [{a: "${schema.spec.a}"}]
    template: {apiVersion: platform.example.com/v1, kind: Database, metadata: {name: "${a}"}, spec: {}}`)
	set := newSet(t, render.Options{Limits: render.Limits{MaxResources: 11}}, outer, database)
	if _, err := set.Render(t.Context(), thing(t, "{a: [p, q]}"), nil); err != nil {
		t.Fatal("eight resources are fine:", err)
	}
	_, err := set.Render(t.Context(), thing(t, "{a: [p, q, r]}"), nil)
	want := &render.LimitError{Offering: "database", Node: "owned", Limit: render.LimitResources, Max: 11, Asked: 12}
	var limit *render.LimitError
	if errors.As(err, &limit) && limit.Node == "" {
		// The third database was rendered before.
		want.Node = ""
	}
	if diff := cmp.Diff(want, limit); diff != "" {
		t.Errorf("%v: -want +got:\n%s", err, diff)
	}
}

func TestHostileInstancesAreErrors(t *testing.T) {
	set := newSet(t, render.Options{}, graphOf(`{a: "[]string", o: {s: string}, count: integer}`,
		configMap("c", "${schema.metadata.name}", `{s: "${schema.spec.o.s}", count: "${string(schema.spec.count)}"}`)+
			configMap("l", "${a}", "{}")+forEachA))
	tests := map[string]struct {
		instance map[string]any
		want     string
	}{
		"nothing":                 {nil, "no ResourceGraphDefinition generates this kind"},
		"another kind":            {object(t, "{apiVersion: kro.run/v1, kind: Other}"), "no ResourceGraphDefinition generates this kind"},
		"a kind that is no text":  {map[string]any{"apiVersion": int64(1), "kind": []any{}}, "no ResourceGraphDefinition generates this kind"},
		"metadata that is a text": {object(t, "{apiVersion: kro.run/v1alpha1, kind: Thing, metadata: x}"), "metadata is no object"},
		"a spec that is a text":   {object(t, "{apiVersion: kro.run/v1alpha1, kind: Thing, metadata: {name: t, namespace: n}, spec: x}"), "invalid data"},
		"a text where a list is due": {
			thing(t, "{a: x, o: {s: x}, count: 1}"), "invalid data, expected an array",
		},
		"a list where a text is due":   {thing(t, "{a: [x], o: {s: [1]}, count: 1}"), "invalid data, expected string"},
		"a number where a list is due": {thing(t, "{a: [1, {}], o: {s: x}, count: 1}"), "invalid data, expected string"},
		"equal names":                  {thing(t, "{a: [x, x], o: {s: x}, count: 1}"), `forEach yields two resources of the name "x"`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := set.Render(t.Context(), test.instance, nil)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, %v", got, err)
			}
		})
	}
}

func TestOneGraphServesManyGoroutines(t *testing.T) {
	set := newSet(t, render.Options{CacheEntries: 3}, tenant, database, webApp)
	instances := []map[string]any{object(t, tenantInstance)}
	for i := range 6 {
		instances = append(instances, object(t, fmt.Sprintf(`
apiVersion: kro.run/v1alpha1
kind: WebApp
metadata: {name: shop-%d, namespace: team-a}
spec: {image: "nginx:1", replicas: 3, monitoring: %t, hosts: [a, b]}`, i, i%2 == 0)))
	}
	want := make([][]string, len(instances))
	for i, instance := range instances {
		got, err := set.Render(t.Context(), instance, nil)
		if err != nil {
			t.Fatal(err)
		}
		want[i] = summary(got)
	}
	var group sync.WaitGroup
	for worker := range 16 {
		group.Go(func() {
			for round := range 20 {
				i := (worker + round) % len(instances)
				got, err := set.Render(t.Context(), instances[i], nil)
				if err != nil {
					t.Error(err)
					return
				}
				if diff := cmp.Diff(want[i], summary(got)); diff != "" {
					t.Error(diff)
				}
			}
		})
	}
	group.Wait()
}
