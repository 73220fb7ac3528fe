package crds

import "testing"

const smallestException = `
apiVersion: kroguard.io/v1alpha1
kind: GuardrailException
metadata: {name: example}
spec:
  guardrails: [replica-limit]
  match: {projects: [payments]}
  expiresAt: "2031-12-01T00:00:00Z"
  reason: Black Friday needs more.
  approvedBy: platform-lead
`

func TestGuardrailException(t *testing.T) {
	causes := refuse(t, smallestException, map[string]refusal{
		"a spec is required": {
			patch: `{spec: null}`,
			want:  []string{"spec: Required value"},
		},
		"every field but the selectors is required": {
			patch: `{spec: {guardrails: null, match: null, expiresAt: null, reason: null, approvedBy: null}}`,
			want: []string{
				"spec.approvedBy: Required value",
				"spec.expiresAt: Required value",
				"spec.guardrails: Required value",
				"spec.match: Required value",
				"spec.reason: Required value",
			},
		},
		"a guardrail is named": {
			patch: `{spec: {guardrails: []}}`,
			want:  []string{"spec.guardrails: Invalid value: 0: spec.guardrails in body should have at least 1 items"},
		},
		"a guardrail's name is not empty": {
			patch: `{spec: {guardrails: [""]}}`,
			want:  []string{`spec.guardrails[0]: Invalid value: "": spec.guardrails[0] in body should be at least 1 chars long`},
		},
		"a guardrail is named once": {
			patch: `{spec: {guardrails: [a, a]}}`,
			want:  []string{`spec.guardrails[1]: Duplicate value: "a"`},
		},
		"a waiver for everything": {
			patch: `{spec: {match: {projects: null}}}`,
			want:  []string{"spec.match: Invalid value: say for which instances: a waiver for all of them is a change of the guardrail"},
		},
		"a waiver for everything, said with empty lists and selectors": {
			patch: `{spec: {match: {projects: [], offerings: [], namespaces: [], names: [], namespaceSelector: {},
                objectSelector: {matchLabels: {}, matchExpressions: []}}}}`,
			want: []string{"spec.match: Invalid value: say for which instances: a waiver for all of them is a change of the guardrail"},
		},
		"what instances are matched by is named once": {
			patch: `{spec: {match: {offerings: [a, a], projects: [a, a], namespaces: [a, a], names: [a, a]}}}`,
			want: []string{
				`spec.match.names[1]: Duplicate value: "a"`,
				`spec.match.namespaces[1]: Duplicate value: "a"`,
				`spec.match.offerings[1]: Duplicate value: "a"`,
				`spec.match.projects[1]: Duplicate value: "a"`,
			},
		},
		"expiresAt is a time": {
			patch: `{spec: {expiresAt: tomorrow}}`,
			want:  []string{`spec.expiresAt: Invalid value: "tomorrow": spec.expiresAt in body must be of type date-time: "tomorrow"`},
		},
		"expiresAt is more than a date": {
			patch: `{spec: {expiresAt: "2031-12-01"}}`,
			want:  []string{`spec.expiresAt: Invalid value: "2031-12-01": spec.expiresAt in body must be of type date-time: "2031-12-01"`},
		},
		"a reason is more than a word": {
			patch: `{spec: {reason: because}}`,
			want:  []string{`spec.reason: Invalid value: "because": spec.reason in body should be at least 10 chars long`},
		},
		"an approver is named": {
			patch: `{spec: {approvedBy: ""}}`,
			want:  []string{`spec.approvedBy: Invalid value: "": spec.approvedBy in body should be at least 1 chars long`},
		},
	})
	covered(t, "guardrailexceptions", causes)
	accept(t, smallestException, map[string]string{
		"a project":            `{}`,
		"a namespace selector": `{spec: {match: {projects: null, namespaceSelector: {matchLabels: {env: dev}}}}}`,
		"an object selector":   `{spec: {match: {projects: null, objectSelector: {matchLabels: {env: dev}}}}}`,
		"a selector's expression": `{spec: {match: {projects: null,
            objectSelector: {matchExpressions: [{key: env, operator: Exists}]}}}}`,
		"a time in another zone": `{spec: {expiresAt: "2031-12-01T00:00:00+01:00"}}`,
	})
}
