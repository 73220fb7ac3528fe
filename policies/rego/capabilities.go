package rego

import (
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// UnavailableBuiltin is a built-in function of Rego that guardrails can't call.
type UnavailableBuiltin struct {
	// Name is the function's name: http.send
	Name string
	// Reason says why, and what to do instead where there is something.
	Reason string
}

// The reasons for which built-ins are unavailable. A decision must be the same at admission, on the command line and in the
// audit, so nothing may depend on where and when it is made; and no object that a developer writes may take the process down.
const (
	reasonNetwork = "guardrails have no network; what they need belongs in params or in the project's parameters"
	reasonHost    = "guardrails do not see the host or its environment"
	reasonClock   = "guardrails have no clock, so that admission, command line and audit agree; for what ends on a day use a GuardrailException"
	reasonRandom  = "its result is random, so admission, command line and audit would not agree"
	// gojsonschema opens a "$ref" with the scheme file whatever allow_net says (OPA v1.22, internal/gojsonschema/jsonLoader.go).
	reasonFiles = `a "$ref" in a schema reads files of the host; check fields in Rego, or let the RGD's schema do it`
	// Read in OPA v1.22: none of these asks whether the evaluation was canceled, and their work or their result is exponential in
	// the operand (graph.*), or whatever the operand says (templates, shifts).
	reasonUnbounded = "no deadline stops it, and a crafted object makes it exhaust time or memory"
	// gqlparser v2.5 recurses without limit: a megabyte of nested braces overflows the stack, which Go can't recover from.
	reasonCrash  = "its parser has no depth limit, and a crafted object crashes the process"
	reasonParser = "its result changes with the version of the engine"
	reasonTrace  = "nobody reads the trace; use print"
)

// UnavailableBuiltins lists the built-in functions of Rego that guardrails can't call, sorted by name. A call is a compile
// error that gives the reason.
func UnavailableBuiltins() []UnavailableBuiltin {
	return []UnavailableBuiltin{
		{"bits.lsh", reasonUnbounded},
		{"crypto.x509.parse_and_verify_certificates", reasonClock},
		{"crypto.x509.parse_and_verify_certificates_with_options", reasonClock},
		{"graph.reachable", reasonUnbounded},
		{"graph.reachable_paths", reasonUnbounded},
		{"graphql.is_valid", reasonCrash},
		{"graphql.parse", reasonCrash},
		{"graphql.parse_and_verify", reasonCrash},
		{"graphql.parse_query", reasonCrash},
		{"graphql.parse_schema", reasonCrash},
		{"graphql.schema_is_valid", reasonCrash},
		{"http.send", reasonNetwork},
		{"io.jwt.decode_verify", reasonClock},
		{"io.jwt.encode_sign", reasonRandom},
		{"io.jwt.encode_sign_raw", reasonRandom},
		{"json.match_schema", reasonFiles},
		{"json.verify_schema", reasonFiles},
		{"net.lookup_ip_addr", reasonNetwork},
		{"opa.runtime", reasonHost},
		{"providers.aws.sign_req", reasonNetwork},
		{"rand.intn", reasonRandom},
		{"rego.parse_module", reasonParser},
		{"strings.render_template", reasonUnbounded},
		{"time.now_ns", reasonClock},
		{"trace", reasonTrace},
		{"uuid.rfc4122", reasonRandom},
	}
}

// capabilities are OPA's for the language version, without UnavailableBuiltins and without any network. A built-in that a
// later OPA marks as nondeterministic is left out too, before anyone has listed it.
func capabilities(version ast.RegoVersion) *ast.Capabilities {
	unavailable := map[string]bool{}
	for _, builtin := range UnavailableBuiltins() {
		unavailable[builtin.Name] = true
	}
	c := ast.CapabilitiesForThisVersion(ast.CapabilitiesRegoVersion(version))
	c.Builtins = slices.DeleteFunc(c.Builtins, func(b *ast.Builtin) bool {
		return b.Nondeterministic || unavailable[b.Name]
	})
	// Empty allows no host; nil would allow every one.
	c.AllowNet = []string{}
	return c
}

// undefinedFunction is how OPA's compiler begins the message on a function that its capabilities don't have.
const undefinedFunction = "undefined function "

// explainUndefined replaces OPA's message on a call of an unavailable built-in by the reason; other messages are returned
// as they are.
func explainUndefined(message string) string {
	name, ok := strings.CutPrefix(message, undefinedFunction)
	if !ok {
		return message
	}
	for _, builtin := range UnavailableBuiltins() {
		if builtin.Name == name {
			return name + " is not available in guardrails: " + builtin.Reason
		}
	}
	return message
}
