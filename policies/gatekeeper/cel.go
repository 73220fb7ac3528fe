package gatekeeper

import (
	"context"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/runtime"

	"github.com/kroguard/kroguard/policies/cel"
	"github.com/kroguard/kroguard/policies/v1alpha1"
)

// celSource is the source of code of engine K8sNativeValidation.
type celSource struct {
	Validations []struct {
		Expression        string `json:"expression,omitempty"`
		Message           string `json:"message,omitempty"`
		MessageExpression string `json:"messageExpression,omitempty"`
	} `json:"validations,omitempty"`
	FailurePolicy   *string    `json:"failurePolicy,omitempty"`
	MatchConditions []celNamed `json:"matchCondition,omitempty"`
	Variables       []celNamed `json:"variables,omitempty"`
	GenerateVAP     *bool      `json:"generateVAP,omitempty"`
}

type celNamed struct {
	Name       string `json:"name"`
	Expression string `json:"expression"`
}

// reservedPrefix is what Gatekeeper keeps for its own names.
const reservedPrefix = "gatekeeper_internal_"

// compileCEL compiles the i-th code of the target. As in Gatekeeper, an expression that does not compile fails where it is evaluated.
func (c *Compiler) compileCEL(ctx context.Context, t *Template, target *templateTarget, i int) error {
	field := fmt.Sprintf("spec.targets[0].code[%d].source", i)
	fields, ok := target.Code[i].Source.(map[string]any)
	if !ok {
		return compileErrors(field, "this is no object: give validations in it")
	}
	source := new(celSource)
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(fields, source); err != nil {
		return compileErrors(field, err.Error())
	}
	if err := source.check(field); err != nil {
		return err
	}
	t.IgnoresErrors = source.FailurePolicy != nil && *source.FailurePolicy == string(v1alpha1.FailurePolicyIgnore)
	var err error
	t.cel, err = c.cel.CompileTemplate(ctx, source.driverSource(field))
	return err
}

// check refuses names that are Gatekeeper's own, and a failurePolicy that is none.
func (s *celSource) check(field string) error {
	for _, condition := range s.MatchConditions {
		if strings.HasPrefix(condition.Name, reservedPrefix) {
			return compileErrors(field+".matchCondition", fmt.Sprintf("%q can't be a name: %s is reserved", condition.Name, reservedPrefix))
		}
	}
	for _, variable := range s.Variables {
		if strings.HasPrefix(variable.Name, reservedPrefix) || variable.Name == "params" || variable.Name == "anyObject" {
			return compileErrors(field+".variables", fmt.Sprintf("%q can't be a name: Gatekeeper defines it", variable.Name))
		}
	}
	if policy := s.FailurePolicy; policy != nil && *policy != string(v1alpha1.FailurePolicyFail) && *policy != string(v1alpha1.FailurePolicyIgnore) {
		return compileErrors(field+".failurePolicy", fmt.Sprintf("%q is none: write Fail or Ignore", *policy))
	}
	return nil
}

func (s *celSource) driverSource(field string) cel.TemplateSource {
	source := cel.TemplateSource{Root: field}
	for _, v := range s.Variables {
		source.Variables = append(source.Variables, v1alpha1.CELVariable{Name: v.Name, Expression: v.Expression})
	}
	for _, v := range s.Validations {
		source.Validations = append(source.Validations, v1alpha1.CELValidation{
			Expression: v.Expression, Message: v.Message, MessageExpression: v.MessageExpression,
		})
	}
	for _, c := range s.MatchConditions {
		source.Conditions = append(source.Conditions, v1alpha1.MatchCondition{Name: c.Name, Expression: c.Expression})
	}
	return source
}
