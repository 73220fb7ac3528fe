package expression

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
)

func typed(name string) schema.Structural {
	return schema.Structural{Generic: schema.Generic{Type: name}}
}

func object(properties map[string]schema.Structural) schema.Structural {
	return schema.Structural{Generic: schema.Generic{Type: "object"}, Properties: properties}
}

func listOf(items schema.Structural) schema.Structural {
	return schema.Structural{Generic: schema.Generic{Type: "array"}, Items: &items}
}

func mapOf(values schema.Structural) schema.Structural {
	return schema.Structural{
		Generic:              schema.Generic{Type: "object"},
		AdditionalProperties: &schema.StructuralOrBool{Structural: &values},
	}
}

// testSchema is the schema of the instances in these tests.
func testSchema() *schema.Structural {
	free := typed("object")
	free.XPreserveUnknownFields = true
	percent := schema.Structural{Extensions: schema.Extensions{XIntOrString: true}}
	instance := object(map[string]schema.Structural{
		"metadata": typed("object"),
		"status":   free,
		"spec": object(map[string]schema.Structural{
			"name":      typed("string"),
			"namespace": typed("string"),
			"log-level": typed("string"),
			"replicas":  typed("integer"),
			"enabled":   typed("boolean"),
			"ratio":     typed("number"),
			"percent":   percent,
			"free":      free,
			"ports":     listOf(object(map[string]schema.Structural{"number": typed("integer"), "weight": typed("number")})),
			"labels":    mapOf(typed("string")),
			"weights":   mapOf(typed("number")),
		}),
	})
	return &instance
}

func testVariables() Variables {
	return Variables{
		Project: map[string]any{
			"name": "payments", "owner": "team-pay", "costCenter": "cc-1",
			"labels":     map[string]any{"tier": "gold", "env": "prod", "area": "money"},
			"parameters": map[string]any{"size": "large", "replicas": int64(3), "zones": []any{"a", "b"}, "nothing": nil},
		},
		Namespace: map[string]any{"name": "shop", "labels": map[string]any{"env": "prod"}, "annotations": map[string]any{}},
		Offering:  map[string]any{"name": "web-app", "tags": []any{"web"}, "catalog": true},
		Object: map[string]any{
			"apiVersion": "kro.run/v1alpha1", "kind": "WebApp",
			"metadata": map[string]any{"name": "shop", "namespace": "shop"},
			"spec": map[string]any{
				"name": "x", "namespace": "inner", "log-level": "info", "replicas": int64(2), "ratio": int64(2),
				"free":    map[string]any{"deep": []any{map[string]any{"er": "yes"}}},
				"ports":   []any{map[string]any{"number": int64(80), "weight": int64(1)}},
				"weights": map[string]any{"a": int64(4), "b": 0.5},
			},
		},
	}
}

func newEnvironment(tb testing.TB, s *schema.Structural) *Environment {
	tb.Helper()
	env, err := NewEnvironment(s)
	if err != nil {
		tb.Fatal(err)
	}
	return env
}

func TestEvaluateYields(t *testing.T) {
	env := newEnvironment(t, testSchema())
	type result struct {
		Value any
		OK    bool
	}
	some := func(value any) result { return result{value, true} }
	for _, test := range []struct {
		name  string
		value any
		want  result
	}{
		{"a constant as it is", map[string]any{"a": []any{int64(1), "b", nil}}, some(map[string]any{"a": []any{int64(1), "b", nil}})},
		{"a string", "${project.owner}", some("team-pay")},
		{"an integer that stays one", "${project.parameters.replicas + 1}", some(int64(4))},
		{"a double that stays one", "${1.0}", some(1.0)},
		{"an unsigned integer as integer", "${5u}", some(int64(5))},
		{"a boolean", "${offering.catalog}", some(true)},
		{"a list", "${project.parameters.zones}", some([]any{"a", "b"})},
		{"a map", "${{'a': {'b': 1}}}", some(map[string]any{"a": map[string]any{"b": int64(1)}})},
		{"white space around the expression", "${ project.name }", some("payments")},
		{"an expression over several lines", "${project.name +\n  '-x'}", some("payments-x")},
		{"a text of several expressions", "${project.name}-${namespace.name}", some("payments-shop")},
		{"a text of scalars", "r=${project.parameters.replicas} c=${offering.catalog} d=${1.5}", some("r=3 c=true d=1.5")},
		{"a brace within a string", `${"}" + project.name}`, some("}payments")},
		{"a literal dollar and brace", `${"${"}x}`, some("${x}")},
		{"a lone dollar as text", "$5 for ${project.name}$", some("$5 for payments$")},
		{"a tree with expressions", map[string]any{"a": []any{"${1}", "c"}, "b": "${project.name}"},
			some(map[string]any{"a": []any{int64(1), "c"}, "b": "payments"})},
		{"no value for optional.none()", "${optional.none()}", result{}},
		{"no value for a missing optional field", "${project.parameters.?missing}", result{}},
		{"the value of a present optional field", "${project.parameters.?size}", some("large")},
		{"no value for null", "${project.parameters.nothing}", result{}},
		{"no value for a text with a part that has none", "x-${optional.none()}", result{}},
		{"a list without elements that have no value", []any{"a", "${optional.none()}"}, some([]any{"a"})},
		{"a map without entries that have no value", map[string]any{"a": "b", "c": "${optional.none()}"}, some(map[string]any{"a": "b"})},
		{"a computed map without entries that have no value", "${{'a': optional.none(), 'b': optional.of(1)}}", some(map[string]any{"b": int64(1)})},
		{"a field that a CEL keyword names", "${object.spec.namespace}", some("inner")},
		{"a field that is no identifier", "${object.spec.`log-level`}", some("info")},
		{"a field below preserved ones", "${object.spec.free.deep[0].er}", some("yes")},
		{"a whole number of a number field as a double", "${object.spec.ratio * 1.5}", some(3.0)},
		{"whole numbers in lists as doubles", "${object.spec.ports[0].weight + 0.5}", some(1.5)},
		{"whole numbers in maps as doubles", "${object.spec.weights.a + object.spec.weights.b}", some(4.5)},
		{"integers in lists as integers", "${object.spec.ports[0].number + 1}", some(int64(81))},
		{"a quantity as text", "${quantity('1Gi').add(quantity('1Gi'))}", some("2Gi")},
		{"bytes in base64", "${b'abc'}", some("YWJj")},
		{"a duration as text", "${duration('90m')}", some("1h30m0s")},
		{"a timestamp in RFC 3339", "${timestamp('2024-01-02T03:04:05Z')}", some("2024-01-02T03:04:05Z")},
		{"an address as text", "${ip('10.0.0.1')}", some("10.0.0.1")},
		{"the namespace, although CEL reserves that word", "${namespace.labels['env'] + object.metadata.namespace}", some("prodshop")},
		{"a comparison of lists", "${project.parameters.zones == ['a', 'b']}", some(true)},
		{"membership of a list", "${'b' in project.parameters.zones && !('c' in project.parameters.zones)}", some(true)},
		{"membership of a map", "${'tier' in project.labels}", some(true)},
		{"an optional field with a fallback", "${project.parameters.?missing.orValue('x') + object.?spec.?name.orValue('y')}", some("xx")},
		{"an index into a computed list", "${['a', 'b'].map(x, x + x)[1]}", some("bb")},
		{"a choice of lists", "${(project.name == 'x' ? ['a'] : project.parameters.zones).filter(z, z != 'a')[0]}", some("b")},
		{"a joined list", "${project.parameters.zones.map(z, string(z)).join('-')}", some("a-b")},
		{"formatted text", "${'%s/%d'.format([project.name, project.parameters.replicas])}", some("payments/3")},
		{"presence as in Kubernetes", "${has(project.contact) ? 1 : 2}", some(int64(2))},
	} {
		t.Run(test.name, func(t *testing.T) {
			template, err := env.Compile(test.value)
			if err != nil {
				t.Fatal(err)
			}
			value, ok, err := template.Evaluate(testVariables())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, result{value, ok}); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestEvaluateFails(t *testing.T) {
	env := newEnvironment(t, nil)
	laughs := "${[[1]]" + strings.Repeat(".map(x, [x, x, x, x])", 10) + "}"
	nested := "[[1]" + strings.Repeat(".map(x, [x, x, x, x])", 17) + "]"
	hidden := "[[dyn(1)]" + strings.Repeat(".map(x, dyn([x, x, x, x]))", 14) + "]"
	const ten = "[1,2,3,4,5,6,7,8,9,10]"
	burn := "${" + ten + ".all(a, " + ten + ".all(b, " + ten + ".all(c, " + ten + ".all(d, " + ten + ".all(e, a+b+c+d+e > 0)))))}"
	for _, test := range []struct {
		name  string
		value any
		want  string
	}{
		{"for a key that isn't there", []any{"${project.parameters.missing}"}, "[0]: ${project.parameters.missing}: no such key: missing"},
		{"for a result that is exponentially large", laughs, errTooLarge.Error()},
		{"for a text that is too large", "${'" + strings.Repeat("x", 300) + "'" + strings.Repeat(".replace('x', 'xxxxxxxxxx')", 3) + "}", errTooLarge.Error()},
		{"for a text of parts that is too large", "${'" + strings.Repeat("x", 150) + "'" + strings.Repeat(".replace('x', 'xxxxxxxxxx')", 3) + "}-y", errTooLarge.Error()},
		{"for comparing what is exponentially large", "${" + nested + ".all(a, a == a)}", "passed too many values"},
		{"for finding it in a list", "${" + nested + ".all(a, a in [a])}", "passed too many values"},
		{"for writing it as text", "${" + nested + ".map(a, '%s'.format([a]))}", "passed too many values"},
		{"for comparing sets of it", "${" + nested + ".all(a, sets.contains([a], [a]))}", "passed too many values"},
		{"for comparing it where its type is hidden", "${" + hidden + ".all(a, a == a)}", "passed too many values"},
		{"for comparing often what is large", "${[" + "[1]" + strings.Repeat(".map(x, [x, x, x, x])", 7) + "].all(a, " + ten + ".all(b, " + ten + ".all(c, " + ten + ".all(d, a == a))))}", "passed too many values"},
		{"beyond the cost limit", burn, "actual cost limit exceeded"},
		{"for a number that JSON lacks", "${1.0 / 0.0}", "${1.0 / 0.0}: +Inf is no JSON number"},
		{"for an unsigned number beyond int64", "${18446744073709551615u}", "18446744073709551615 is beyond the range of a 64-bit integer"},
		{"for a map with keys that JSON lacks", "${{1: 2}}", "a map with keys other than strings has no JSON form"},
		{"for a type as value", "${type(1)}", "a value of type type has no JSON form"},
		{"for a dynamic list in a text", "a${project.parameters.zones}", "a list can't be part of a text"},
		{"for null in a text", "a${project.parameters.nothing}", "null can't be part of a text"},
	} {
		t.Run(test.name, func(t *testing.T) {
			template, err := env.Compile(test.value)
			if err != nil {
				t.Fatal(err)
			}
			value, ok, err := template.Evaluate(testVariables())
			var failed *EvaluationError
			if !errors.As(err, &failed) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, %v, %v; want an EvaluationError with %q", value, ok, err, test.want)
			}
		})
	}
}

func TestAProjectlessInstanceHasNoProjectFields(t *testing.T) {
	template, err := newEnvironment(t, nil).Compile("${has(project.name) ? project.name : 'none'}")
	if err != nil {
		t.Fatal(err)
	}
	if value, ok, err := template.Evaluate(Variables{}); value != "none" || !ok || err != nil {
		t.Errorf("got %v, %v, %v; want none", value, ok, err)
	}
}

// A map that is iterated in random order yields the same result by chance only: 8 keys, 64 times.
func TestEvaluateIsDeterministic(t *testing.T) {
	env := newEnvironment(t, nil)
	labels := map[string]any{}
	for i := range 8 {
		labels[fmt.Sprintf("k%d", i)] = "v"
	}
	want := []any{"k0", "k1", "k2", "k3", "k4", "k5", "k6", "k7"}
	for _, test := range []struct{ name, expression string }{
		{"variable", "${project.labels.map(k, k)}"},
		{"nested variable", "${[project.labels].map(m, m.map(k, k))[0]}"},
		{"two-variable comprehension", "${project.labels.transformList(k, v, k)}"},
		{"map literal", "${{'k7':1,'k6':1,'k5':1,'k4':1,'k3':1,'k2':1,'k1':1,'k0':1}.map(k, k)}"},
		{"computed map", "${project.labels.transformMap(k, v, v).map(k, k)}"},
		{"computed map of another variable", "${[1].map(i, project.labels.transformMap(k, v, v)).map(m, m.map(k, k))[0]}"},
	} {
		t.Run(test.name, func(t *testing.T) {
			template, err := env.Compile(test.expression)
			if err != nil {
				t.Fatal(err)
			}
			for range 64 {
				value, _, err := template.Evaluate(Variables{Project: map[string]any{"labels": labels}})
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(any(want), value); diff != "" {
					t.Fatal(diff)
				}
			}
		})
	}
}

func TestResultsShareNothing(t *testing.T) {
	env := newEnvironment(t, nil)
	for _, source := range []any{"${project.parameters}", map[string]any{"a": "${1}", "zones": []any{"a"}}, map[string]any{"zones": []any{"a"}}} {
		template, err := env.Compile(source)
		if err != nil {
			t.Fatal(err)
		}
		variables := testVariables()
		first, _, err := template.Evaluate(variables)
		if err != nil {
			t.Fatal(err)
		}
		first.(map[string]any)["zones"].([]any)[0] = "changed"
		second, _, err := template.Evaluate(variables)
		if err != nil {
			t.Fatal(err)
		}
		if got := second.(map[string]any)["zones"].([]any)[0]; got != "a" {
			t.Errorf("%v: a change of one result shows in the next: %v", source, got)
		}
		if diff := cmp.Diff(testVariables(), variables); diff != "" {
			t.Errorf("%v: variables changed: %s", source, diff)
		}
	}
}

func TestTemplatesAreSafeForConcurrentUse(t *testing.T) {
	template, err := newEnvironment(t, testSchema()).Compile(map[string]any{"a": "${object.spec.ratio * 2.0}", "b": "${project.labels.map(k, k)}"})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"a": 4.0, "b": []any{"area", "env", "tier"}}
	variables := testVariables()
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 50 {
				value, _, err := template.Evaluate(variables)
				if diff := cmp.Diff(any(want), value); err != nil || diff != "" {
					t.Error(err, diff)
					return
				}
			}
		})
	}
	group.Wait()
}

func TestFacts(t *testing.T) {
	type facts struct {
		Constant    any
		IsConstant  bool
		ReadsObject bool
	}
	env := newEnvironment(t, testSchema())
	for _, test := range []struct {
		name  string
		value any
		want  facts
	}{
		{"a constant", "x", facts{Constant: "x", IsConstant: true}},
		{"an expression over the project", "${project.name}", facts{}},
		{"an expression over the object", []any{"a", "x-${object.spec.name}"}, facts{ReadsObject: true}},
	} {
		t.Run(test.name, func(t *testing.T) {
			template, err := env.Compile(test.value)
			if err != nil {
				t.Fatal(err)
			}
			value, ok := template.Constant()
			if diff := cmp.Diff(test.want, facts{value, ok, template.ReadsObject()}); diff != "" {
				t.Error(diff)
			}
		})
	}
}
