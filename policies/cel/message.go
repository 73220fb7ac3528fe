package cel

import (
	"strings"

	"github.com/google/cel-go/common/types/ref"
	celconfig "k8s.io/apiserver/pkg/apis/cel"

	"github.com/kroguard/kroguard/policies/v1alpha1"
)

// describe says what a failed validation means to the developer; message is what its messageExpression yielded, nil where it
// has none or it failed. The rules are those of a ValidatingAdmissionPolicy
// (k8s.io/apiserver/pkg/admission/plugin/policy/validating): a result that is blank, longer than 5 KiB or of several lines
// gives way to the message, and that to the expression.
func (v *validation) describe(message ref.Val) string {
	if message == nil {
		return v.fallback
	}
	text, _ := message.Value().(string)
	text = strings.TrimSpace(text)
	tooLong := len(text) > celconfig.MaxEvaluatedMessageExpressionSizeBytes
	if text == "" || tooLong || strings.Contains(text, "\n") {
		return v.fallback
	}
	return text
}

// fallbackMessage is the message of a validation without regard to its messageExpression.
func fallbackMessage(source *v1alpha1.CELValidation) string {
	if message := strings.TrimSpace(source.Message); message != "" {
		return message
	}
	return "failed expression: " + strings.TrimSpace(source.Expression)
}
