package cel

import (
	"context"
	"errors"
	"fmt"
	"slices"

	celconfig "k8s.io/apiserver/pkg/apis/cel"

	"github.com/kroguard/kroguard/policies"
	"github.com/kroguard/kroguard/policies/v1alpha1"
)

// TemplateSource is the CEL of one of Gatekeeper's templates.
type TemplateSource struct {
	// Root is the field that errors name: spec.targets[0].code[0].source
	Root string
	// Variables come after those that Gatekeeper defines: anyObject and params.
	Variables   []v1alpha1.CELVariable
	Validations []v1alpha1.CELValidation
	Conditions  []v1alpha1.MatchCondition
}

// gatekeeperVariables are what Gatekeeper defines for every template (its pkg/drivers/k8scel/transform). Its params are the constraint.
func gatekeeperVariables() []v1alpha1.CELVariable {
	return []v1alpha1.CELVariable{
		{Name: "anyObject", Expression: `has(request.operation) && request.operation == "DELETE" && object == null ? oldObject : object`},
		{Name: "params", Expression: `!has(params.spec) ? null : !has(params.spec.parameters) ? null : params.spec.parameters`},
	}
}

// Template is compiled expressions that many policies have in common, which differ by their parameters. It is immutable and safe for
// concurrent use.
type Template struct {
	program    program
	conditions []expression
}

// CompileTemplate compiles the expressions of a template. One that does not compile fails when it is evaluated, as in Gatekeeper, which
// takes such a template. The error is an internal one.
func (d *Driver) CompileTemplate(_ context.Context, source TemplateSource) (*Template, error) {
	environments, err := d.templates()
	if err != nil {
		return nil, err
	}
	scope, err := environments.newScope()
	if err != nil {
		return nil, err
	}
	c := compiler{environments: environments, policy: source.Root + "."}
	variables := c.variables(scope, gatekeeperVariables())
	variables = append(variables, c.variables(scope, source.Variables)...)
	t := &Template{program: program{expressions: expressions{
		variables: variables, variablesType: environments.variablesType, budget: celconfig.RuntimeCELCostBudget, pool: d.pool,
	}}}
	t.conditions = c.conditions(scope.expressions, source.Root+".matchCondition", source.Conditions)
	t.program.field = source.Root + ".validations"
	t.program.validations = c.validations(scope, source.Validations)
	for i := range variables {
		c.breaks(&variables[i].expression)
	}
	for i := range t.conditions {
		c.breaks(&t.conditions[i])
	}
	for i := range t.program.validations {
		c.breaks(&t.program.validations[i].expression)
	}
	return t, nil
}

// breaks makes an expression that did not compile one that says so when it is evaluated.
func (c *compiler) breaks(e *expression) {
	if e.plan == nil {
		own := slices.DeleteFunc(slices.Clone(c.errors), func(problem policies.CompileError) bool { return problem.Field != e.field })
		e.broken = fmt.Errorf("compilation error: %w", own)
	}
}

// Program specializes the template for a constraint, decoded from JSON, which must not change afterwards.
func (t *Template) Program(constraint map[string]any) policies.Program {
	p := &templateProgram{program: t.program}
	p.program.params = constraint
	p.program.boundAll()
	if len(t.conditions) > 0 {
		p.conditions = &conditions{expressions: t.program.expressions, conditions: t.conditions}
		p.conditions.params, p.conditions.budget = constraint, celconfig.RuntimeCELCostBudgetMatchConditions
		p.conditions.boundAll()
	}
	return p
}

// templateProgram is a template with a constraint.
type templateProgram struct {
	program

	// conditions is nil where there are none.
	conditions *conditions
}

var _ policies.Program = (*templateProgram)(nil)

// Evaluate runs all validations if the conditions hold. The error is that of a condition, or as a guardrail's.
func (p *templateProgram) Evaluate(ctx context.Context, in *policies.Input) ([]policies.Finding, error) {
	if p.conditions != nil {
		if holds, err := p.conditions.Match(ctx, in); err != nil || !holds {
			return nil, err
		}
	}
	findings, err := p.program.Evaluate(ctx, in)
	if failed, ok := errors.AsType[EvaluationErrors](err); ok {
		err = p.quoted(failed)
	}
	return findings, err
}

// quoted are the errors of validations with their expressions, as Gatekeeper's messages have them.
func (p *templateProgram) quoted(failed EvaluationErrors) EvaluationErrors {
	for i := range failed {
		for j := range p.validations {
			if e := &p.validations[j].expression; e.field == failed[i].Field && e.broken == nil && !errors.Is(failed[i].Err, ErrOutOfBudget) {
				failed[i].Err = fmt.Errorf("expression '%s' resulted in error: %w", e.checked.Source().Content(), named(failed[i].Err))
			}
		}
	}
	return failed
}

// named is the error of a variable in Kubernetes' words; another one is returned as it is.
func named(err error) error {
	if variable, ok := errors.AsType[*variableError](err); ok {
		return fmt.Errorf("composited variable %q fails to evaluate: %w", variable.name, named(variable.err))
	}
	return err
}
