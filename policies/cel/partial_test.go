package cel_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kroguard/kroguard/internal/celcorpus"
	"github.com/kroguard/kroguard/policies"
	"github.com/kroguard/kroguard/policies/cel"
	"github.com/kroguard/kroguard/policies/v1alpha1"
)

// deployment is a rendered resource of which some fields wait for a database.
func deployment() policies.InputOptions {
	in := review()
	in.Instance = in.Object
	in.Object = map[string]any{
		"apiVersion": "apps/v1", "kind": "Deployment",
		"metadata": map[string]any{"name": "shop", "labels": map[string]any{"team": "payments"}},
		"spec": map[string]any{
			"replicas": int64(3),
			"args":     []any{"--log", nil},
			"containers": []any{
				map[string]any{"name": "app", "image": "shop:1.2", "env": []any{map[string]any{"name": "HOST"}}},
				map[string]any{"name": "sidecar"},
			},
		},
	}
	for _, path := range []policies.FieldPath{
		{"spec", "args", 1}, {"spec", "containers", 0, "env", 0, "value"}, {"spec", "containers", 1, "image"}, {"spec", "host"},
	} {
		in.Unresolved = append(in.Unresolved, policies.UnresolvedField{Path: path, WaitsFor: []string{"database"}})
	}
	return in
}

const (
	host, arg     = ".spec.host", ".spec.args[1]"
	value, second = ".spec.containers[0].env[0].value", ".spec.containers[1].image"
)

func TestWhatDependsOnAnUnresolvedFieldIsUnknown(t *testing.T) {
	holds, broken := []string(nil), []string{}
	tests := map[string]struct {
		expression string
		// want are the fields that the outcome depends on; holds and broken where it is known.
		want []string
	}{
		"what is known":                                   {"object.spec.replicas > 1", holds},
		"what is known and wrong":                         {"object.spec.replicas > 5", broken},
		"the field":                                       {"object.spec.host == 'a'", []string{host}},
		"below the field":                                 {"object.spec.host.name == 'a'", []string{host}},
		"whether the field is there":                      {"has(object.spec.host)", []string{host}},
		"whether something is there below the field":      {"has(object.spec.host.name)", []string{host}},
		"a field that nobody wrote":                       {"!has(object.spec.hostPath)", holds},
		"a container of the field is there":               {"has(object.spec)", holds},
		"false and unknown":                               {"object.spec.replicas > 5 && object.spec.host == 'a'", broken},
		"unknown or true":                                 {"object.spec.host == 'a' || object.spec.replicas > 1", holds},
		"unknown and true":                                {"object.spec.host == 'a' && object.spec.replicas > 1", []string{host}},
		"a condition":                                     {"object.spec.host == 'a' ? true : false", []string{host}},
		"a branch that is not taken":                      {"object.spec.replicas == 3 ? true : object.spec.host == 'a'", holds},
		"one element of a list of which another is known": {"object.spec.args[0] == '--log'", holds},
		"an element":                                      {"object.spec.args[1] == '--log'", []string{arg}},
		"a known element is in the list":                  {"'--log' in object.spec.args", holds},
		"another may be in the list":                      {"'--tls' in object.spec.args", []string{arg}},
		"the length of the list":                          {"object.spec.args.size() == 2", holds},
		"a function of the list":                          {"object.spec.args.indexOf('--tls') == -1", []string{arg}},
		"a function that fails on what is no string":      {"object.spec.args.join(' ') == 'a'", []string{arg}},
		"the list as a whole":                             {"object.spec.args == ['--log', 'x']", []string{arg}},
		"a list made of it":                               {"object.spec.args.filter(a, true) == ['--log', 'x']", []string{arg}},
		"a list made of it, joined":                       {"(object.spec.args + ['x']).join(' ') == 'a'", []string{arg}},
		"an object around the field":                      {"object.spec.containers[0] == {'name': 'app'}", []string{value}},
		"all, where a known one is wrong":                 {"object.spec.containers.all(c, c.image.endsWith('x'))", broken},
		"all, where the known ones are right":             {"object.spec.containers.all(c, c.image.endsWith(':1.2'))", []string{second}},
		"all, of what is known":                           {"object.spec.containers.all(c, c.name != '')", holds},
		"exists, where a known one is right":              {"object.spec.containers.exists(c, c.image == 'shop:1.2')", holds},
		"nested loops":                                    {"object.spec.containers.all(c, !has(c.env) || c.env.all(e, e.value != 'x'))", []string{value}},
		"a variable":                                      {"variables.known > 1", holds},
		"a variable that is unknown":                      {"variables.unknown == 'a'", []string{host}},
		"an optional field":                               {"object.?spec.?host.orValue('b') == 'b'", []string{host}},
		"an optional field that nobody wrote":             {"object.?spec.?port.orValue('b') == 'b'", holds},
		"the instance":                                    {"instance.spec.replicas == 5", holds},
		"a map as a function's argument":                  {"object.spec.containers.map(c, c.name).join(' ') == 'app sidecar'", holds},
		"a type error that the field's value may prevent": {"string(object.spec.containers[1].image).startsWith('a')", []string{second}},
	}
	driver := newDriver(t)
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			program, _, err := driver.Compile(t.Context(), guardrail(&v1alpha1.CELPolicy{
				Variables: []v1alpha1.CELVariable{
					{Name: "known", Expression: "object.spec.replicas"}, {Name: "unknown", Expression: "object.spec.host"},
				},
				Validations: []v1alpha1.CELValidation{{Expression: test.expression, Message: "m"}},
			}))
			if err != nil {
				t.Fatal(err)
			}
			findings, err := program.Evaluate(t.Context(), policies.NewInput(deployment()))
			if err != nil {
				t.Fatal(err)
			}
			var want []policies.Finding
			if test.want != nil {
				want = []policies.Finding{{Message: "m", Unknown: len(test.want) > 0}}
				if len(test.want) > 0 {
					want[0].DependsOn = test.want
				}
			}
			if diff := cmp.Diff(want, findings); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAnErrorThatNoValueCouldPreventStaysOne(t *testing.T) {
	program, _, err := newDriver(t).Compile(t.Context(), guardrail(&v1alpha1.CELPolicy{
		Validations: []v1alpha1.CELValidation{{Expression: "object.metadata.nothing == 'a'"}},
	}))
	if err != nil {
		t.Fatal(err)
	}
	findings, err := program.Evaluate(t.Context(), policies.NewInput(deployment()))
	if len(findings) > 0 || err == nil {
		t.Errorf("got %v, %v; want an error alone", findings, err)
	}
}

func TestMatchConditionsThatNobodyCanTell(t *testing.T) {
	tests := map[string]struct {
		expressions []string
		holds       bool
		dependsOn   []string
	}{
		"known":             {[]string{"object.spec.replicas == 3"}, true, nil},
		"unknown":           {[]string{"object.spec.host == 'a'"}, false, []string{host}},
		"unknown and false": {[]string{"object.spec.host == 'a'", "false"}, false, nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			g := guardrail(&v1alpha1.CELPolicy{})
			for i, expression := range test.expressions {
				g.Spec.MatchConditions = append(g.Spec.MatchConditions,
					v1alpha1.MatchCondition{Name: fmt.Sprint("c", i), Expression: expression})
			}
			conditions, err := newDriver(t).CompileConditions(t.Context(), g)
			if err != nil {
				t.Fatal(err)
			}
			holds, err := conditions.Match(t.Context(), policies.NewInput(deployment()))
			var dependsOn []string
			if unknown, ok := errors.AsType[*policies.UnknownError](err); ok {
				dependsOn = unknown.DependsOn
			} else if err != nil {
				t.Fatal(err)
			}
			if holds != test.holds || !slices.Equal(dependsOn, test.dependsOn) {
				t.Errorf("got %v, %v; want %v, %v", holds, dependsOn, test.holds, test.dependsOn)
			}
		})
	}
}

// checkUnknown hides fields of an object, judges it by an expression, and then puts values there: what was known before must come out
// whatever they are. It reports whether the expression compiles, and whether the outcome was known.
func checkUnknown(tb testing.TB, driver *cel.Driver, s celcorpus.Source) (compiled, known bool) {
	tb.Helper()
	validation := v1alpha1.CELValidation{Expression: celcorpus.Validation(s)}
	program, _, err := driver.Compile(context.Background(), corpusGuardrail(tb, validation))
	if err != nil {
		return false, false
	}
	options := corpusInput(s)
	for range 1 + s.N(3) {
		if path := somePath(s, options.Object); len(path) > 0 && !below(path, options.Unresolved) {
			options.Unresolved = append(options.Unresolved, policies.UnresolvedField{Path: path})
		}
	}
	findings, err := program.Evaluate(context.Background(), policies.NewInput(options))
	if len(findings) == 1 && findings[0].Unknown {
		return true, false
	}
	for _, value := range []any{"a", "", int64(1), int64(-7), true, 0.5, nil, []any{}, []any{"a", int64(1)},
		map[string]any{}, map[string]any{"name": "a", "value": "b"}} {
		told := options
		told.Unresolved = nil
		for _, field := range options.Unresolved {
			told.Object = put(told.Object, field.Path, value).(map[string]any)
		}
		got, gotErr := program.Evaluate(context.Background(), policies.NewInput(told))
		if (err == nil) != (gotErr == nil) || !cmp.Equal(findings, got) {
			tb.Errorf("%s\nwithout %v: %v, %v\nwith %v there: %v, %v\nobject: %v", validation.Expression,
				options.Unresolved, findings, err, value, got, gotErr, options.Object)
			break
		}
	}
	return true, true
}

// somePath is the path of a random part of an object.
func somePath(s celcorpus.Source, object any) policies.FieldPath {
	var path policies.FieldPath
	for {
		switch value := object.(type) {
		case map[string]any:
			keys := slices.Sorted(maps.Keys(value))
			if len(keys) == 0 || len(path) > 0 && s.N(6) == 0 {
				return path
			}
			key := keys[s.N(len(keys))]
			path, object = append(path, key), value[key]
		case []any:
			if len(value) == 0 || s.N(6) == 0 {
				return path
			}
			i := s.N(len(value))
			path, object = append(path, i), value[i]
		default:
			return path
		}
	}
}

// below reports whether one of the paths leads to the other.
func below(path policies.FieldPath, fields []policies.UnresolvedField) bool {
	return slices.ContainsFunc(fields, func(f policies.UnresolvedField) bool {
		n := min(len(path), len(f.Path))
		return slices.Equal(path[:n], f.Path[:n])
	})
}

// put is the object with a value at the path.
func put(object any, path policies.FieldPath, value any) any {
	if len(path) == 0 {
		return value
	}
	switch step := path[0].(type) {
	case string:
		fields := maps.Clone(object.(map[string]any))
		fields[step] = put(fields[step], path[1:], value)
		return fields
	default:
		elements := slices.Clone(object.([]any))
		elements[step.(int)] = put(elements[step.(int)], path[1:], value)
		return elements
	}
}

func TestWhatIsKnownHoldsForAllValues(t *testing.T) {
	driver := newDriver(t)
	compiled, known := 0, 0
	const tries = 6000
	for seed := range uint64(tries) {
		ok, sure := checkUnknown(t, driver, celcorpus.Random(seed))
		if ok {
			compiled++
		}
		if sure {
			known++
		}
	}
	if compiled < tries/5 || known < compiled/10 || known > compiled*9/10 {
		t.Errorf("%d of %d compile, %d are known: too few to show anything", compiled, tries, known)
	}
	t.Logf("%d of %d compile, %d are known", compiled, tries, known)
}

func FuzzWhatIsKnownHoldsForAllValues(f *testing.F) {
	driver := newDriver(f)
	for seed := range byte(32) {
		f.Add([]byte{seed, 3 * seed, 7 * seed, 11 * seed, 13 * seed, 17 * seed, 19 * seed, 23 * seed, 29 * seed, 31 * seed})
	}
	f.Fuzz(func(t *testing.T, decisions []byte) { checkUnknown(t, driver, celcorpus.Bytes(decisions)) })
}
