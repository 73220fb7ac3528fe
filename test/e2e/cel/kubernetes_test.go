package cel

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// caseLabel is the label of an object that says which policy it is judged by: an answer of the API server has room for the
// findings of one.
const caseLabel = "case"

// install makes a ValidatingAdmissionPolicy of a policy. It reports whether the API server takes it.
func install(t *testing.T, p policy) bool {
	t.Helper()
	fail, equivalent := admissionregistrationv1.Fail, admissionregistrationv1.Equivalent
	object := &admissionregistrationv1.ValidatingAdmissionPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: p.name},
		Spec: admissionregistrationv1.ValidatingAdmissionPolicySpec{
			FailurePolicy: &fail,
			ParamKind:     &admissionregistrationv1.ParamKind{APIVersion: "example.com/v1", Kind: "Limit"},
			MatchConstraints: &admissionregistrationv1.MatchResources{
				MatchPolicy: &equivalent,
				ResourceRules: []admissionregistrationv1.NamedRuleWithOperations{{
					RuleWithOperations: admissionregistrationv1.RuleWithOperations{
						Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.Create, admissionregistrationv1.Update},
						Rule: admissionregistrationv1.Rule{
							APIGroups: []string{"example.com"}, APIVersions: []string{"v1"}, Resources: []string{"samples"},
						},
					},
				}},
			},
		},
	}
	for _, c := range p.conditions {
		object.Spec.MatchConditions = append(object.Spec.MatchConditions,
			admissionregistrationv1.MatchCondition{Name: c.Name, Expression: c.Expression})
	}
	for _, v := range p.Variables {
		object.Spec.Variables = append(object.Spec.Variables, admissionregistrationv1.Variable{Name: v.Name, Expression: v.Expression})
	}
	for _, v := range p.Validations {
		object.Spec.Validations = append(object.Spec.Validations, admissionregistrationv1.Validation{
			Expression: v.Expression, Message: v.Message, MessageExpression: v.MessageExpression,
		})
	}
	err := admin.Create(t.Context(), object)
	switch {
	case apierrors.IsInvalid(err):
		t.Logf("%s: %.300v", p.name, err)
		return false
	case err != nil:
		t.Fatalf("%s: %v", p.name, err)
	}
	return true
}

// bind has the policy warn of its findings: of a denial, the API server would tell the first alone.
func bind(t *testing.T, name string) {
	t.Helper()
	deny := admissionregistrationv1.DenyAction
	err := admin.Create(t.Context(), &admissionregistrationv1.ValidatingAdmissionPolicyBinding{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: admissionregistrationv1.ValidatingAdmissionPolicyBindingSpec{
			PolicyName: name,
			ParamRef: &admissionregistrationv1.ParamRef{
				Name: "limits", Namespace: "payments", ParameterNotFoundAction: &deny,
			},
			MatchResources: &admissionregistrationv1.MatchResources{
				ObjectSelector: &metav1.LabelSelector{MatchLabels: map[string]string{caseLabel: name}},
			},
			ValidationActions: []admissionregistrationv1.ValidationAction{admissionregistrationv1.Warn},
		},
	})
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

// outcome is what a policy says of an object: the messages of the validations that are violated, and the expressions that fail
// with their causes, each in order.
type outcome struct {
	Denied []string
	Failed []string
}

const (
	// outOfBudget stands for the one error that is left where expressions together cost too much.
	outOfBudget = "out of budget"
	// failedConditions stands for matchConditions that fail. The API server tells all errors, kroguard the first.
	failedConditions = "matchConditions"
)

// sameWords says in kroguard's words what the API server says in others, for a reason: kroguard names a variable that fails more
// shortly, and the API server's version has a cel-go that does not tell which text is no timestamp.
func sameWords(cause string) string {
	cause = compositedVariable.ReplaceAllString(cause, `variable "$1"`)
	return strings.Replace(cause, "type conversion error from 'string' to 'google.protobuf.Timestamp'", noTimestamp, 1)
}

// noTimestamp is what both say of a text that is no timestamp.
const noTimestamp = "no timestamp"

var (
	compositedVariable = regexp.MustCompile(`composited variable "(\w+)" fails to evaluate`)
	invalidTimestamp   = regexp.MustCompile(`invalid RFC 3339 timestamp "[^"]*"`)
)

// kubernetesOutcome reads the API server's warnings about one policy.
func kubernetesOutcome(p policy, texts []string) outcome {
	prefix := fmt.Sprintf("Validation failed for ValidatingAdmissionPolicy '%s' with binding '%s': ", p.name, p.name)
	var o outcome
	for _, text := range texts {
		message, ok := strings.CutPrefix(text, prefix)
		expression, cause, failed := strings.Cut(message, "' resulted in error: ")
		switch {
		case !ok:
			o.Failed = append(o.Failed, "unexpected: "+text)
		case strings.Contains(message, "running out of cost budget"):
			o.Failed = append(o.Failed, outOfBudget)
		case failed && len(p.conditions) > 0:
			o.Failed = append(o.Failed, failedConditions)
		case failed:
			o.Failed = append(o.Failed, strings.TrimPrefix(expression, "expression '")+" -> "+sameWords(cause))
		default:
			o.Denied = append(o.Denied, message)
		}
	}
	return o
}
