package expression

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
)

func TestCompileRefuses(t *testing.T) {
	env := newEnvironment(t, testSchema())
	deep := any("${1}")
	for range maxDepth + 1 {
		deep = []any{deep}
	}
	for _, test := range []struct {
		name  string
		value any
		want  Errors
	}{
		{"an unknown field of the project", "${project.onwer}", Errors{{Line: 1, Column: 10, Message: "undefined field 'onwer'"}}},
		{"an unknown field of the namespace", "${namespace.nmae}", Errors{{Line: 1, Column: 12, Message: "undefined field 'nmae'"}}},
		{"a wrong use of the namespace", "${namespace + 1}", Errors{{Line: 1, Column: 13,
			Message: "found no matching overload for '_+_' applied to '(kroguard.namespace, int)'"}}},
		{"an unknown field of the object's spec", "${object.spec.nmae}", Errors{{Line: 1, Column: 14, Message: "undefined field 'nmae'"}}},
		{"the object's status", "${object.status.state}", Errors{{Line: 1, Column: 9, Message: "undefined field 'status'"}}},
		{"kro's name of the instance", "${schema.spec.name}", Errors{{Line: 1, Column: 3,
			Message: "undeclared reference to 'schema': the instance is called object, so write object.spec"}}},
		{"a type error", "${project.name + 1}", Errors{{Line: 1, Column: 16, Message: "found no matching overload for '_+_' applied to '(string, int)'"}}},
		{"an empty expression", "${ }", Errors{{Line: 1, Column: 3, Message: "the expression is empty"}}},
		{"an expression that isn't closed", "abc ${project.name", Errors{{Line: 1, Column: 5, Message: `"${" has no matching "}"; as plain text it is written ${"${"}`}}},
		{"an expression within an expression", "${project[${1}]}", Errors{{Message: `"${" within an expression: variables are written without "${}" there`}}},
		{"a list in a text", "a ${project.labels} b", Errors{{Message: "${project.labels} yields a map(string, string), which can't be part of a text"}}},
		{"errors on later lines of a text", "ä\n  ${\n project.x} ${project.y}", Errors{
			{Line: 3, Column: 9, Message: "undefined field 'x'"}, {Line: 3, Column: 22, Message: "undefined field 'y'"}}},
		{"several places, in the order of paths", map[string]any{"b": "${x}", "a": []any{"ok", map[string]any{"c": "${y}"}}}, Errors{
			{Path: "a[1].c", Line: 1, Column: 3, Message: "undeclared reference to 'y'"},
			{Path: "b", Line: 1, Column: 3, Message: "undeclared reference to 'x'"}}},
		{"a text that is too long", "${1}" + strings.Repeat("x", maxTextBytes), Errors{{Message: "a text with expressions has at most 8192 bytes, this one has 8196"}}},
		{"an expression with too many parts", "${[" + strings.Repeat("1,", maxNodes) + "1]}", Errors{{Line: 1, Column: 3, Message: "the expression is too complex: shorten it, or nest less in it"}}},
		{"an expression that nests too deep", "${[1]" + strings.Repeat(".map(x, [x, x])", maxNesting) + "}", Errors{{Line: 1, Column: 3, Message: "the expression is too complex: shorten it, or nest less in it"}}},
		{"a value that nests too deep", deep, Errors{{Path: strings.Repeat("[0]", maxDepth+1), Message: "nests deeper than 64 levels"}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			template, err := env.Compile(test.value)
			var got Errors
			if !errors.As(err, &got) || template != nil {
				t.Fatalf("got %v, %v; want no template and Errors", template, err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestErrorsRenderTheirPlace(t *testing.T) {
	errs := Errors{{Path: "a[0]", Line: 2, Column: 3, Message: "bad"}, {Message: "worse"}}
	if got, want := errs.Error(), "a[0]: line 2, column 3: bad; worse"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestCheckComparesTypes(t *testing.T) {
	env := newEnvironment(t, testSchema())
	spec := testSchema().Properties["spec"]
	field := func(name string) *schema.Structural { s := spec.Properties[name]; return &s }
	strings := listOf(typed("string"))
	for _, test := range []struct {
		name  string
		value any
		field *schema.Structural
		want  Errors
	}{
		{"string into string", "${project.name}", field("name"), nil},
		{"optional string into string", "${project.?name}", field("name"), nil},
		{"quantity into string", "${quantity('1Gi')}", field("name"), nil},
		{"address into string", "${ip('10.0.0.1')}", field("name"), nil},
		{"version into string", "${semver('1.2.3')}", field("name"), nil},
		{"dynamic into anything", "${project.parameters.x}", field("replicas"), nil},
		{"integer into number", "${1}", field("ratio"), nil},
		{"integer into integer-or-string", "${1}", field("percent"), nil},
		{"empty list into list", "${[]}", &strings, nil},
		{"anything into preserved fields", "${1}", &schema.Structural{}, nil},
		{"anything into an unknown schema", "${1}", nil, nil},
		{"integer into string", "${size(project.name)}", field("name"), Errors{{Message: "${size(project.name)} yields integer, but the field takes string"}}},
		{"optional integer into string", "${optional.of(1)}", field("name"), Errors{{Message: "${optional.of(1)} yields integer, but the field takes string"}}},
		{"double into integer", "${1.5}", field("replicas"), Errors{{Message: "${1.5} yields number, but the field takes integer"}}},
		{"boolean into integer-or-string", "${true}", field("percent"), Errors{{Message: "${true} yields boolean, but the field takes integer or string"}}},
		{"null into string", "${null}", field("name"), Errors{{Message: "${null} yields null, but the field takes string"}}},
		{"object into string", "${project}", field("name"), Errors{{Message: "${project} yields object, but the field takes string"}}},
		{"type into string", "${type(1)}", field("name"), Errors{{Message: "${type(1)} yields type(int), but the field takes string"}}},
		{"text into integer", "${'1'}0", field("replicas"), Errors{{Message: "text with expressions yields a string, but the field takes integer"}}},
		{"list of integers into list of strings", "${[1]}", &strings, Errors{{Message: "${[1]} yields list(int), but the field takes array of string"}}},
		{"map of integers into map of strings", "${{'a': 1}}", field("labels"), Errors{{Message: "${{'a': 1}} yields map(string, int), but the field takes object with values of type string"}}},
		{"string into object", "${project.name}", field("labels"), Errors{{Message: "${project.name} yields string, but the field takes object"}}},
		{"elements of a list of objects", []any{map[string]any{"number": "${'x'}"}}, field("ports"), Errors{{Path: "[0].number", Message: "${'x'} yields string, but the field takes integer"}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			template, err := env.Compile(test.value)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, template.Check(test.field)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Whatever the text: no panic, an error or a template, and a result that is JSON and the same each time.
func FuzzCompile(f *testing.F) {
	for _, seed := range []string{
		"", "${project.name}", "a-${object.spec.name}-${1}", `${"${"}`, "${{'a': {}}}", "${", "}${", "${'}", `${"`, "${a${b}}",
		"${[1].map(x, [x, x]).map(x, [x, x])}", "${project.labels.transformMap(k, v, v)}", "${optional.none()}", "${\n}", "${object.spec.`log-level`}",
	} {
		f.Add(seed)
	}
	env := newEnvironment(f, testSchema())
	f.Fuzz(func(t *testing.T, text string) {
		template, err := env.Compile(text)
		if (template == nil) == (err == nil) {
			t.Fatalf("got template %v and error %v", template, err)
		}
		if err != nil {
			return
		}
		_ = template.Check(testSchema()) // must not panic; any finding is fine
		first, ok, err := template.Evaluate(testVariables())
		if err != nil {
			return
		}
		if _, err := json.Marshal(first); err != nil {
			t.Fatalf("result %#v is no JSON: %v", first, err)
		}
		second, again, err := template.Evaluate(testVariables())
		if diff := cmp.Diff(first, second); diff != "" || ok != again || err != nil {
			t.Fatalf("a second evaluation differs: %v, %v, %s", again, err, diff)
		}
	})
}
