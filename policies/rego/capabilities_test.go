package rego_test

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/kroguard/kroguard/policies"
	"github.com/kroguard/kroguard/policies/rego"
	"github.com/kroguard/kroguard/policies/v1alpha1"
)

// call is a call of a built-in with as many arguments as it takes. They may be of the wrong types: a function that is not there
// has none.
func call(name string) string {
	arguments := 0
	for _, builtin := range ast.Builtins {
		if builtin.Name == name {
			arguments = len(builtin.Decl.FuncArgs().Args)
		}
	}
	return name + "(" + strings.TrimSuffix(strings.Repeat("input.x, ", arguments), ", ") + ")"
}

func TestUnavailableBuiltinsDoNotCompile(t *testing.T) {
	t.Parallel()
	for _, builtin := range rego.UnavailableBuiltins() {
		t.Run(builtin.Name, func(t *testing.T) {
			t.Parallel()
			want := policies.CompileErrors{{
				Field: mainField, Line: 3, Column: 7,
				Message: builtin.Name + " is not available in guardrails: " + builtin.Reason,
			}}
			for version, source := range map[v1alpha1.RegoVersion]string{
				v1alpha1.RegoV1: "package guardrail\ndeny contains \"a\" if {\n\tx := " + call(builtin.Name) + "\n\tx\n}",
				v1alpha1.RegoV0: "package guardrail\ndeny[\"a\"] {\n\tx := " + call(builtin.Name) + "\n\tx\n}",
			} {
				_, _, err := newDriver().Compile(context.Background(), guardrail(version, "", module(source)))
				var got policies.CompileErrors
				if !errors.As(err, &got) {
					t.Fatalf("%s: got %v, want CompileErrors", version, err)
				}
				if diff := gocmp.Diff(want, got); diff != "" {
					t.Errorf("%s: errors (-want +got):\n%s", version, diff)
				}
			}
		})
	}
}

func TestUnavailableBuiltinsAreReasonedAndSorted(t *testing.T) {
	t.Parallel()
	list := rego.UnavailableBuiltins()
	if !slices.IsSortedFunc(list, func(a, b rego.UnavailableBuiltin) int { return cmp.Compare(a.Name, b.Name) }) {
		t.Error("the list is not sorted by name")
	}
	for _, builtin := range list {
		if builtin.Reason == "" {
			t.Errorf("%s has no reason", builtin.Name)
		}
		if !slices.ContainsFunc(ast.Builtins, func(b *ast.Builtin) bool { return b.Name == builtin.Name }) {
			t.Errorf("%s is no built-in of this OPA", builtin.Name)
		}
	}
}

// TestNondeterministicBuiltinsAreListed fails when a new OPA brings a built-in that depends on more than its arguments: it is
// unavailable anyway, but deserves a reason.
func TestNondeterministicBuiltinsAreListed(t *testing.T) {
	t.Parallel()
	for _, builtin := range ast.Builtins {
		listed := slices.ContainsFunc(rego.UnavailableBuiltins(), func(b rego.UnavailableBuiltin) bool { return b.Name == builtin.Name })
		if builtin.Nondeterministic && !listed {
			t.Errorf("%s has no reason in UnavailableBuiltins", builtin.Name)
		}
	}
}

// TestBuiltinsAreReviewed fails when a new OPA brings a built-in. Before its name goes into the list, read its source: does
// it reach network, host, clock or chance? Does its work end, for any operand that a developer can write?
func TestBuiltinsAreReviewed(t *testing.T) {
	t.Parallel()
	reviewed := strings.Fields(`
		abs all and any array.concat array.flatten array.reverse array.slice assign base64.decode base64.encode base64.is_valid
		base64url.decode base64url.encode base64url.encode_no_pad bits.and bits.negate bits.or bits.rsh bits.xor cast_array
		cast_boolean cast_null cast_object cast_set cast_string ceil concat contains count crypto.hmac.equal crypto.hmac.md5
		crypto.hmac.sha1 crypto.hmac.sha256 crypto.hmac.sha512 crypto.md5 crypto.parse_private_keys crypto.sha1 crypto.sha256
		crypto.x509.parse_certificate_request crypto.x509.parse_certificates crypto.x509.parse_keypair
		crypto.x509.parse_rsa_private_key div endswith eq equal floor format_int glob.match glob.quote_meta gt gte hex.decode
		hex.encode indexof indexof_n internal.member_2 internal.member_3 internal.print internal.template_string
		internal.test_case intersection io.jwt.decode io.jwt.verify_eddsa io.jwt.verify_es256 io.jwt.verify_es384
		io.jwt.verify_es512 io.jwt.verify_hs256 io.jwt.verify_hs384 io.jwt.verify_hs512 io.jwt.verify_ps256
		io.jwt.verify_ps384 io.jwt.verify_ps512 io.jwt.verify_rs256 io.jwt.verify_rs384 io.jwt.verify_rs512 is_array
		is_boolean is_null is_number is_object is_set is_string json.filter json.is_valid json.marshal
		json.marshal_with_options json.patch json.remove json.unmarshal lower lt lte max min minus mul neq net.cidr_contains
		net.cidr_contains_matches net.cidr_expand net.cidr_intersects net.cidr_is_valid net.cidr_merge net.cidr_overlap
		numbers.range numbers.range_step object.filter object.get object.keys object.remove object.subset object.union
		object.union_n or plus print product re_match regex.find_all_string_submatch_n regex.find_n regex.globs_match
		regex.is_valid regex.match regex.replace regex.split regex.template_match rego.metadata.chain rego.metadata.rule rem
		replace round semver.compare semver.is_valid set_diff sort split sprintf startswith strings.any_prefix_match
		strings.any_suffix_match strings.count strings.replace_n strings.reverse strings.split_n substring sum time.add_date
		time.clock time.date time.diff time.format time.parse_duration_ns time.parse_ns time.parse_rfc3339_ns time.weekday
		to_number trim trim_left trim_prefix trim_right trim_space trim_suffix type_name union units.parse units.parse_bytes
		upper uri.is_valid uri.parse urlquery.decode urlquery.decode_object urlquery.encode urlquery.encode_object uuid.parse
		walk yaml.is_valid yaml.marshal yaml.unmarshal`)
	var available []string
	for _, builtin := range ast.CapabilitiesForThisVersion().Builtins {
		listed := slices.ContainsFunc(rego.UnavailableBuiltins(), func(b rego.UnavailableBuiltin) bool { return b.Name == builtin.Name })
		if !listed {
			available = append(available, builtin.Name)
		}
	}
	slices.Sort(available)
	if diff := gocmp.Diff(reviewed, available); diff != "" {
		t.Errorf("built-ins that nobody has reviewed (-reviewed +available):\n%s", diff)
	}
}

// TestMockingDoesNotBringABuiltinBack shows that "with", which replaces functions, can't name what is unavailable.
func TestMockingDoesNotBringABuiltinBack(t *testing.T) {
	t.Parallel()
	for _, source := range []string{
		"package guardrail\ndeny contains x if x := upper(\"a\") with upper as http.send",
		"package guardrail\ndeny contains \"x\" if true with http.send as 1",
	} {
		_, _, err := newDriver().Compile(context.Background(), v1Guardrail(source))
		if !errors.As(err, new(policies.CompileErrors)) {
			t.Errorf("got %v, want CompileErrors for\n%s", err, source)
		}
	}
}
