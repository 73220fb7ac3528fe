package crds

import "testing"

const smallestGuardrail = `
apiVersion: kroguard.io/v1alpha1
kind: Guardrail
metadata: {name: example}
spec: {cel: {validations: [{expression: "true"}]}}
`

func TestGuardrail(t *testing.T) {
	causes := refuse(t, smallestGuardrail, map[string]refusal{
		"a spec is required": {
			patch: `{spec: null}`,
			want:  []string{"spec: Required value"},
		},
		"a policy is required": {
			patch: `{spec: {cel: null}}`,
			want:  []string{"spec: Invalid value: give exactly one of cel, rego"},
		},
		"a policy in both languages": {
			patch: `{spec: {rego: {modules: [{name: main.rego, source: package main}]}}}`,
			want:  []string{"spec: Invalid value: give exactly one of cel, rego"},
		},
		"enumerations have only their values": {
			patch: `{spec: {severity: Extreme, validationActions: [Block], failurePolicy: Retry, onUnknown: Guess, evaluate: Everything,
				match: {operations: [DELETE]}}}`,
			want: []string{
				`spec.evaluate: Unsupported value: "Everything": supported values: "Instance", "Resources"`,
				`spec.failurePolicy: Unsupported value: "Retry": supported values: "Fail", "Ignore"`,
				`spec.match.operations[0]: Unsupported value: "DELETE": supported values: "CREATE", "UPDATE", "*"`,
				`spec.onUnknown: Unsupported value: "Guess": supported values: "Allow", "Warn", "Deny"`,
				`spec.severity: Unsupported value: "Extreme": supported values: "Low", "Medium", "High", "Critical"`,
				`spec.validationActions[0]: Unsupported value: "Block": supported values: "Deny", "Warn", "Audit"`,
			},
		},
		"rego has two versions": {
			patch: `{spec: {cel: null, rego: {version: v2, modules: [{name: main.rego, source: package main}]}}}`,
			want:  []string{`spec.rego.version: Unsupported value: "v2": supported values: "v0", "v1"`},
		},
		"a resource filter needs rendered resources": {
			patch: `{spec: {resources: {kinds: [Deployment]}}}`,
			want:  []string{"spec.resources: Invalid value: resources filters rendered resources: it needs evaluate: Resources"},
		},
		"deny and warn exclude each other": {
			patch: `{spec: {validationActions: [Deny, Warn]}}`,
			want:  []string{"spec.validationActions: Invalid value: Deny and Warn exclude each other: what is refused needs no warning"},
		},
		"an action is needed": {
			patch: `{spec: {validationActions: []}}`,
			want:  []string{"spec.validationActions: Invalid value: 0: spec.validationActions in body should have at least 1 items"},
		},
		"an action is given once": {
			patch: `{spec: {validationActions: [Audit, Audit]}}`,
			want:  []string{`spec.validationActions[1]: Duplicate value: "Audit"`},
		},
		"docsURL is a URL": {
			patch: `{spec: {docsURL: "javascript:alert(1)"}}`,
			want:  []string{`spec.docsURL: Invalid value: "javascript:alert(1)": spec.docsURL in body should match '^https?://[^\s]+$'`},
		},
		"docsURL has no space": {
			patch: `{spec: {docsURL: "https://example.com/a b"}}`,
			want:  []string{`spec.docsURL: Invalid value: "https://example.com/a b": spec.docsURL in body should match '^https?://[^\s]+$'`},
		},
		"params are an object": {
			patch: `{spec: {params: text}}`,
			want:  []string{`spec.params: Invalid value: "string": spec.params in body must be of type object: "string"`},
		},
		"what instances are matched by is named once": {
			patch: `{spec: {evaluate: Resources, resources: {apiGroups: ["", ""], kinds: [a, a]}, match: {
				operations: [CREATE, CREATE], offerings: [a, a], projects: [a, a], namespaces: [a, a], names: [a, a],
				excludes: [{offerings: [a, a], projects: [a, a], namespaces: [a, a], names: [a, a]}]}}}`,
			want: []string{
				`spec.match.excludes[0].names[1]: Duplicate value: "a"`,
				`spec.match.excludes[0].namespaces[1]: Duplicate value: "a"`,
				`spec.match.excludes[0].offerings[1]: Duplicate value: "a"`,
				`spec.match.excludes[0].projects[1]: Duplicate value: "a"`,
				`spec.match.names[1]: Duplicate value: "a"`,
				`spec.match.namespaces[1]: Duplicate value: "a"`,
				`spec.match.offerings[1]: Duplicate value: "a"`,
				`spec.match.operations[1]: Duplicate value: "CREATE"`,
				`spec.match.projects[1]: Duplicate value: "a"`,
				`spec.resources.apiGroups[1]: Duplicate value: ""`,
				`spec.resources.kinds[1]: Duplicate value: "a"`,
			},
		},
		"what instances are matched by is not empty": {
			patch: `{spec: {match: {offerings: [""], projects: [""], namespaces: [""], names: [""]}}}`,
			want: []string{
				`spec.match.names[0]: Invalid value: "": spec.match.names[0] in body should be at least 1 chars long`,
				`spec.match.namespaces[0]: Invalid value: "": spec.match.namespaces[0] in body should be at least 1 chars long`,
				`spec.match.offerings[0]: Invalid value: "": spec.match.offerings[0] in body should be at least 1 chars long`,
				`spec.match.projects[0]: Invalid value: "": spec.match.projects[0] in body should be at least 1 chars long`,
			},
		},
		"a matchCondition has a name and an expression": {
			patch: `{spec: {matchConditions: [{name: a}]}}`,
			want:  []string{"spec.matchConditions[0].expression: Required value"},
		},
		"a matchCondition has a name": {
			patch: `{spec: {matchConditions: [{expression: "true"}]}}`,
			want:  []string{"spec.matchConditions[0].name: Required value"},
		},
		"matchConditions have different names": {
			patch: `{spec: {matchConditions: [{name: a, expression: "true"}, {name: a, expression: "false"}]}}`,
			want:  []string{`spec.matchConditions[1]: Duplicate value: {"name":"a"}`},
		},
		"a variable has an expression": {
			patch: `{spec: {cel: {variables: [{name: a}]}}}`,
			want:  []string{"spec.cel.variables[0].expression: Required value"},
		},
		"a variable has a name": {
			patch: `{spec: {cel: {variables: [{expression: "1"}]}}}`,
			want:  []string{"spec.cel.variables[0].name: Required value"},
		},
		"a variable's name is an identifier": {
			patch: `{spec: {cel: {variables: [{name: a-b, expression: "1"}, {name: 1st, expression: "1"}]}}}`,
			want: []string{
				`spec.cel.variables[0].name: Invalid value: "a-b": spec.cel.variables[0].name in body should match '^[A-Za-z_][A-Za-z0-9_]*$'`,
				`spec.cel.variables[1].name: Invalid value: "1st": spec.cel.variables[1].name in body should match '^[A-Za-z_][A-Za-z0-9_]*$'`,
			},
		},
		"variables have different names": {
			patch: `{spec: {cel: {variables: [{name: a, expression: "1"}, {name: a, expression: "2"}]}}}`,
			want:  []string{`spec.cel.variables[1]: Duplicate value: {"name":"a"}`},
		},
		"validations are required": {
			patch: `{spec: {cel: {validations: null}}}`,
			want:  []string{"spec.cel.validations: Required value"},
		},
		"validations are not empty": {
			patch: `{spec: {cel: {validations: []}}}`,
			want:  []string{"spec.cel.validations: Invalid value: 0: spec.cel.validations in body should have at least 1 items"},
		},
		"a validation has an expression": {
			patch: `{spec: {cel: {validations: [{message: wrong}]}}}`,
			want:  []string{"spec.cel.validations[0].expression: Required value"},
		},
		"an expression is not empty": {
			patch: `{spec: {cel: {validations: [{expression: ""}]}}}`,
			want:  []string{`spec.cel.validations[0].expression: Invalid value: "": spec.cel.validations[0].expression in body should be at least 1 chars long`},
		},
		"an expression of several lines needs a message": {
			patch: `{spec: {cel: {validations: [{expression: "true\n  && true"}]}}}`,
			want:  []string{"spec.cel.validations[0].expression: Invalid value: an expression of several lines needs a message or a messageExpression"},
		},
		"a message is one line": {
			patch: `{spec: {cel: {validations: [{expression: "true", message: "a\nb"}]}}}`,
			want:  []string{`spec.cel.validations[0].message: Invalid value: "a\nb": spec.cel.validations[0].message in body should match '^[^\r\n]*$'`},
		},
		"a fieldPath begins with a dot": {
			patch: `{spec: {cel: {validations: [{expression: "true", fieldPath: spec.replicas}]}}}`,
			want:  []string{`spec.cel.validations[0].fieldPath: Invalid value: "spec.replicas": spec.cel.validations[0].fieldPath in body should match '^\.'`},
		},
		"a reason is short": {
			patch: `{spec: {cel: {validations: [{expression: "true", reason: ` + seventyLetters + `}]}}}`,
			want:  []string{"spec.cel.validations[0].reason: Too long: may not be more than 63 bytes"},
		},
		"modules are required": {
			patch: `{spec: {cel: null, rego: {version: v1}}}`,
			want:  []string{"spec.rego.modules: Required value"},
		},
		"modules are not empty": {
			patch: `{spec: {cel: null, rego: {modules: []}}}`,
			want:  []string{"spec.rego.modules: Invalid value: 0: spec.rego.modules in body should have at least 1 items"},
		},
		"a module has a source": {
			patch: `{spec: {cel: null, rego: {modules: [{name: a}]}}}`,
			want:  []string{"spec.rego.modules[0].source: Required value"},
		},
		"a module has a name": {
			patch: `{spec: {cel: null, rego: {modules: [{source: package a}]}}}`,
			want:  []string{"spec.rego.modules[0].name: Required value"},
		},
		"modules have different names": {
			patch: `{spec: {cel: null, rego: {modules: [{name: a, source: package a}, {name: a, source: package b}]}}}`,
			want:  []string{`spec.rego.modules[1]: Duplicate value: {"name":"a"}`},
		},
	})
	covered(t, "guardrails", causes)
	accept(t, smallestGuardrail, map[string]string{
		"nothing but a policy":                       `{}`,
		"a warning that is audited, too":             `{spec: {validationActions: [Warn, Audit]}}`,
		"an expression of several lines and message": `{spec: {cel: {validations: [{expression: "true\n&& true", message: wrong}]}}}`,
		"an expression of several lines that makes its message": `{spec: {cel: {validations: [
			{expression: "true\n&& true", messageExpression: "'wrong'"}]}}}`,
		"the core group": `{spec: {evaluate: Resources, resources: {apiGroups: [""]}}}`,
	})
}

// seventyLetters is longer than a reason may be.
const seventyLetters = "ThisReasonIsMuchTooLongForAMachineReadableReasonThatSomebodyHasToTypeIn"
