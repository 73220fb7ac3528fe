package rego

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/kroguard/kroguard/policies"
	"github.com/kroguard/kroguard/policies/v1alpha1"
)

var _ policies.TypeChecker = (*Driver)(nil)

// CheckTypes compiles the modules once more, with the schema of the input. All findings are tolerant: what is not there is
// undefined in Rego, and a policy for several offerings may well read what only some of them have.
func (d *Driver) CheckTypes(
	ctx context.Context, guardrail *v1alpha1.Guardrail, object policies.ObjectType,
) (policies.TypeReport, error) {
	// The check may outlive this call, so it gets its own copy.
	policy := guardrail.Spec.Rego.DeepCopy()
	b := bound{work: "type checking", limit: compileDeadline, grace: stopGrace, stuck: &d.stuckChecks}
	findings, err := runBounded(ctx, b, func(ctx context.Context) ([]policies.TypeFinding, error) {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return checkTypes(policy, object)
	})
	return policies.TypeReport{Findings: findings, Tolerant: true}, err
}

func checkTypes(policy *v1alpha1.RegoPolicy, object policies.ObjectType) ([]policies.TypeFinding, error) {
	parsed, err := parse(policy)
	if err != nil {
		return nil, err
	}
	schemas, err := inputSchema(object.Schema)
	if err != nil {
		return nil, err
	}
	compiler := parsed.newCompiler().WithSchemas(schemas)
	compiler.Compile(parsed.byName())
	// All that is not about types, the schema itself included, is an error without a place: of a policy that compiles, it can
	// only be kroguard's own.
	var findings []policies.TypeFinding
	for _, e := range compiler.Errors {
		if e.Location == nil || e.Code != ast.TypeErr {
			return nil, fmt.Errorf("checking types: %s", e.Message)
		}
		finding, ok := typeFindingOf(e)
		if !ok {
			continue
		}
		at := locationOf(e)
		finding.Field = sourceField(at.File)
		finding.Line, finding.Column = at.Row, at.Col
		finding.Tolerant = true
		findings = append(findings, finding)
	}
	slices.SortStableFunc(findings, func(a, b policies.TypeFinding) int {
		return slices.Index(parsed.names, moduleOf(a.Field)) - slices.Index(parsed.names, moduleOf(b.Field))
	})
	return findings, nil
}

// moduleOf is the inverse of sourceField.
func moduleOf(field string) string {
	return strings.TrimSuffix(strings.TrimPrefix(field, modulesField+"["), "].source")
}
