package cel

import (
	"fmt"
	"strings"
	"sync"

	"github.com/google/cel-go/cel"
	"k8s.io/apimachinery/pkg/util/json"
	celconfig "k8s.io/apiserver/pkg/apis/cel"

	"github.com/kroguard/kroguard/policies"
	"github.com/kroguard/kroguard/policies/v1alpha1"
)

// validation is a compiled validation.
type validation struct {
	expression

	// fallback is the message where there is no messageExpression, or where that yields none.
	fallback      string
	reason, field string
	// message is the messageExpression; its plan is nil where there is none.
	message expression
}

// compiler compiles the expressions of one guardrail and collects what is wrong with them, in the order of their text.
type compiler struct {
	environments *environments
	// policy is the path of the policy's fields: "spec.cel.".
	policy string
	errors policies.CompileErrors
}

// guardrailPolicy is where the policy is in a Guardrail.
const guardrailPolicy = "spec.cel."

// params decodes spec.params; nil, CEL's null, where there are none. Integers are int64, as in a decoded object.
func (c *compiler) params(guardrail *v1alpha1.Guardrail) any {
	if guardrail.Spec.Params == nil || len(guardrail.Spec.Params.Raw) == 0 {
		return nil
	}
	var params any
	if err := json.Unmarshal(guardrail.Spec.Params.Raw, &params); err != nil {
		c.fail("spec.params", "it is no JSON: "+err.Error())
		return nil
	}
	return params
}

func (c *compiler) conditions(env *cel.Env, list string, sources []v1alpha1.MatchCondition) []expression {
	compiled := make([]expression, len(sources))
	for i := range sources {
		field := fmt.Sprintf("%s[%d].expression", list, i)
		compiled[i], _ = c.compile(env, field, sources[i].Expression, cel.BoolType)
	}
	return compiled
}

func (c *compiler) variables(scope *scope, sources []v1alpha1.CELVariable) []variable {
	compiled := make([]variable, len(sources))
	for i := range sources {
		field := fmt.Sprintf("%svariables[%d]", c.policy, i)
		name := sources[i].Name
		if _, ok := scope.variables.Fields[name]; ok {
			c.fail(field+".name", fmt.Sprintf("there are two variables %q", name))
		}
		expression, celType := c.compile(scope.definitions, field+".expression", sources[i].Expression, cel.AnyType)
		scope.declare(name, celType)
		compiled[i] = variable{expression: expression, name: name}
	}
	return compiled
}

func (c *compiler) validations(scope *scope, sources []v1alpha1.CELValidation) []validation {
	compiled := make([]validation, len(sources))
	for i := range sources {
		source := &sources[i]
		place := fmt.Sprintf("%svalidations[%d]", c.policy, i)
		v := validation{
			fallback: fallbackMessage(source),
			reason:   string(source.Reason),
			field:    source.FieldPath,
		}
		v.expression, _ = c.compile(scope.expressions, place+".expression", source.Expression, cel.BoolType)
		if source.MessageExpression != "" {
			field := place + ".messageExpression"
			v.message, _ = c.compile(scope.messages, field, source.MessageExpression, cel.StringType)
		}
		compiled[i] = v
	}
	return compiled
}

// compile compiles one expression that must yield the wanted type; cel.AnyType takes all. The result's type is nil where it
// does not compile.
func (c *compiler) compile(env *cel.Env, field, text string, want *cel.Type) (expression, *cel.Type) {
	ast, issues := env.Compile(text)
	if err := issues.Err(); err != nil {
		c.report(field, issues)
		return expression{field: field}, nil
	}
	got := ast.OutputType()
	if want != cel.AnyType && !got.IsExactType(want) {
		c.fail(field, mismatch(text, want, got))
		return expression{field: field}, nil
	}
	plan, err := c.environments.planner.plan(env, ast)
	if err != nil {
		c.fail(field, "it can't be made a program: "+err.Error())
		return expression{}, nil
	}
	counted := sync.OnceValues(func() (cel.Program, error) {
		return env.Program(ast, cel.InterruptCheckFrequency(celconfig.CheckFrequency))
	})
	partial := sync.OnceValues(func() (*partialPlan, error) { return c.environments.newPartialPlan(env, ast) })
	return expression{field: field, plan: plan, checked: ast, counted: counted, partial: partial}, got
}

// mismatch says which type an expression must have. A field of an object has any type, which the type checker does not
// take for a bool: Kubernetes refuses such an expression too.
func mismatch(text string, want, got *cel.Type) string {
	message := fmt.Sprintf("must evaluate to %s but got %s", want, got)
	if !got.IsExactType(cel.DynType) || strings.Contains(text, "\n") {
		return message
	}
	if want.IsExactType(cel.BoolType) {
		return message + ": compare it, as in " + text + " == true"
	}
	return message + ": convert it, as in string(" + text + ")"
}

// report takes over the compiler's issues. Its lines count from 1, its columns from 0, and both are negative for none.
func (c *compiler) report(field string, issues *cel.Issues) {
	for _, issue := range issues.Errors() {
		e := policies.CompileError{Field: field, Message: issue.Message}
		if line := issue.Location.Line(); line > 0 {
			e.Line, e.Column = line, max(issue.Location.Column()+1, 1)
		}
		c.errors = append(c.errors, e)
	}
}

func (c *compiler) fail(field, message string) {
	c.errors = append(c.errors, policies.CompileError{Field: field, Message: message})
}
