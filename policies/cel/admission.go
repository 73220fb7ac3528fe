package cel

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/ast"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	plugincel "k8s.io/apiserver/pkg/admission/plugin/cel"
	celconfig "k8s.io/apiserver/pkg/apis/cel"

	"github.com/kroguard/kroguard/policies"
	"github.com/kroguard/kroguard/policies/v1alpha1"
)

// AdmissionPolicy is the CEL of a ValidatingAdmissionPolicy. Its expressions see what they see in an API server and nothing else:
// neither project, offering nor instance; params only where the policy has a paramKind; and in matchConditions no namespaceObject.
// It is immutable and safe for concurrent use.
type AdmissionPolicy struct {
	// conditions is nil for none, and so is annotations.
	conditions  *conditions
	validations *program
	annotations *annotations
	// readsNamespace says that what is found may depend on the namespaceObject.
	readsNamespace bool
}

// admissionPolicy is where the policy is in a ValidatingAdmissionPolicy.
const admissionPolicy = "spec."

// admissionEnvironments are made when the first policy of their sort is compiled: most drivers compile guardrails alone.
type admissionEnvironments struct {
	withParams, withoutParams func() (*environments, error)
}

func newAdmissionEnvironments() *admissionEnvironments {
	return &admissionEnvironments{
		withParams: sync.OnceValues(func() (*environments, error) {
			return newEnvironments(cel.Variable(plugincel.ParamsVarName, cel.DynType))
		}),
		withoutParams: sync.OnceValues(func() (*environments, error) { return newEnvironments() }),
	}
}

// CompileAdmissionPolicy compiles matchConditions, variables, validations and auditAnnotations. The error is a CompileErrors with
// all that is wrong. Params are null until With gives some.
func (d *Driver) CompileAdmissionPolicy(
	spec *admissionregistrationv1.ValidatingAdmissionPolicySpec,
) (*AdmissionPolicy, error) {
	environmentsOf := d.admission.withoutParams
	if spec.ParamKind != nil {
		environmentsOf = d.admission.withParams
	}
	environments, err := environmentsOf()
	if err != nil {
		return nil, err
	}
	scope, err := environments.scope(len(spec.Variables) > 0)
	if err != nil {
		return nil, err
	}
	c := compiler{environments: environments, policy: admissionPolicy}
	compiled := &AdmissionPolicy{}
	if len(spec.MatchConditions) > 0 {
		compiled.conditions = &conditions{
			expressions: expressions{
				withoutNamespace: true, budget: celconfig.RuntimeCELCostBudgetMatchConditions, pool: d.pool,
			},
			conditions: c.conditions(environments.conditions, "spec.matchConditions", conditionsOf(spec)),
		}
	}
	common := expressions{
		variables:     c.variables(scope, variablesOf(spec)),
		variablesType: environments.variablesType,
		budget:        celconfig.RuntimeCELCostBudget,
		pool:          d.pool,
	}
	compiled.validations = &program{
		expressions: common, field: admissionPolicy + "validations", validations: c.validations(scope, validationsOf(spec)),
	}
	if len(spec.AuditAnnotations) > 0 {
		compiled.annotations = &annotations{expressions: common, values: c.annotations(scope, spec.AuditAnnotations)}
	}
	if len(c.errors) > 0 {
		return nil, c.errors
	}
	compiled.readsNamespace = compiled.validations.reading(plugincel.NamespaceVarName)
	compiled.boundAll()
	return compiled, nil
}

// reading reports whether a variable or validation names something.
func (p *program) reading(name string) bool {
	reads := func(e *expression) bool {
		return len(ast.MatchDescendants(ast.NavigateAST(e.checked.NativeRep()), func(node ast.NavigableExpr) bool {
			return node.Kind() == ast.IdentKind && node.AsIdent() == name
		})) > 0
	}
	return slices.ContainsFunc(p.variables, func(v variable) bool { return reads(&v.expression) }) ||
		slices.ContainsFunc(p.validations, func(v validation) bool { return reads(&v.expression) })
}

func (p *AdmissionPolicy) boundAll() {
	p.validations.boundAll()
	if p.conditions != nil {
		p.conditions.boundAll()
	}
	if p.annotations != nil {
		p.annotations.boundAll()
	}
}

// With is the policy with params, decoded JSON that nobody changes any more; nil is null. It takes next to nothing: what bounds
// costs is the size of the params alone.
func (p *AdmissionPolicy) With(params any) *AdmissionPolicy {
	size := classOf(params)
	validations := *p.validations
	validations.params, validations.paramsSize = params, size
	with := &AdmissionPolicy{validations: &validations, readsNamespace: p.readsNamespace}
	if p.conditions != nil {
		conditions := *p.conditions
		conditions.params, conditions.paramsSize = params, size
		with.conditions = &conditions
	}
	if p.annotations != nil {
		annotations := *p.annotations
		annotations.params, annotations.paramsSize = params, size
		with.annotations = &annotations
	}
	return with
}

// Match reports whether all matchConditions hold, as Conditions do.
func (p *AdmissionPolicy) Match(ctx context.Context, in *policies.Input) (bool, error) {
	if p.conditions == nil {
		return true, nil
	}
	return p.conditions.Match(ctx, in)
}

// Validate runs the validations, as a Program does. It does not look at the matchConditions.
func (p *AdmissionPolicy) Validate(ctx context.Context, in *policies.Input) ([]policies.Finding, error) {
	return p.validations.Evaluate(ctx, in)
}

// ReadsNamespace reports whether what Validate finds may depend on the namespaceObject.
func (p *AdmissionPolicy) ReadsNamespace() bool { return p.readsNamespace }

// Annotates reports whether there are auditAnnotations.
func (p *AdmissionPolicy) Annotates() bool { return p.annotations != nil }

// Annotate runs the auditAnnotations, whose values nobody here records. The error counts: an API server refuses a request for it,
// where the failurePolicy is Fail, whatever the validationActions are.
func (p *AdmissionPolicy) Annotate(ctx context.Context, in *policies.Input) error {
	if p.annotations == nil {
		return nil
	}
	return p.annotations.evaluate(ctx, in)
}

// annotations are compiled auditAnnotations.
type annotations struct {
	expressions

	values []expression
}

func (a *annotations) boundAll() {
	all := make([]*expression, len(a.values))
	for i := range a.values {
		all[i] = &a.values[i]
	}
	a.bound(all)
}

// evaluate runs all of them. They have a budget and variables of their own.
func (a *annotations) evaluate(ctx context.Context, in *policies.Input) error {
	run, err := a.begin(ctx, in)
	if err != nil {
		return err
	}
	defer run.end()
	var failed EvaluationErrors
	for i := range a.values {
		e := &a.values[i]
		_, err := run.eval(e)
		if run.exhausted {
			return EvaluationErrors{{Field: e.field, Err: ErrOutOfBudget}}
		}
		if err != nil {
			failed = append(failed, EvaluationError{Field: e.field, Err: err})
		}
		if err != nil && ctx.Err() != nil {
			break
		}
	}
	if len(failed) > 0 {
		return failed
	}
	return nil
}

// annotations compiles auditAnnotations, which yield a string or null.
func (c *compiler) annotations(scope *scope, sources []admissionregistrationv1.AuditAnnotation) []expression {
	compiled := make([]expression, len(sources))
	for i := range sources {
		field := fmt.Sprintf("%sauditAnnotations[%d].valueExpression", c.policy, i)
		e, got := c.compile(scope.expressions, field, sources[i].ValueExpression, cel.AnyType)
		if got != nil && !got.IsExactType(cel.StringType) && !got.IsExactType(cel.NullType) {
			c.fail(field, fmt.Sprintf("must evaluate to string or null but got %s", got))
		}
		compiled[i] = e
	}
	return compiled
}

func conditionsOf(spec *admissionregistrationv1.ValidatingAdmissionPolicySpec) []v1alpha1.MatchCondition {
	list := make([]v1alpha1.MatchCondition, len(spec.MatchConditions))
	for i := range spec.MatchConditions {
		list[i] = v1alpha1.MatchCondition{Name: spec.MatchConditions[i].Name, Expression: spec.MatchConditions[i].Expression}
	}
	return list
}

func variablesOf(spec *admissionregistrationv1.ValidatingAdmissionPolicySpec) []v1alpha1.CELVariable {
	list := make([]v1alpha1.CELVariable, len(spec.Variables))
	for i := range spec.Variables {
		list[i] = v1alpha1.CELVariable{Name: spec.Variables[i].Name, Expression: spec.Variables[i].Expression}
	}
	return list
}

func validationsOf(spec *admissionregistrationv1.ValidatingAdmissionPolicySpec) []v1alpha1.CELValidation {
	list := make([]v1alpha1.CELValidation, len(spec.Validations))
	for i := range spec.Validations {
		source := &spec.Validations[i]
		list[i] = v1alpha1.CELValidation{
			Expression: source.Expression, Message: source.Message, MessageExpression: source.MessageExpression,
		}
		if source.Reason != nil {
			list[i].Reason = *source.Reason
		}
	}
	return list
}
