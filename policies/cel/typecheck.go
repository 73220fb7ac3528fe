package cel

import (
	"context"
	"fmt"
	"sync"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/ast"

	"github.com/kroguard/kroguard/policies"
	"github.com/kroguard/kroguard/policies/v1alpha1"
)

var (
	_ policies.TypeChecker          = (*Driver)(nil)
	_ policies.ConditionTypeChecker = (*Driver)(nil)
)

// typeChecks makes one type check after the other, all in one environment.
type typeChecks struct {
	mu  sync.Mutex
	env *typedEnvironment
}

// CheckTypes checks variables, validations and messageExpressions. Nothing but time bounds it, which a policy that compiles
// takes no more of than its compilation did.
func (d *Driver) CheckTypes(
	ctx context.Context, guardrail *v1alpha1.Guardrail, object policies.ObjectType,
) (policies.TypeReport, error) {
	return d.types.check(ctx, guardrail, object, func(c *typeCheck) {
		policy := guardrail.Spec.CEL
		for i := range policy.Variables {
			v := &policy.Variables[i]
			c.env.types.structs[typeVariables][v.Name] = c.expression(variableField(i), v.Expression)
		}
		for i := range policy.Validations {
			v := &policy.Validations[i]
			c.expression(validationField(i)+".expression", v.Expression)
			if v.MessageExpression != "" {
				c.expression(validationField(i)+".messageExpression", v.MessageExpression)
			}
		}
	})
}

// CheckConditionTypes checks the matchConditions.
func (d *Driver) CheckConditionTypes(
	ctx context.Context, guardrail *v1alpha1.Guardrail, object policies.ObjectType,
) (policies.TypeReport, error) {
	return d.types.check(ctx, guardrail, object, func(c *typeCheck) {
		for i := range guardrail.Spec.MatchConditions {
			c.expression(conditionField(i), guardrail.Spec.MatchConditions[i].Expression)
		}
	})
}

func (t *typeChecks) check(
	ctx context.Context, guardrail *v1alpha1.Guardrail, object policies.ObjectType, expressions func(*typeCheck),
) (policies.TypeReport, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.env.types.reset(object.Schema)
	c := &typeCheck{
		env: t.env, usage: usageOf(t.env.env, guardrail),
		stopped: func() bool { return ctx.Err() != nil },
	}
	expressions(c)
	return policies.TypeReport{Findings: c.findings, Tolerant: c.usage.distinguishes}, ctx.Err()
}

// typeCheck checks the expressions of one guardrail against one type.
type typeCheck struct {
	env   *typedEnvironment
	usage usage
	// stopped reports whether nobody waits for the findings any more.
	stopped  func() bool
	findings []policies.TypeFinding
}

// expression checks one expression and yields its type; dyn where that can't be told.
func (c *typeCheck) expression(field, text string) *cel.Type {
	parsed, issues := c.env.env.Parse(text)
	if issues.Err() != nil || c.stopped() {
		return cel.DynType
	}
	nodes := nodesOf(parsed)
	c.env.types.missing = nil
	checked, issues := c.env.env.Check(parsed)
	if issues.Err() == nil {
		return checked.OutputType()
	}
	for _, issue := range issues.Errors() {
		finding, ok := c.finding(issue, nodes)
		if !ok {
			continue
		}
		finding.Field = field
		if line := issue.Location.Line(); line > 0 {
			finding.Line, finding.Column = line, max(issue.Location.Column()+1, 1)
		}
		c.findings = append(c.findings, finding)
	}
	return cel.DynType
}

// nodes are the parts of an expression by their ids.
type nodes struct {
	byID map[int64]ast.Expr
	info *ast.SourceInfo
}

func nodesOf(parsed *cel.Ast) nodes {
	n := nodes{byID: map[int64]ast.Expr{}, info: parsed.NativeRep().SourceInfo()}
	ast.PreOrderVisit(parsed.NativeRep().Expr(), ast.NewExprVisitor(func(e ast.Expr) { n.byID[e.ID()] = e }))
	return n
}

// maxOperandBytes is the longest operand that a message repeats.
const maxOperandBytes = 100

// operand is the text of what a field is selected of; "its operand" where that can't be said shortly.
func (n nodes) operand(id int64) string {
	const unknown = "its operand"
	e := n.byID[id]
	if e == nil {
		return unknown
	}
	switch {
	case e.Kind() == ast.SelectKind:
		e = e.AsSelect().Operand()
	case e.Kind() == ast.CallKind && len(e.AsCall().Args()) > 0:
		e = e.AsCall().Args()[0]
	default:
		return unknown
	}
	text, err := cel.ExprToString(e, n.info)
	if err != nil || len(text) > maxOperandBytes {
		return unknown
	}
	return text
}

func variableField(i int) string   { return fmt.Sprintf("spec.cel.variables[%d].expression", i) }
func validationField(i int) string { return fmt.Sprintf("spec.cel.validations[%d]", i) }
func conditionField(i int) string  { return fmt.Sprintf("spec.matchConditions[%d].expression", i) }
