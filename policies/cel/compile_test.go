package cel_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kroguard/kroguard/policies"
	"github.com/kroguard/kroguard/policies/v1alpha1"
)

func TestCompileErrorsNameEveryPlace(t *testing.T) {
	undeclared := func(name string) string { return "undeclared reference to '" + name + "' (in container '')" }
	tests := map[string]struct {
		policy *v1alpha1.CELPolicy
		params string
		want   policies.CompileErrors
	}{
		"line and column count from 1": {
			policy: checks("object.spec.replicas < 3 &&\n  nothing == 1"),
			want: policies.CompileErrors{
				{Field: "spec.cel.validations[0].expression", Line: 2, Column: 3, Message: undeclared("nothing")},
			},
		},
		"all expressions are reported at once": {
			policy: &v1alpha1.CELPolicy{
				Variables: variables("a", "x"),
				Validations: []v1alpha1.CELValidation{
					{Expression: "y == 1 && z == 2", MessageExpression: "w"},
				},
			},
			want: policies.CompileErrors{
				{Field: "spec.cel.variables[0].expression", Line: 1, Column: 1, Message: undeclared("x")},
				{Field: "spec.cel.validations[0].expression", Line: 1, Column: 1, Message: undeclared("y")},
				{Field: "spec.cel.validations[0].expression", Line: 1, Column: 11, Message: undeclared("z")},
				{Field: "spec.cel.validations[0].messageExpression", Line: 1, Column: 1, Message: undeclared("w")},
			},
		},
		"a validation must be a bool": {
			policy: checks("'text'"),
			want: policies.CompileErrors{
				{Field: "spec.cel.validations[0].expression", Message: "must evaluate to bool but got string"},
			},
		},
		"a field of any type is no bool, and what to do": {
			policy: checks("object.spec.public"),
			want: policies.CompileErrors{{
				Field:   "spec.cel.validations[0].expression",
				Message: "must evaluate to bool but got dyn: compare it, as in object.spec.public == true",
			}},
		},
		"a messageExpression must be a string": {
			policy: &v1alpha1.CELPolicy{Validations: []v1alpha1.CELValidation{
				{Expression: "true", MessageExpression: "object.spec.replicas"}, {Expression: "true", MessageExpression: "1"},
			}},
			want: policies.CompileErrors{
				{
					Field:   "spec.cel.validations[0].messageExpression",
					Message: "must evaluate to string but got dyn: convert it, as in string(object.spec.replicas)",
				},
				{Field: "spec.cel.validations[1].messageExpression", Message: "must evaluate to string but got int"},
			},
		},
		"a messageExpression has no authorizer": {
			policy: &v1alpha1.CELPolicy{Validations: []v1alpha1.CELValidation{
				{Expression: "true", MessageExpression: "string(authorizer.path('/').check('get').allowed())"},
			}},
			want: policies.CompileErrors{{
				Field: "spec.cel.validations[0].messageExpression", Line: 1, Column: 8, Message: undeclared("authorizer"),
			}},
		},
		"a variable sees only those before it": {
			policy: &v1alpha1.CELPolicy{
				Variables:   variables("a", "variables.b", "b", "1", "c", "variables.c"),
				Validations: checks("variables.b == 1").Validations,
			},
			want: policies.CompileErrors{
				{Field: "spec.cel.variables[0].expression", Line: 1, Column: 10, Message: "undefined field 'b'"},
				{Field: "spec.cel.variables[2].expression", Line: 1, Column: 10, Message: "undefined field 'c'"},
			},
		},
		"what uses a broken variable is not to blame": {
			policy: &v1alpha1.CELPolicy{
				Variables: variables("a", "nothing"), Validations: checks("variables.a == 1").Validations,
			},
			want: policies.CompileErrors{
				{Field: "spec.cel.variables[0].expression", Line: 1, Column: 1, Message: undeclared("nothing")},
			},
		},
		"variables have types": {
			policy: &v1alpha1.CELPolicy{
				Variables:   variables("list", "[1, 2]", "map", "{'a': 'b'}"),
				Validations: checks("variables.list[0] == 'a'", "variables.map['a'] == 1").Validations,
			},
			want: policies.CompileErrors{
				{
					Field: "spec.cel.validations[0].expression", Line: 1, Column: 19,
					Message: "found no matching overload for '_==_' applied to '(int, string)'",
				},
				{
					Field: "spec.cel.validations[1].expression", Line: 1, Column: 20,
					Message: "found no matching overload for '_==_' applied to '(string, int)'",
				},
			},
		},
		"two variables of one name": {
			policy: &v1alpha1.CELPolicy{Variables: variables("a", "1", "a", "2"), Validations: checks("true").Validations},
			want:   policies.CompileErrors{{Field: "spec.cel.variables[1].name", Message: `there are two variables "a"`}},
		},
		"variables where there are none": {
			policy: checks("variables.a == 1"),
			want: policies.CompileErrors{
				{Field: "spec.cel.validations[0].expression", Line: 1, Column: 10, Message: "undefined field 'a'"},
			},
		},
		"the request has the fields that it has": {
			policy: checks("request.userinfo == null"),
			want: policies.CompileErrors{
				{Field: "spec.cel.validations[0].expression", Line: 1, Column: 8, Message: "undefined field 'userinfo'"},
			},
		},
		"params that are no JSON": {
			policy: checks("true"), params: "{",
			want: policies.CompileErrors{{Field: "spec.params", Message: "it is no JSON: unexpected end of JSON input"}},
		},
		"a regular expression that is none": {
			policy: checks("object.spec.image.matches('[')"),
			want: policies.CompileErrors{{
				Field: "spec.cel.validations[0].expression", Line: 1, Column: 27, Message: "invalid matches argument",
			}},
		},
		"an empty expression": {
			policy: checks(""),
			want: policies.CompileErrors{{
				Field: "spec.cel.validations[0].expression", Line: 1, Column: 1, Message: "Syntax error: mismatched input '<EOF>' " +
					"expecting {'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}",
			}},
		},
	}
	driver := newDriver(t)
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			g := guardrail(test.policy)
			g.Spec.Params = params(test.params)
			program, _, err := driver.Compile(context.Background(), g)
			if diff := cmp.Diff(error(test.want), err); diff != "" {
				t.Errorf("errors (-want +got):\n%s", diff)
			}
			if program != nil {
				t.Error("there is a program besides the errors")
			}
		})
	}
}

func TestHostileExpressionsDoNotCompile(t *testing.T) {
	tests := map[string]string{
		"deep nesting":     strings.Repeat("(", 5000) + "true" + strings.Repeat(")", 5000),
		"deep negation":    strings.Repeat("!(", 3000) + "true" + strings.Repeat(")", 3000),
		"deep lists":       strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + " == []",
		"a very long text": strings.Repeat("true && ", 50000) + "true",
		"a zero byte":      "object\x00 == 1",
		"invalid UTF-8":    "'\xff' == object.\xfe",
		"an open comment":  "true // object \n && (",
	}
	driver := newDriver(t)
	for name, expression := range tests {
		t.Run(name, func(t *testing.T) {
			if _, _, err := driver.Compile(context.Background(), guardrail(checks(expression))); err == nil {
				t.Fatal("it compiles")
			}
		})
	}
}

// FuzzExpression compiles and evaluates any text: it may be refused or fail, but never bring the process down, and a place
// that is reported lies within the text.
func FuzzExpression(f *testing.F) {
	for _, seed := range []string{
		"object.spec.replicas <= 3", "[1, 2].all(a, [3].exists(b, a < b))", "dyn(variables).v", "request.userInfo.groups.exists(g, g == 'x')",
		"object.?spec.?x.orValue(1) == 1", "quantity('1Gi') == quantity(object.spec.memory)", "'\\u0000'", "a\nb\n\tc",
		"namespaceObject.metadata.labels.all(k, v, k != v)", "authorizer.requestResource.check('x').allowed()",
	} {
		f.Add(seed)
	}
	driver := newDriver(f)
	f.Fuzz(func(t *testing.T, expression string) {
		policy := &v1alpha1.CELPolicy{
			Variables:   variables("v", expression),
			Validations: []v1alpha1.CELValidation{{Expression: "dyn(variables.v) == 1"}, {Expression: expression}},
		}
		program, _, err := driver.Compile(context.Background(), guardrail(policy))
		if err != nil {
			places, ok := errors.AsType[policies.CompileErrors](err)
			if !ok {
				t.Fatalf("%q: got %T, want places: %v", expression, err, err)
			}
			for _, place := range places {
				if place.Line < 0 || place.Column < 0 || place.Line > strings.Count(expression, "\n")+1 {
					t.Fatalf("%q: no such place: %#v", expression, place)
				}
			}
			return
		}
		_, _ = program.Evaluate(context.Background(), policies.NewInput(review()))
	})
}
