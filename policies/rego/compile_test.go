package rego_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kroguard/kroguard/policies"
	"github.com/kroguard/kroguard/policies/v1alpha1"
)

const mainField = "spec.rego.modules[main.rego].source"

func TestCompileErrors(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		guardrail *v1alpha1.Guardrail
		want      policies.CompileErrors
	}{
		"a parse error has line, column and OPA's excerpt": {
			guardrail: v1Guardrail("package guardrail\n\ndeny contains msg if {\n\tmsg := \"a\n}\n"),
			want: policies.CompileErrors{
				{Field: mainField, Line: 4, Column: 9, Message: "illegal token\n\tmsg := \"a\n\t       ^"},
				{Field: mainField, Line: 4, Column: 9, Message: "non-terminated string\n\tmsg := \"a\n\t       ^"},
			},
		},
		"all parse errors of all modules are told, in the order of the text": {
			guardrail: guardrail(v1alpha1.RegoV1, "",
				v1alpha1.RegoModule{Name: "z.rego", Source: "package guardrail\ndeny contains \"a\" if { ] }"},
				v1alpha1.RegoModule{Name: "a.rego", Source: "package lib\nx := }\n"}),
			want: policies.CompileErrors{
				{Field: "spec.rego.modules[z.rego].source", Line: 2, Column: 24, Message: "unexpected ] token\n\tdeny contains \"a\" if { ] }\n\t                       ^"},
				{Field: "spec.rego.modules[a.rego].source", Line: 2, Column: 6, Message: "unexpected } token\n\tx := }\n\t     ^"},
				{Field: "spec.rego.modules[a.rego].source", Line: 2, Column: 6,
					Message: "unexpected } token: expected rule value term (e.g., x := <VALUE> { ... })\n\tx := }\n\t     ^"},
			},
		},
		"all errors of the compiler are told, more than its own limit": {
			guardrail: v1Guardrail("package guardrail\ndeny contains \"a\" if {\n" + strings.Repeat("\tnope()\n", 12) + "}\n"),
			want: func() (want policies.CompileErrors) {
				for line := 3; line < 15; line++ {
					want = append(want, policies.CompileError{Field: mainField, Line: line, Column: 2, Message: "undefined function nope"})
				}
				return want
			}(),
		},
		"a type error says what was wanted": {
			guardrail: v1Guardrail("package guardrail\ndeny contains \"a\" if {\n\tcount(1) > 0\n}\n"),
			want: policies.CompileErrors{
				{Field: mainField, Line: 3, Column: 2, Message: "count: invalid argument(s)\n\thave: (number, ???)\n\twant: (collection: any<...>, n: number)"},
			},
		},
		"an unsafe variable is told": {
			guardrail: v1Guardrail("package guardrail\ndeny contains msg if {\n\tnot msg == 1\n}\n"),
			want: policies.CompileErrors{
				{Field: mainField, Line: 3, Column: 2, Message: "var msg is unsafe"},
			},
		},
		"recursion is told": {
			guardrail: v1Guardrail("package guardrail\ndeny contains msg if {\n\tsome msg in deny\n}\n"),
			want: policies.CompileErrors{
				{Field: mainField, Line: 2, Column: 1, Message: "rule data.guardrail.deny is recursive: data.guardrail.deny -> data.guardrail.deny"},
			},
		},
		"text of Rego v0 is no Rego v1": {
			guardrail: v1Guardrail("package guardrail\ndeny[msg] {\n\tmsg := \"a\"\n}\n"),
			want: policies.CompileErrors{
				{Field: mainField, Line: 2, Column: 1, Message: "`contains` keyword is required for partial set rules"},
				{Field: mainField, Line: 2, Column: 1, Message: "`if` keyword is required before rule body"},
			},
		},
		"a module without package": {
			guardrail: v1Guardrail("deny contains \"a\""),
			want:      policies.CompileErrors{{Field: mainField, Line: 1, Column: 1, Message: "package expected"}},
		},
		"a module of comments": {
			guardrail: v1Guardrail("# nothing\n"),
			want:      policies.CompileErrors{{Field: mainField, Message: "empty module"}},
		},
		"no modules": {
			guardrail: guardrail(v1alpha1.RegoV1, ""),
			want:      policies.CompileErrors{{Field: "spec.rego.modules", Message: "give at least one module"}},
		},
		"a version that there is not": {
			guardrail: guardrail("v9", "", module("package guardrail\ndeny := false")),
			want:      policies.CompileErrors{{Field: "spec.rego.version", Message: `"v9" is no version of Rego: v0 or v1`}},
		},
		"two modules of one name": {
			guardrail: guardrail(v1alpha1.RegoV1, "", module("package guardrail\ndeny := false"), module("package lib")),
			want: policies.CompileErrors{
				{Field: "spec.rego.modules", Message: "two modules are named main.rego: give each its own name"},
			},
		},
		"an entry without a finding rule, though a library has one": {
			guardrail: guardrail(v1alpha1.RegoV1, "", module("# title\npackage guardrail\nallow := true"),
				v1alpha1.RegoModule{Name: "lib.rego", Source: "package lib\ndeny := false"}),
			want: policies.CompileErrors{{Field: mainField, Line: 2, Column: 1,
				Message: "package guardrail has none of the rules deny, violation, warn, whose elements are the findings: write deny contains msg if { ... }"}},
		},
		"an entry without a finding rule in Rego v0": {
			guardrail: guardrail(v1alpha1.RegoV0, "", module("package a.b\nallow = true")),
			want: policies.CompileErrors{{Field: mainField, Line: 1, Column: 1,
				Message: "package a.b has none of the rules deny, violation, warn, whose elements are the findings: write deny[msg] { ... }"}},
		},
		"a finding rule that is a function": {
			guardrail: v1Guardrail("package guardrail\ndeny(x) := x"),
			want: policies.CompileErrors{{Field: mainField, Line: 2, Column: 1,
				Message: "deny is a function: findings come from a rule, as in deny contains msg if { ... }"}},
		},
		"a rule of Rego v0 with a mere if, which builds an object in v1": {
			guardrail: v1Guardrail("package guardrail\nwarn[msg] if {\n\tmsg := \"a\"\n}"),
			want: policies.CompileErrors{{Field: mainField, Line: 2, Column: 1,
				Message: "warn[msg] builds an object, and not a set of findings: write warn contains msg if { ... }"}},
		},
		"a finding rule below a finding rule": {
			guardrail: v1Guardrail("package guardrail\ndeny.replicas contains \"a\""),
			want: policies.CompileErrors{{Field: mainField, Line: 2, Column: 1,
				Message: "deny.replicas builds an object, and not a set of findings: write deny contains msg if { ... }"}},
		},
		"comprehensions nested so deep that the compiler would not end": {
			guardrail: v1Guardrail("package guardrail\ndeny contains " + strings.Repeat("[1 |", 40) + "true" + strings.Repeat("]", 40)),
			want: policies.CompileErrors{{Field: mainField, Line: 2, Column: 15,
				Message: "comprehensions nest deeper than 10 levels: make rules of the inner ones"}},
		},
		"every nested in comprehensions counts": {
			guardrail: v1Guardrail("package guardrail\ndeny contains 1 if {\n\tx := " + strings.Repeat("{1 | every a in [1] { a == ", 6) + "1" + strings.Repeat("}}", 6) + "\n}"),
			want: policies.CompileErrors{{Field: mainField, Line: 3, Column: 7,
				Message: "comprehensions nest deeper than 10 levels: make rules of the inner ones"}},
		},
		"parameters that are no object": {
			guardrail: guardrail(v1alpha1.RegoV1, `[1]`, module("package guardrail\ndeny := false")),
			want:      policies.CompileErrors{{Field: "spec.params", Message: "the parameters are of type array: give an object"}},
		},
		"parameters that are no JSON": {
			guardrail: guardrail(v1alpha1.RegoV1, `{"a":1} {"b"`, module("package guardrail\ndeny := false")),
			want:      policies.CompileErrors{{Field: "spec.params", Message: "the parameters are no JSON"}},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			program, warnings, err := newDriver().Compile(context.Background(), test.guardrail)
			if program != nil || warnings != nil {
				t.Errorf("got a program or warnings beside the error: %v, %v", program, warnings)
			}
			var got policies.CompileErrors
			if !errors.As(err, &got) {
				t.Fatalf("got %v, want CompileErrors", err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("errors (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCompileErrorsAreLimited(t *testing.T) {
	t.Parallel()
	var source strings.Builder
	source.WriteString("package guardrail\ndeny contains 1 if {\n")
	for range 60 {
		source.WriteString("\tnope()\n")
	}
	source.WriteString("}\n")
	_, _, err := newDriver().Compile(context.Background(), v1Guardrail(source.String()))
	var got policies.CompileErrors
	if !errors.As(err, &got) {
		t.Fatalf("got %v, want CompileErrors", err)
	}
	want := policies.CompileError{Field: "spec.rego.modules", Message: "and 10 more errors"}
	if len(got) != 51 || got[50] != want {
		t.Errorf("got %d errors, the last %v; want 51, the last %v", len(got), got[len(got)-1], want)
	}
}

func TestModules(t *testing.T) {
	t.Parallel()
	lib := v1alpha1.RegoModule{Name: "lib.rego", Source: "package lib.text\n\nshout(s) := upper(s)\n\ndeny contains \"of a library\""}
	tests := map[string]struct {
		guardrail *v1alpha1.Guardrail
		want      []policies.Finding
	}{
		"the entry imports a library": {
			guardrail: guardrail("", "", module("package guardrail\nimport data.lib.text\ndeny contains text.shout(\"no\")"), lib),
			want:      []policies.Finding{{Message: "NO"}},
		},
		"the first module is the entry though another name sorts first": {
			guardrail: guardrail("", "", module("package z\ndeny contains \"z\""),
				v1alpha1.RegoModule{Name: "a.rego", Source: "package a\ndeny contains \"a\""}),
			want: []policies.Finding{{Message: "z"}},
		},
		"the entry's package may go over several modules": {
			guardrail: guardrail("", "", module("package z\nimport rego.v1\nname := \"z\""),
				v1alpha1.RegoModule{Name: "a.rego", Source: "package z\ndeny contains name"}),
			want: []policies.Finding{{Message: "z"}},
		},
		"a package may have a name that is no identifier": {
			guardrail: guardrail("", "", module("package a[\"b-c\"].d\ndeny contains \"x\"")),
			want:      []policies.Finding{{Message: "x"}},
		},
		"Rego v0 may import rego.v1": {
			guardrail: guardrail(v1alpha1.RegoV0, "", module("package guardrail\nimport rego.v1\ndeny contains \"x\" if true")),
			want:      []policies.Finding{{Message: "x"}},
		},
		"Rego v0 may import future keywords": {
			guardrail: guardrail(v1alpha1.RegoV0, "", module("package guardrail\nimport future.keywords.in\ndeny[x] { some x in [\"x\"] }")),
			want:      []policies.Finding{{Message: "x"}},
		},
		"rules may nest comprehensions as deep as the limit": {
			guardrail: guardrail("", "", module("package guardrail\ndeep := "+strings.Repeat("[1 |", 10)+"true"+strings.Repeat("]", 10)+"\ndeny contains \"x\" if deep")),
			want:      []policies.Finding{{Message: "x"}},
		},
		"data has no more than the modules": {
			guardrail: guardrail("", "", module("package guardrail\ndeny contains \"data\" if data.inventory\ndeny contains \"lib\" if data.lib"), lib),
			want:      []policies.Finding{{Message: "lib"}},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			program, _, err := newDriver().Compile(context.Background(), test.guardrail)
			if err != nil {
				t.Fatal(err)
			}
			got, err := program.Evaluate(context.Background(), policies.NewInput(review()))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestStrictModeWarns(t *testing.T) {
	t.Parallel()
	g := v1Guardrail("package guardrail\nimport data.lib.text\n\ndeny contains \"a\" if {\n\tx := 1\n}\n")
	program, got, err := newDriver().Compile(context.Background(), g)
	if err != nil || program == nil {
		t.Fatalf("got %v, %v; want a program with warnings", program, err)
	}
	want := []v1alpha1.ExpressionWarning{
		{FieldRef: mainField, Warning: "line 2, column 1: import data.lib.text unused"},
		{FieldRef: mainField, Warning: "line 5, column 2: assigned var x unused"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("warnings (-want +got):\n%s", diff)
	}
}

func TestWarningsAreLimited(t *testing.T) {
	t.Parallel()
	var source strings.Builder
	source.WriteString("package guardrail\ndeny contains \"a\" if {\n")
	for i := range 40 {
		fmt.Fprintf(&source, "\tx%d := 1\n", i)
	}
	source.WriteString("}\n")
	_, got, err := newDriver().Compile(context.Background(), v1Guardrail(source.String()))
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 32 {
		t.Errorf("got %d warnings, want the 32 that a status holds", len(got))
	}
}

func TestCompileDoesNotKeepTheGuardrail(t *testing.T) {
	t.Parallel()
	g := guardrail(v1alpha1.RegoV1, `{"a":"before"}`, module("package guardrail\ndeny contains input.parameters.a"))
	program := mustCompile(t, newDriver(), g)
	copy(g.Spec.Params.Raw, `{"a":"behind"}`)
	got, err := program.Evaluate(context.Background(), policies.NewInput(review()))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]policies.Finding{{Message: "before"}}, got); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
}

func TestCompileEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	// Large enough to go on after the context ended.
	g := v1Guardrail("package guardrail\ndeny := false\nx := 1" + strings.Repeat("+1", 4000))
	_, _, err := newDriver().Compile(ctx, g)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	if errors.As(err, new(policies.CompileErrors)) {
		t.Error("a canceled compilation must not count as a guardrail that does not compile")
	}
}

func TestDriverHandlesRegoAlone(t *testing.T) {
	t.Parallel()
	driver := newDriver()
	if driver.Engine() != "Rego" {
		t.Errorf("engine is %q", driver.Engine())
	}
	if !driver.Handles(v1Guardrail("")) {
		t.Error("a guardrail with spec.rego is not handled")
	}
	if driver.Handles(&v1alpha1.Guardrail{Spec: v1alpha1.GuardrailSpec{CEL: &v1alpha1.CELPolicy{}}}) {
		t.Error("a guardrail with spec.cel is handled")
	}
}
