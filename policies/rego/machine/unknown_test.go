package machine_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/kroguard/kroguard/policies/rego/machine"
)

// partialInput is an input with terms that stand for what nobody can tell.
type partialInput struct {
	whole

	unknown map[*ast.Term]uint64
}

func (p partialInput) Unknown() map[*ast.Term]uint64 { return p.unknown }

// step is a key of an object or an index of an array.
type pathOf []*ast.Term

// allPaths are the paths of everything within a term.
func allPaths(term *ast.Term, before pathOf) []pathOf {
	var paths []pathOf
	add := func(key, value *ast.Term) {
		path := append(slices.Clone(before), key)
		paths = append(append(paths, path), allPaths(value, path)...)
	}
	switch value := term.Value.(type) {
	case *ast.Array:
		for i := range value.Len() {
			add(ast.IntNumberTerm(i), value.Elem(i))
		}
	case ast.Object:
		value.Foreach(add)
	}
	return paths
}

// replaced is a term with another one at a path.
func replaced(term *ast.Term, path pathOf, with *ast.Term) *ast.Term {
	if len(path) == 0 {
		return with
	}
	switch value := term.Value.(type) {
	case *ast.Array:
		var elements []*ast.Term
		for i := range value.Len() {
			element := value.Elem(i)
			if ast.IntNumberTerm(i).Equal(path[0]) {
				element = replaced(element, path[1:], with)
			}
			elements = append(elements, element)
		}
		return ast.ArrayTerm(elements...)
	case ast.Object:
		object := ast.NewObject()
		value.Foreach(func(key, element *ast.Term) {
			if key.Equal(path[0]) {
				element = replaced(element, path[1:], with)
			}
			object.Insert(key, element)
		})
		return ast.NewTerm(object)
	default:
		return term
	}
}

func outcomeOf(program *machine.Program, input machine.Input) (machine.Outcome, error) {
	r := new(machine.Run)
	limits := machine.Limits{Deadline: time.Now().Add(time.Minute), Bytes: 64 << 20}
	if err := r.Start(context.Background(), program, input, limits); err != nil {
		return machine.Outcome{}, err
	}
	defer r.Finish()
	return r.Outcome(0)
}

// substitutes are values that may turn out to be there.
func substitutes() []*ast.Term {
	var terms []*ast.Term
	for _, text := range []string{
		`"abc"`, `""`, `"x"`, `1`, `2`, `3`, `4`, `-7`, `0.5`, `true`, `false`, `null`, `[]`, `[1, 2, 3]`, `[2, 1]`, `{}`, `{"a": 1, "b": 2}`,
		`{"deep": [{"leaf": ["x"]}]}`, `["x"]`, `{"leaf": ["x", "y"]}`,
	} {
		terms = append(terms, ast.MustParseTerm(text))
	}
	return terms
}

func holds(term *ast.Term) bool {
	if term == nil {
		return false
	}
	set, isSet := term.Value.(ast.Set)
	return isSet && set.Len() > 0
}

// soundness counts what was tried.
type soundness struct{ certain, uncertain, undefined int }

// check runs a policy without the value at each path of its input: what is certain then must hold whatever the value is. What isn't
// found, or not for certain, says nothing.
func (s *soundness) check(t *testing.T, what string, program *machine.Program, input *ast.Term) {
	t.Helper()
	for _, path := range allPaths(input, nil) {
		mark := ast.StringTerm("nobody can tell")
		got, err := outcomeOf(program, partialInput{whole{replaced(input, path, mark)}, map[*ast.Term]uint64{mark: 1}})
		switch {
		case err != nil && got.Touched != 0 || holds(got.Uncertain):
			s.uncertain++
			continue
		case err == nil && !holds(got.Certain):
			s.undefined++
			continue
		}
		s.certain++
		for _, value := range substitutes() {
			known, knownErr := outcomeOf(program, whole{replaced(input, path, value)})
			if (err == nil) != (knownErr == nil) || holds(got.Certain) != holds(known.Certain) {
				t.Errorf("%s\nwithout %v: %v, %v for certain\nwith %v there: %v, %v", what, path, got.Certain, err, value, known.Certain, knownErr)
				return
			}
		}
	}
}

func TestWhatIsCertainHoldsWhateverTheValuesAre(t *testing.T) {
	input := ast.MustParseTerm(agreementInput)
	all := pieces()
	var s soundness
	for i, first := range all {
		for j, second := range all {
			if (i+j)%5 != 0 {
				continue
			}
			for _, body := range []string{first + "; " + rename(second), "not helped; " + first} {
				source := "package test\n" + surroundings + "helped if { " + rename(second) + " }\nroot contains 1 if { " + body + " }\n"
				compiler, err := compileModules([]string{source, "package other\nvalue := 9"})
				if err != nil {
					continue
				}
				program, err := machine.Compile(compiler, []ast.Ref{ast.MustParseRef("data.test.root")}, machine.Options{})
				if err != nil {
					continue
				}
				s.check(t, body, program, input)
			}
		}
	}
	t.Logf("%+v", s)
	if s.certain < 5000 || s.uncertain < 2000 {
		t.Errorf("too few to show anything: %+v", s)
	}
}

func FuzzWhatIsCertain(f *testing.F) {
	for _, piece := range pieces() {
		f.Add("package test\n" + surroundings + "root contains 1 if { " + piece + " }")
	}
	input := ast.MustParseTerm(agreementInput)
	f.Fuzz(func(t *testing.T, source string) {
		compiler, err := compileModules([]string{source})
		if err != nil || len(source) > 2000 {
			return
		}
		program, err := machine.Compile(compiler, []ast.Ref{ast.MustParseRef("data.test.root")}, machine.Options{})
		if err != nil {
			return
		}
		new(soundness).check(t, source, program, input)
	})
}

func TestWhatDependsOnAValueThatNobodyCanTell(t *testing.T) {
	const input = `{"containers": [
		{"name": "app", "image": "shop:1", "env": [{"name": "HOST", "value": HOST}]},
		{"name": "sidecar", "image": IMAGE}], "replicas": 3, "host": HOST, "labels": {"team": "a", "owner": OWNER}}`
	const certain, uncertain, nothing = "certain", "uncertain", "nothing"
	tests := map[string]struct{ body, want string }{
		"what is known":                              {`input.replicas == 3`, certain},
		"what is known and wrong":                    {`input.replicas == 4`, nothing},
		"the value":                                  {`input.host == "a"`, nothing},
		"not the value":                              {`not input.host`, uncertain},
		"not a comparison with it":                   {`not ours`, uncertain},
		"a field beside it":                          {`input.labels.team == "a"`, certain},
		"a field that nobody wrote":                  {`not input.labels.tier`, certain},
		"a container beside one with it":             {`some c in input.containers; c.image == "shop:1"`, certain},
		"the container with it":                      {`some c in input.containers; not second(c); c.name == "sidecar"`, uncertain},
		"another field of the container with it":     {`some c in input.containers; c.name == "sidecar"`, certain},
		"a list with it within, counted":             {`count(input.containers) == 2`, certain},
		"an object with it, counted":                 {`count(input.labels) == 1`, uncertain},
		"an object with it, compared":                {`input.labels == {"team": "a"}`, uncertain},
		"an object with it, compared with a text":    {`input.labels != "a"`, certain},
		"an object with it, handed to a function":    {`name(input.containers[1]) == "sidecar"`, certain},
		"the value by way of a function":             {`not image(input.containers[1])`, uncertain},
		"a built-in that looks at all of it":         {`contains(json.marshal(input.containers[0]), "app")`, uncertain},
		"a default in its place":                     {`object.get(input, "host", "none") == "none"`, uncertain},
		"a default beside it":                        {`object.get(input, "replicas", 0) == 3`, certain},
		"a rule with a default":                      {`host == "none"`, uncertain},
		"keys of an object with it":                  {`some k, _ in input.labels; k == "team"`, certain},
		"no key of an object with it":                {`not has_tier`, uncertain},
		"a comprehension over what is known":         {`{c.name | some c in input.containers} == {"app", "sidecar"}`, certain},
		"a comprehension that leaves it out":         {`count([c | some c in input.containers; c.image]) == 1`, uncertain},
		"every, of what is known":                    {`every c in input.containers { c.name != "" }`, certain},
		"every, of what nobody can tell":             {`every c in input.containers { not second(c) }`, uncertain},
		"either of two rules, one of which is known": {`risky`, certain},
		"a type":                                {`is_object(input.labels)`, certain},
		"a pattern that takes the object apart": {`{"team": "a"} = input.labels`, uncertain},
		"what a set of rules has found":         {`some n in known_names; n == "app"`, certain},
	}
	marks := map[*ast.Term]uint64{}
	document := ast.MustParseTerm(strings.NewReplacer(": HOST", `: "?host"`, ": IMAGE", `: "?image"`, ": OWNER", `: "?owner"`).Replace(input))
	for _, path := range allPaths(document, nil) {
		value := document
		for _, key := range path {
			switch v := value.Value.(type) {
			case *ast.Array:
				value = v.Get(key)
			case ast.Object:
				value = v.Get(key)
			}
		}
		if text, ok := value.Value.(ast.String); ok && strings.HasPrefix(string(text), "?") {
			mark := ast.StringTerm(fmt.Sprint("mark", len(marks)))
			marks[mark] = 1 << len(marks)
			document = replaced(document, path, mark)
		}
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			compiler, err := compileModules([]string{`package test
name(c) := c.name
image(c) := c.image
ours if startswith(input.host, "a")
second(c) if endswith(c.image, ":2")
default host := "none"
host := input.host
has_tier if { some k, _ in input.labels; k == "tier" }
risky if startswith(input.host, "a")
risky if input.replicas == 3
known_names contains c.name if some c in input.containers
root contains 1 if { ` + test.body + " }\n"})
			if err != nil {
				t.Fatal(err)
			}
			program, err := machine.Compile(compiler, []ast.Ref{ast.MustParseRef("data.test.root")}, machine.Options{})
			if err != nil {
				t.Fatal(err)
			}
			outcome, err := outcomeOf(program, partialInput{whole{document}, marks})
			if err != nil {
				t.Fatal(err)
			}
			got := nothing
			switch {
			case holds(outcome.Certain):
				got = certain
			case holds(outcome.Uncertain):
				got = uncertain
			}
			if got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

// One way to a finding must not make another one uncertain.
func TestEachFindingIsAsCertainAsItsOwnWay(t *testing.T) {
	compiler, err := compileModules([]string{`package test
ours(c) if startswith(c.image, "registry/")
root contains msg if { some c in input.containers; not ours(c); msg := c.name }
root contains "replicas" if input.replicas > 2
root contains "host" if not input.host
`})
	if err != nil {
		t.Fatal(err)
	}
	program, err := machine.Compile(compiler, []ast.Ref{ast.MustParseRef("data.test.root")}, machine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	mark, host := ast.StringTerm("m"), ast.StringTerm("h")
	input := replaced(ast.MustParseTerm(`{"containers": [{"name": "a", "image": 0}, {"name": "b", "image": "x"}], "replicas": 3, "host": 0}`),
		pathOf{ast.StringTerm("containers"), ast.IntNumberTerm(0), ast.StringTerm("image")}, mark)
	input = replaced(input, pathOf{ast.StringTerm("host")}, host)
	got, err := outcomeOf(program, partialInput{whole{input}, map[*ast.Term]uint64{mark: 1, host: 2}})
	if err != nil {
		t.Fatal(err)
	}
	if certain, uncertain := got.Certain.String(), got.Uncertain.String(); certain != `{"b", "replicas"}` || uncertain != `{"a", "host"}` || got.Touched != 3 {
		t.Errorf("got %s for certain, %s perhaps, by %b", certain, uncertain, got.Touched)
	}
}
