package offering

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Each case is one annotation of webApp, without prefix, and the problems that it has: "line: path: reason".
func TestParseRefuses(t *testing.T) {
	for _, test := range []struct {
		name, annotation, value string
		want                    []string
	}{
		{"a boolean in other words", "catalog", "yes", []string{`0: : "yes" is neither "true" nor "false"`}},
		{"an address that is no URL", "docs-url", "docs.example.com", []string{`0: : "docs.example.com" is no http or https URL`}},
		{"a script as an address", "docs-url", "javascript:alert(1)", []string{`0: : "javascript:alert(1)" is no http or https URL`}},
		{"a list with other things than texts", "tags", "[a, 1]", []string{"1: [1]: an element must be a text: put it in quotes"}},
		{"a list that is no YAML", "tags", "[a", []string{"1: : the value is no YAML: did not find expected ',' or ']'"}},
		{"a typing mistake in a name", "categroy", "web", []string{"0: : there is no such annotation; did you mean kroguard.io/category?"}},
		{"a missing letter", "default", "", []string{"0: : there is no such annotation; did you mean kroguard.io/defaults?"}},
		{"a missing letter before a project", "default.pay", "", []string{"0: : there is no such annotation; did you mean kroguard.io/defaults.pay?"}},
		{"an unknown name", "something-else", "", []string{"0: : there is no such annotation"}},
		{"the project as an annotation", "project", "payments", []string{"0: : a project is given as a label, not as an annotation"}},

		{"an empty list of projects", "allowed-projects", " , ", []string{"0: : the list is empty: name projects, or leave the annotation out to allow all"}},
		{"a project that can't be", "allowed-projects", "Payments!", []string{`0: : "Payments!" is neither a project's name nor a glob: lower-case letters, digits, - and ., and the wildcards * and ?`}},
		{"an empty selector", "namespace-selector", "", []string{"0: : the selector is empty: give labels, or leave the annotation out to allow all namespaces"}},
		{"a selector that is none", "namespace-selector", "a in b", []string{"0: : this is no label selector, as env=prod,tier in (gold,silver): unable to parse requirement: found 'b' expected: '('"}},
		{"a mapping that is no selector", "namespace-selector", "env: prod", []string{`1: : this is no label selector (matchLabels, matchExpressions, or text as env=prod): error unmarshaling JSON: while decoding JSON: json: unknown field "env"`}},

		{"defaults that are no mapping", "defaults", "small", []string{"1: : the value must be a mapping of spec fields to their defaults, as size: small"}},
		{"defaults under spec", "defaults", "# for all\nspec:\n  size: small", []string{`2: spec: defaults are merged under spec already: leave the line "spec:" out and write its fields at the top`}},
		{"an unknown field", "defaults", "size: small\nreplcias: 1", []string{`2: spec.replcias: the schema has no field "replcias"; did you mean replicas?`}},
		{"an unknown field in an object", "defaults", "cache:\n  nope: 1", []string{`2: spec.cache.nope: the schema has no field "nope"`}},
		{"an unknown field in a list", "defaults", "ports:\n- name: a\n  numbr: 1", []string{`3: spec.ports[0].numbr: the schema has no field "numbr"; did you mean number?`}},
		{"an unknown field beside an expression in a list", "defaults", "ports:\n- name: ${project.name}\n  numbr: 1", []string{`3: spec.ports[0].numbr: the schema has no field "numbr"; did you mean number?`}},
		{"text for an integer", "defaults", "replicas: three", []string{"1: spec.replicas: the field takes integer, not string"}},
		{"a number for text", "defaults", "name: 1.10", []string{"1: spec.name: the field takes string, not number: put it in quotes"}},
		{"a fraction for an integer", "defaults", "replicas: 1.5", []string{"1: spec.replicas: the field takes integer, not number"}},
		{"an object for text", "defaults", "name: {a: b}", []string{"1: spec.name: the field takes string, not object"}},
		{"text for an object", "defaults", "db: postgres", []string{"1: spec.db: the field takes object, not string"}},
		{"a wrong type in a list", "defaults", "hosts:\n- a\n- true", []string{"3: spec.hosts[1]: the field takes string, not boolean: put it in quotes"}},
		{"a wrong type in a map", "defaults", "labels: {a: 1}", []string{"1: spec.labels.a: the field takes string, not integer: put it in quotes"}},
		{"a value that is not in the enum", "defaults", "size: huge", []string{`1: spec.size: Unsupported value: "huge": supported values: "small", "large"`}},
		{"a value below the minimum", "defaults", "replicas: 0", []string{"1: spec.replicas: Invalid value: 0: should be greater than or equal to 1"}},
		{"a value above the maximum in a list", "defaults", "ports: [{number: 70000}]", []string{"1: spec.ports[0].number: Invalid value: 70000: should be less than or equal to 65535"}},
		{"a value above the maximum, at its line", "defaults", "ports:\n- name: a\n  number: 70000", []string{"3: spec.ports[0].number: Invalid value: 70000: should be less than or equal to 65535"}},
		{"null", "defaults", "size: null\nname: ~\nimage:", []string{"1: spec.size: null is no default: leave the field out", "2: spec.name: null is no default: leave the field out", "3: spec.image: null is no default: leave the field out"}},
		{"null in a list", "defaults", "hosts: [null]", []string{"1: spec.hosts[0]: the field takes string, not null"}},
		{"a field given twice", "defaults", "size: small\nsize: large", []string{"2: size: the key is given twice"}},
		{"anchors and aliases", "defaults", "hosts: &a [x]\nports: *a", []string{"1: hosts: YAML anchors and aliases are not allowed: write the value out", "2: ports: YAML anchors and aliases are not allowed: write the value out"}},
		{"a merge key", "defaults", "<<: {size: small}", []string{"1: : YAML anchors, aliases and merge keys are not allowed: write the value out"}},
		{"a key that is no text", "defaults", "1: a", []string{"1: : the key 1 is no text: put it in quotes"}},
		{"an empty key", "defaults", "labels: {'': a}", []string{"1: labels: a key is empty"}},
		{"an expression as a key", "defaults", "labels:\n  ${project.name}: a", []string{"2: labels: a key takes no expressions"}},
		{"a YAML tag", "defaults", "name: !!binary aGk=", []string{"1: name: the YAML tag !!binary is not allowed"}},
		{"a number that JSON lacks", "defaults", "ratio: .inf", []string{"1: ratio: .inf is no JSON number"}},
		{"an integer that is too large", "defaults", "replicas: 99999999999999999999", []string{"1: spec.replicas: the field takes integer, not number"}},
		{"several documents", "defaults", "size: small\n---\nsize: large", []string{"2: : there is a second YAML document; only one is allowed"}},
		{"no YAML", "defaults", "size: small\n\tname: x", []string{"2: : the value is no YAML: found a tab character that violates indentation"}},
		{"a huge value", "defaults", "name: " + strings.Repeat("x", maxValueBytes), []string{"0: : the value has 65542 bytes; at most 65536 are allowed"}},
		{"a huge text", "title", strings.Repeat("x", maxValueBytes+1), []string{"0: : the value has 65537 bytes; at most 65536 are allowed"}},
		{"too many expressions", "defaults", "hosts: ['" + strings.Repeat("${1}", maxExpressions+1) + "']", []string{"0: : the annotations of a ResourceGraphDefinition may have at most 500 expressions"}},

		{"an expression that doesn't compile", "defaults", "size: small\nname: ${project.onwer}", []string{"2: spec.name: column 10 of the text: undefined field 'onwer'"}},
		{"an expression on a later line of a block", "defaults", "name: |\n  a\n  ${project.onwer}", []string{"3: spec.name: column 10 of the text: undefined field 'onwer'"}},
		{"an expression in a list", "defaults", "hosts:\n- a\n- ${nope}", []string{"3: spec.hosts[1]: column 3 of the text: undeclared reference to 'nope'"}},
		{"an expression of a wrong type", "defaults", "replicas: ${project.name}", []string{"1: spec.replicas: ${project.name} yields string, but the field takes integer"}},
		{"text with expressions for an integer", "defaults", "replicas: 1${project.parameters.n}", []string{"1: spec.replicas: text with expressions yields a string, but the field takes integer"}},
		{"an expression that isn't closed", "defaults", "name: ${project.name", []string{`1: spec.name: column 1 of the text: "${" has no matching "}"; as plain text it is written ${"${"}`}},
		{"several problems, by line", "defaults", "nope: 1\nsize: 2\nname: ${x}", []string{
			`1: spec.nope: the schema has no field "nope"`, "2: spec.size: the field takes string, not integer: put it in quotes", "3: spec.name: column 3 of the text: undeclared reference to 'x'"}},
		{"defaults of no project", "defaults.", "size: small", []string{`0: : "" is no name of a project: ` + dnsRule}},
		{"defaults of a project that can't be", "defaults.Pay_ments", "size: small", []string{`0: : "Pay_ments" is no name of a project: ` + dnsRule}},
		{"a problem in a project's defaults", "defaults.payments", "size: huge", []string{`1: spec.size: Unsupported value: "huge": supported values: "small", "large"`}},

		{"labels that are no mapping", "labels", "- team", []string{"1: : the value must be a mapping of label keys to values, as team: payments"}},
		{"a label that isn't text", "labels", "a: 1\nb: true\nc: {}", []string{
			"1: a: a label's value is a string, not integer: put it in quotes", "2: b: a label's value is a string, not boolean: put it in quotes", "3: c: a label's value is a string, not object"}},
		{"labels of others", "labels", "kro.run/a: b\ninternal.kro.run/a: b\napplyset.kubernetes.io/id: b\nkroguard.io/project: b\napp.kubernetes.io/managed-by: b", []string{
			"1: kro.run/a: labels of kro.run are written by those who own that domain",
			"2: internal.kro.run/a: labels of kro.run are written by those who own that domain",
			"3: applyset.kubernetes.io/id: labels of applyset.kubernetes.io are written by those who own that domain",
			"4: kroguard.io/project: labels of kroguard.io are written by those who own that domain",
			"5: app.kubernetes.io/managed-by: this label belongs to the tool that manages the instance"}},
		{"a label expression of a wrong type", "labels", "a: ${project.labels}", []string{"1: a: ${project.labels} yields map(string, string), but the field takes string"}},
		{"a label expression that doesn't compile", "labels", "a: b\nc: ${project.x}", []string{"2: c: column 10 of the text: undefined field 'x'"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			key := prefix + test.annotation
			o, problems, _ := Parse(rgdWith(t, map[string]string{key: test.value}))
			var got []string
			for _, problem := range problems {
				if problem.Annotation != key || problem.Label {
					t.Errorf("problem of %s: %v", problem.Annotation, problem)
				}
				got = append(got, fmt.Sprintf("%d: %s: %s", problem.Line, problem.Path, problem.Reason))
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
			if o == nil || o.GVK != webAppGVK() {
				t.Errorf("the offering is not usable: %v", o)
			}
		})
	}
}

const dnsRule = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end " +
	"with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"

func TestParseAccepts(t *testing.T) {
	for _, test := range []struct {
		name, annotation, value string
		want                    map[string]any
	}{
		{"empty defaults", "defaults", "", nil},
		{"defaults of comments only", "defaults", "# none yet\n", nil},
		{"an empty mapping", "defaults", "{}", nil},
		{"nested fields, split", "defaults", "db:\n  engine: pg\n  version: '16'", map[string]any{"spec.db.engine": "pg", "spec.db.version": "16"}},
		{"arrays, whole", "defaults", "ports: [{name: a, number: 80}]", map[string]any{"spec.ports": []any{map[string]any{"name": "a", "number": int64(80)}}}},
		{"an object that an expression yields", "defaults", "db: ${project.parameters.db}", map[string]any{"spec.db": "${}"}},
		{"an integer for a number", "defaults", "ratio: 2", map[string]any{"spec.ratio": int64(2)}},
		{"any entries of a map", "defaults", "labels: {a: b, c: d}", map[string]any{"spec.labels.a": "b", "spec.labels.c": "d"}},
		{"anything below preserved fields", "defaults", "free: {a: {b: [1, null]}}", map[string]any{"spec.free.a.b": []any{int64(1), nil}}},
		{"a date as text", "defaults", "name: 2024-01-02", map[string]any{"spec.name": "2024-01-02"}},
		{"an optional expression", "defaults", "replicas: ${optional.of(1)}", map[string]any{"spec.replicas": "${}"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := mustParse(t, rgdWith(t, map[string]string{prefix + test.annotation: test.value}))
			if diff := cmp.Diff(test.want, values(o.Defaults)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// What is malformed is left out; what is well-formed beside it still counts.
func TestMalformedDefaultsLeaveTheOthers(t *testing.T) {
	o, problems, _ := Parse(rgdWith(t, map[string]string{
		"kroguard.io/defaults": "size: huge\nname: ok",
		"kroguard.io/labels":   "bad key: x\nteam: y",
	}))
	if len(problems) != 2 {
		t.Fatalf("got problems %v, want 2", problems)
	}
	if diff := cmp.Diff(map[string]any{"spec.name": "ok"}, values(o.Defaults)); diff != "" {
		t.Error(diff)
	}
	if len(o.LabelTemplates) != 1 || o.LabelTemplates[0].Key != "team" {
		t.Errorf("got labels %v, want team", o.LabelTemplates)
	}
}

func TestProblemsAreBounded(t *testing.T) {
	_, problems, _ := Parse(rgdWith(t, map[string]string{"kroguard.io/defaults": "hosts:\n" + strings.Repeat("- 1\n", 5000)}))
	if len(problems) != maxProblems {
		t.Errorf("got %d problems, want %d", len(problems), maxProblems)
	}
}

func TestMalformedRestrictionsFailClosed(t *testing.T) {
	for _, test := range []struct{ name, annotation, label, value string }{
		{"allowed-projects", "kroguard.io/allowed-projects", "", "a, B!"},
		{"allowed-projects that is empty", "kroguard.io/allowed-projects", "", ""},
		{"namespace-selector", "kroguard.io/namespace-selector", "", "=="},
		{"the project's label", "", "kroguard.io/project", ""},
		{"the project's label of Knodex", "", "knodex.io/project", "Not_A_Project"},
	} {
		t.Run(test.name, func(t *testing.T) {
			rgd := rgdWith(t, map[string]string{})
			if test.annotation != "" {
				rgd.Annotations[test.annotation] = test.value
			} else {
				rgd.Labels = map[string]string{test.label: test.value}
			}
			o, problems, _ := Parse(rgd)
			if len(problems) != 1 || problems[0].Label != (test.label != "") {
				t.Errorf("got problems %v, want one", problems)
			}
			reason, ok := o.AllowedFor(nil, nil)
			want := fmt.Sprintf("offering web-app can't be used at the moment: its %s is malformed, and says who may use it; ask the platform team",
				test.annotation+test.label)
			if ok || reason != want {
				t.Errorf("got %v, %q; want %q", ok, reason, want)
			}
		})
	}
}
