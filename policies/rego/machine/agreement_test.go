package machine_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/kroguard/kroguard/policies/rego/machine"
)

// pieces are bodies of rules that bind, unify, negate and collect in ways that guardrails do, and in some that they hardly do.
func pieces() []string {
	return []string{
		`input.a > 1`, `not input.a > 1`, `not input.missing`, `input.list[_] == 2`, `input.list[i] == 2; i > 0`,
		`some i, x in input.list; x == i + 1`, `some k, v in input.object; v > 1; k != "b"`, `some x in input.set; x`,
		`every x in input.list { x > 0 }`, `every k, v in input.object { v > 0; k }`, `every x in input.missing { x }`,
		`[x, y] = input.pair; x < y`, `[1, x] = [x, y]; y == 1`, `[[x, 1], y] = [[2, y], 1]; x == 2`, `{"k": x} = {"k": input.a}; x`,
		`{"b": x, "a": 1} = input.object; x`, `[x, _] = input.list`, `x := input.list[_]; x >= 2`, `x = input.list[_]; y = input.list[_]; x + y == 5`,
		`count([x | some x in input.list; x > 1]) == 2`, `{x | some x in input.list} == {1, 2, 3}`, `{k: v | some k, v in input.object}.a == 1`,
		`{x: y | some x in input.list; y := x % 2}[3] == 1`, `helper(input.a) == 5`, `helper(_) = 5`, `not helper(1)`, `pattern([input.a, 2]) == "two"`,
		`partial[x]; x > 2`, `partial[3]`, `table.b == 2`, `table[k] == 1; k`, `chain == "second"`, `fallback == 7`, `fallen(3) == "default"`,
		`input.object[k]; k == "b"`, `input[k][j] == 3`, `walk(input, [path, 3]); count(path) == 2`, `x := input; x.a == 4`, `input.list[0.0] == 1`,
		`to_number(input.text) == 1`, `not to_number(input.text)`, `startswith(input.text, "ab")`, `startswith(input.a, "ab")`, `sprintf("%d", [input.a]) == "4"`,
		`input.nested.deep[_].leaf[_] == "x"`, `count(input.text) == 3`, `input.a == 4.0`, `input.list == [1, 2, 3]`, `2 in input.list`, `1, 2 in input.list`,
		`object.get(input, ["object", "b"], 0) == 2`, `object.get(input, "nope", 0) == 0`, `data.other.value == 9`, `data.nowhere == 1`,
		`x := {1, 2} | {3}; x == {3, 2, 1}`, `input.list[count(input.list) - 1] == 3`, `not { x | some x in input.list; x > 5 } == set()`,
		`regex.match("^a", input.text)`, `is_string(input.text); not is_number(input.text)`, `input.a != 4`, `json.marshal(input.pair) == "[1,2]"`, `input.flag`, `input.off`,
		`helper(helper(helper(1))) == 4`, `some x; input.list[x] == 3; input.pair[0] = x - 1`, `true`, `false`, `null`, `"text"`, `[]`,
	}
}

const surroundings = `
helper(x) := x + 1 if x < 5
helper(x) := x if x >= 5
pattern([x, y]) := "two" if y == 2
pattern([x, y]) := "three" if y == 3
partial contains x if some x in input.list
partial contains 9
table[k] := v if some k, v in input.object
chain := "first" if input.missing else := "second" if input.a else := "third"
default fallback := 7
fallback := 8 if input.missing
default fallen(_) := "default"
fallen(x) := "small" if x < 3
`

const agreementInput = `{"a": 4, "list": [1, 2, 3], "object": {"a": 1, "b": 2}, "set": {1, "x", false}, "pair": [1, 2], "text": "abc",
	"flag": true, "off": false, "nested": {"deep": [{"leaf": ["y", "x"]}, {"leaf": []}, {}]}}`

// stride is which pairs are run: with it, each piece still meets a third of all others.
const stride = 3

// TestTheMachineAgreesWithOPAOnPairsOfExpressions runs pairs of pieces as one rule's body, by both.
func TestTheMachineAgreesWithOPAOnPairsOfExpressions(t *testing.T) {
	input := ast.MustParseTerm(agreementInput)
	var ran, left int
	all := pieces()
	for i, first := range all {
		var module strings.Builder
		module.WriteString("package test\n" + surroundings)
		var roots []ast.Ref
		for j, second := range all {
			if (i+j)%stride != 0 {
				continue
			}
			body := "{ " + first + "; " + rename(second) + " }"
			name := "r" + string(rune('a'+j/26)) + string(rune('a'+j%26))
			rule := name + " contains [" + strings.Join(variables(first), ", ") + "] if " + body + "\n"
			if _, err := compileModules([]string{"package test\n" + surroundings + rule}); err != nil {
				continue
			}
			module.WriteString(rule)
			roots = append(roots, ast.MustParseRef("data.test."+name))
		}
		compiler, err := compileModules([]string{module.String(), "package other\nvalue := 9"})
		if err != nil {
			t.Fatalf("%d: %v", i, err)
		}
		for _, root := range roots {
			program, err := machine.Compile(compiler, []ast.Ref{root}, machine.Options{})
			if errors.As(err, new(*machine.UnsupportedError)) {
				left++
				t.Logf("%s; %s: %v", first, root, err)
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			ran++
			if want, got := interpreted(compiler, root, input), run(program, whole{input}); want != got {
				t.Errorf("%s %s: the machine yields %s, OPA %s", first, root, got, want)
			}
		}
	}
	if left > 0 || ran < 800 {
		t.Errorf("%d bodies ran, %d were left to the interpreter", ran, left)
	}
}

// rename keeps the variables of two pieces apart.
func rename(piece string) string {
	for _, name := range []string{"i", "x", "y", "k", "v", "j", "path"} {
		piece = replaceWord(piece, name, name+"2")
	}
	return piece
}

// variables are those of a piece that are bound in its own scope.
func variables(piece string) []string {
	var found []string
	if strings.ContainsAny(piece, "{|") {
		return nil // they may be bound in a closure alone
	}
	for _, name := range []string{"i", "x", "y", "k", "v"} {
		if replaceWord(piece, name, "") != piece {
			found = append(found, name)
		}
	}
	return found
}

// replaceWord replaces a word that stands alone.
func replaceWord(text, word, by string) string {
	var out strings.Builder
	isLetter := func(i int) bool {
		return i >= 0 && i < len(text) && (text[i] == '_' || text[i] == '"' || text[i] == '.' && i+1 < len(text) ||
			text[i] >= 'a' && text[i] <= 'z' || text[i] >= '0' && text[i] <= '9')
	}
	for i := 0; i < len(text); {
		if strings.HasPrefix(text[i:], word) && !isLetter(i-1) && (i+len(word) == len(text) || text[i+len(word)] == '.' || !isLetter(i+len(word))) {
			out.WriteString(by)
			i += len(word)
			continue
		}
		out.WriteByte(text[i])
		i++
	}
	return out.String()
}

// FuzzAgreement looks for a policy on which the machine and OPA's interpreter differ. Where either runs out of time or memory, that
// says nothing about the other.
func FuzzAgreement(f *testing.F) {
	for _, piece := range pieces() {
		f.Add("package test\n" + surroundings + "root contains 1 if { " + piece + " }")
	}
	input := ast.MustParseTerm(agreementInput)
	root := ast.MustParseRef("data.test.root")
	f.Fuzz(func(t *testing.T, source string) {
		compiler, err := compileModules([]string{source})
		if err != nil || len(source) > 2000 {
			return
		}
		program, err := machine.Compile(compiler, []ast.Ref{root}, machine.Options{})
		if err != nil {
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
		defer cancel()
		want, got := interpretedWithin(ctx, compiler, root, input), runWithin(ctx, program, whole{input})
		if ctx.Err() != nil || strings.Contains(got, "MiB of memory") {
			return
		}
		if conflicts := strings.HasPrefix(got, "error eval_conflict"); conflicts && !strings.HasPrefix(want, "error") {
			return // OPA's index spared it a rule
		}
		if want != got {
			t.Errorf("the machine yields %s, OPA %s", got, want)
		}
	})
}
