package cel

import (
	"context"
	"strings"

	celconfig "k8s.io/apiserver/pkg/apis/cel"

	"github.com/kroguard/kroguard/policies/v1alpha1"
)

// describe says what a failed validation means to the developer. The rules are those of a ValidatingAdmissionPolicy
// (k8s.io/apiserver/pkg/admission/plugin/policy/validating): a messageExpression that fails, or whose result is blank, longer
// than 5 KiB or of several lines, gives way to the message, and that to the expression.
func (v *validation) describe(ctx context.Context, run *evaluation) string {
	if v.message.program == nil {
		return v.fallback
	}
	value, err := run.eval(ctx, &v.message)
	if err != nil {
		return v.fallback
	}
	message, _ := value.Value().(string)
	message = strings.TrimSpace(message)
	tooLong := len(message) > celconfig.MaxEvaluatedMessageExpressionSizeBytes
	if message == "" || tooLong || strings.Contains(message, "\n") {
		return v.fallback
	}
	return message
}

// fallbackMessage is the message of a validation without regard to its messageExpression.
func fallbackMessage(source *v1alpha1.CELValidation) string {
	if message := strings.TrimSpace(source.Message); message != "" {
		return message
	}
	return "failed expression: " + strings.TrimSpace(source.Expression)
}
