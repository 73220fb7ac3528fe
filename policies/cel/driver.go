// Package cel compiles guardrails in the Common Expression Language and evaluates them as Kubernetes evaluates a
// ValidatingAdmissionPolicy: the same functions and types, the same variables, the same limits, the same rules for
// messages. A policy written for Kubernetes means the same here.
//
// It is built on Kubernetes' own environment (k8s.io/apiserver/pkg/cel/environment) but not on its evaluator
// (k8s.io/apiserver/pkg/admission/plugin/cel), whose variables are fixed, where guardrails also see project, offering and
// instance; and which is slow. What takes its time is to count what expressions cost. So each expression has a bound of its cost,
// for inputs of a class of sizes, when it compiles (bounder). Where the bounds of a guardrail are within the limits, its
// expressions run uncounted, which can't change what they yield; where not, they run as in Kubernetes: the cost of variables,
// validations and messageExpressions is counted and charged in its order, and where it exceeds the budget, all is forgotten but
// that error.
//
// Two differences remain:
//
//   - a variable that refers to itself, as dyn(variables).x can, is an error, where Kubernetes recurses without end;
//   - matchConditions see the namespaceObject, which is always null to them in Kubernetes.
package cel

import (
	"context"
	"sync"

	celconfig "k8s.io/apiserver/pkg/apis/cel"

	"github.com/kroguard/kroguard/policies"
	"github.com/kroguard/kroguard/policies/v1alpha1"
)

// Engine is the name of the language.
const Engine = "CEL"

// Driver compiles guardrails in CEL, and the matchConditions of all guardrails. It is immutable and safe for concurrent use.
type Driver struct {
	environments *environments
	admission    *admissionEnvironments
	types        *typeChecks
	// pool holds the evaluations that are not in use.
	pool *sync.Pool
	// templates yields the environments of Gatekeeper's templates, made when the first is compiled.
	templates func() (*environments, error)
}

var (
	_ policies.Driver            = (*Driver)(nil)
	_ policies.ConditionCompiler = (*Driver)(nil)
)

// New builds a Driver. It fails only where Kubernetes' CEL libraries do not fit together.
func New() (*Driver, error) {
	environments, err := newEnvironments(guardrailVariables()...)
	if err != nil {
		return nil, err
	}
	typed, err := newTypedEnvironment()
	if err != nil {
		return nil, err
	}
	return &Driver{
		environments: environments, types: &typeChecks{env: typed}, pool: &sync.Pool{New: newEvaluation},
		admission: newAdmissionEnvironments(), templates: sync.OnceValues(newTemplateEnvironments),
	}, nil
}

// Engine is the name of the language.
func (d *Driver) Engine() string { return Engine }

// Handles reports whether the guardrail is written in CEL.
func (d *Driver) Handles(guardrail *v1alpha1.Guardrail) bool { return guardrail.Spec.CEL != nil }

// Compile compiles variables, validations and messageExpressions, and reports what is wrong with any of them at once. There
// are no warnings: an instance has no type here that expressions could be checked against, see CheckTypes.
func (d *Driver) Compile(
	_ context.Context, guardrail *v1alpha1.Guardrail,
) (policies.Program, []v1alpha1.ExpressionWarning, error) {
	policy := guardrail.Spec.CEL
	scope, err := d.environments.scope(len(policy.Variables) > 0)
	if err != nil {
		return nil, nil, err
	}
	c := compiler{environments: d.environments, policy: guardrailPolicy}
	compiled := &program{
		field: guardrailPolicy + "validations",
		expressions: expressions{
			params:        c.params(guardrail),
			variables:     c.variables(scope, policy.Variables),
			variablesType: d.environments.variablesType,
			budget:        celconfig.RuntimeCELCostBudget,
			pool:          d.pool,
		},
	}
	compiled.validations = c.validations(scope, policy.Validations)
	if len(c.errors) > 0 {
		return nil, nil, c.errors
	}
	compiled.boundAll()
	return compiled, nil, nil
}

// CompileConditions compiles spec.matchConditions. They run before the policy, so they do not see its variables.
func (d *Driver) CompileConditions(_ context.Context, guardrail *v1alpha1.Guardrail) (policies.Conditions, error) {
	if len(guardrail.Spec.MatchConditions) == 0 {
		return nil, nil
	}
	c := compiler{environments: d.environments}
	compiled := &conditions{
		expressions: expressions{
			params: c.params(guardrail),
			budget: celconfig.RuntimeCELCostBudgetMatchConditions,
			pool:   d.pool,
		},
		conditions: c.conditions(d.environments.conditions, "spec.matchConditions", guardrail.Spec.MatchConditions),
	}
	if len(c.errors) > 0 {
		return nil, c.errors
	}
	compiled.boundAll()
	return compiled, nil
}
