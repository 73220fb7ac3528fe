//go:build gatekeeper_cel

package engines

import (
	"regexp"

	"github.com/open-policy-agent/frameworks/constraint/pkg/core/templates"
	"github.com/open-policy-agent/gatekeeper/v3/pkg/drivers/k8scel"
	celschema "github.com/open-policy-agent/gatekeeper/v3/pkg/drivers/k8scel/schema"
	"k8s.io/utils/ptr"

	"github.com/kroguard/kroguard/test/bench/sets"
)

// NewGatekeeperCEL is NewGatekeeper with its driver for CEL.
func NewGatekeeperCEL(set *sets.Set, entries []sets.Entry, options GatekeeperOptions) (*Engine, error) {
	driver, err := k8scel.New()
	if err != nil {
		return nil, err
	}
	return newGatekeeper(NameGatekeeperCEL, set, entries, options, driver, celCode)
}

// celCode is the source of a template in CEL. Gatekeeper calls the parameters variables.params.
func celCode(entry *sets.Entry) (templates.Code, error) {
	params := regexp.MustCompile(`\bparams\.`)
	rename := func(expression string) string { return params.ReplaceAllString(expression, "variables.params.") }
	source := celschema.Source{FailurePolicy: ptr.To("Fail"), GenerateVAP: ptr.To(false)}
	for _, v := range entry.CEL.Variables {
		source.Variables = append(source.Variables, celschema.Variable{Name: v.Name, Expression: rename(v.Expression)})
	}
	for _, v := range entry.CEL.Validations {
		source.Validations = append(source.Validations, celschema.Validation{
			Expression: rename(v.Expression), Message: v.Message, MessageExpression: rename(v.MessageExpression),
		})
	}
	return templates.Code{Engine: celschema.Name, Source: &templates.Anything{Value: source.MustToUnstructured()}}, nil
}
