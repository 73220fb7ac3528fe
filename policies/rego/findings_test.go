package rego_test

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kroguard/kroguard/policies"
	"github.com/kroguard/kroguard/policies/v1alpha1"
)

const shapes = "; give a message as a string, or an object with msg and, optionally, field, reason and details"

func TestFindings(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		version v1alpha1.RegoVersion
		source  string
		want    []policies.Finding
		wantErr string
	}{
		"a set of strings is read in the order of its values": {
			source: `deny contains msg if some msg in ["b", "a", "ä", "B"]`,
			want:   []policies.Finding{{Message: "B"}, {Message: "a"}, {Message: "b"}, {Message: "ä"}},
		},
		"an array keeps its order": {
			source: `deny := ["b", "a"]`,
			want:   []policies.Finding{{Message: "b"}, {Message: "a"}},
		},
		"an object has message, field, reason and details": {
			source: `deny contains {"msg": "too many", "field": ".spec.replicas", "reason": "Limit", "details": {"limit": 3}}`,
			want: []policies.Finding{{
				Message: "too many", Field: ".spec.replicas", Reason: "Limit", Details: map[string]any{"limit": int64(3)},
			}},
		},
		"message stands in for msg": {
			source: `deny contains {"message": "no"}`,
			want:   []policies.Finding{{Message: "no"}},
		},
		"msg wins over message": {
			source: `deny contains {"msg": "yes", "message": "no"}`,
			want:   []policies.Finding{{Message: "yes"}},
		},
		"a field path gets the dot that policies leave out": {
			source: `deny := [{"msg": "a", "field": "spec.x"}, {"msg": "b", "field": ".spec.x"}, {"msg": "c", "field": "[0]"}, {"msg": "d", "field": ""}]`,
			want: []policies.Finding{
				{Message: "a", Field: ".spec.x"}, {Message: "b", Field: ".spec.x"}, {Message: "c", Field: "[0]"}, {Message: "d"},
			},
		},
		"deny comes before violation and violation before warn, which only warns": {
			source: `warn contains "w"
				violation contains {"msg": "v"}
				deny contains "d"`,
			want: []policies.Finding{{Message: "d"}, {Message: "v"}, {Message: "w", WarnOnly: true}},
		},
		"a rule that is a string is one finding": {
			source: `deny := "no" if input.review.operation == "CREATE"`,
			want:   []policies.Finding{{Message: "no"}},
		},
		"a rule that is an object is one finding": {
			source: `deny := {"msg": "no", "field": ".spec"}`,
			want:   []policies.Finding{{Message: "no", Field: ".spec"}},
		},
		"a rule that is true names itself": {
			source: `default deny := false
				deny if input.review.operation == "CREATE"`,
			want: []policies.Finding{{Message: "the guardrail's rule deny holds; it gives no message"}},
		},
		"a rule that is false finds nothing": {
			source: `default deny := false
				deny if input.review.operation == "DELETE"`,
		},
		"an undefined rule finds nothing": {
			source: `deny if input.review.operation == "DELETE"`,
		},
		"an empty set finds nothing": {
			source: `deny contains msg if some msg in []`,
		},
		"an empty message is replaced by one that names the rule": {
			source: `warn contains " \n\t"`,
			want:   []policies.Finding{{Message: "the guardrail's rule warn holds; it gives no message", WarnOnly: true}},
		},
		"a message becomes one line": {
			source: `deny contains "one\r\ntwo\u0000three\n"`,
			want:   []policies.Finding{{Message: "one  two three"}},
		},
		"a finding that says the same as an earlier one is left out": {
			source: `deny := ["a", {"msg": "a"}, {"msg": "a", "details": [1]}, {"msg": "a", "details": [1]}]
				violation contains "a"
				warn contains "a"`,
			want: []policies.Finding{{Message: "a"}, {Message: "a", Details: []any{int64(1)}}, {Message: "a", WarnOnly: true}},
		},
		"Rego v0 has rules without if and contains": {
			version: v1alpha1.RegoV0,
			source: `deny[msg] { msg := input.review.object.kind }
				violation[{"msg": msg}] { msg := "v" }
				warn["w"]`,
			want: []policies.Finding{{Message: "WebApp"}, {Message: "v"}, {Message: "w", WarnOnly: true}},
		},
		"a number is an error that says what to give": {
			source:  `deny contains 1`,
			wantErr: "main.rego:2: rule deny: an element is of type number" + shapes,
		},
		"true among the elements is an error": {
			source:  `deny contains true`,
			wantErr: "main.rego:2: rule deny: an element is of type boolean" + shapes,
		},
		"null is an error, and not nothing": {
			source:  `deny := null`,
			wantErr: "main.rego:2: rule deny: an element is of type null" + shapes,
		},
		"a number as the rule's value is an error": {
			source:  `violation := 3`,
			wantErr: "main.rego:2: rule violation: an element is of type number" + shapes,
		},
		"an object without msg is an error": {
			source:  `deny contains {"details": 1}`,
			wantErr: "main.rego:2: rule deny: an element is an object without msg" + shapes,
		},
		"a msg that is no string is an error": {
			source:  `deny contains {"msg": 1}`,
			wantErr: "main.rego:2: rule deny: an element's msg is of type number" + shapes,
		},
		"a field that is no string is an error": {
			source:  `deny contains {"msg": "a", "field": ["spec"]}`,
			wantErr: "main.rego:2: rule deny: an element's field is of type array" + shapes,
		},
		"a reason that is no string is an error": {
			source:  `deny contains {"msg": "a", "reason": null}`,
			wantErr: "main.rego:2: rule deny: an element's reason is of type null" + shapes,
		},
		"elements in order are findings though others are not": {
			source: `deny := ["a", 1, {"msg": 2}, "b"]
				warn contains "w"`,
			want:    []policies.Finding{{Message: "a"}, {Message: "b"}, {Message: "w", WarnOnly: true}},
			wantErr: "main.rego:2: rule deny: an element is of type number" + shapes,
		},
		"a failed rule leaves the findings of the others": {
			source: `conflict := 1
				conflict := 2
				deny contains "d" if conflict > 0
				violation contains "v"
				warn contains "w" if conflict > 0`,
			want:    []policies.Finding{{Message: "v"}},
			wantErr: "main.rego:3: data.guardrail.conflict produced conflicting values: 1 at main.rego:2 and 2 at main.rego:3",
		},
		"a built-in that fails makes its expression undefined": {
			source: `deny contains "number" if to_number(input.review.object.kind) > 0
				deny contains "no number" if not to_number(input.review.object.kind)`,
			want: []policies.Finding{{Message: "no number"}},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := guardrail(test.version, "", module("package guardrail\n"+test.source))
			program := mustCompile(t, newDriver(), g)
			got, err := program.Evaluate(context.Background(), policies.NewInput(review()))
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.wantErr, errorText(err)); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDetails(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		details string
		want    any
	}{
		"scalars keep their types":                       {`[null, true, "a", 1, -1, 1.5, 9007199254740993]`, []any{nil, true, "a", int64(1), int64(-1), 1.5, int64(9007199254740993)}},
		"a set is an array in order":                     {`{"b", 2, "a"}`, []any{int64(2), "a", "b"}},
		"an integer beyond int64 is a float":             {`18446744073709551616`, 18446744073709551616.0},
		"a number beyond float64 is a string":            {`input.parameters.huge`, "1" + strings.Repeat("0", 400)},
		"keys that are no strings are written as JSON":   {`{1: "a", [1, "x"]: "b", "s": {}}`, map[string]any{"1": "a", `[1,"x"]`: "b", "s": map[string]any{}}},
		"empty array and null are kept":                  {`{"a": [], "n": null}`, map[string]any{"a": []any{}, "n": nil}},
		"what is just small enough is kept":              {`concat("", ["a" | some _ in numbers.range(1, 16383)])`, strings.Repeat("a", 16383)},
		"a long string is replaced by a note":            {`concat("", ["a" | some _ in numbers.range(1, 16384)])`, "details left out: larger than 16 KiB"},
		"many small values are replaced by a note":       {`numbers.range(1, 20000)`, "details left out: larger than 16 KiB"},
		"a large set is replaced by a note":              {`{n | some n in numbers.range(1, 20000)}`, "details left out: larger than 16 KiB"},
		"an object of many keys is replaced by a note":   {`{sprintf("%d", [n]): 1 | some n in numbers.range(1, 9000)}`, "details left out: larger than 16 KiB"},
		"the whole input is replaced by a note if large": {`[input | some _ in numbers.range(1, 100)]`, "details left out: larger than 16 KiB"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			program := mustCompile(t, newDriver(),
				guardrail(v1alpha1.RegoV1, `{"huge":1`+strings.Repeat("0", 400)+`}`,
					module("package guardrail\nvalue := "+test.details+"\n"+`deny contains {"msg": "m", "details": value}`)))
			got, err := program.Evaluate(context.Background(), policies.NewInput(review()))
			if err != nil {
				t.Fatal(err)
			}
			want := []policies.Finding{{Message: "m", Details: test.want}}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestMillionsOfFindingsAreCut(t *testing.T) {
	t.Parallel()
	program := mustCompile(t, newDriver(),
		v1Guardrail("package guardrail\n"+`deny contains sprintf("%d", [n]) if some n in numbers.range(1000, 3000)`))
	got, err := program.Evaluate(context.Background(), policies.NewInput(review()))
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 1000 || got[0].Message != "1000" || got[999].Message != "1999" {
		t.Errorf("got %d findings, want the first 1000", len(got))
	}
}
