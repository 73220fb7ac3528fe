package controller

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kroguard/kroguard/internal/truncate"
	"github.com/kroguard/kroguard/policies"
	"github.com/kroguard/kroguard/policies/v1alpha1"
)

const (
	// maxTypeCheckWarnings is the limit of the CRD for status.typeChecking.
	maxTypeCheckWarnings = 32
	// maxConditionMessage bounds a condition's message, in bytes. The API server's limit is 32 KiB, which nobody reads in a
	// terminal; a compiler's complaints about a long policy may run on.
	maxConditionMessage = 4096
)

// guardrailStatus is the status of a guardrail that was compiled. types are what checking it against the types of instances found,
// which depends on the RGDs. What others write into the status stays.
func guardrailStatus(
	guardrail *v1alpha1.Guardrail, info *policies.CompiledInfo, types []v1alpha1.ExpressionWarning, now time.Time,
) v1alpha1.GuardrailStatus {
	status := *guardrail.Status.DeepCopy()
	status.ObservedGeneration = guardrail.Generation
	status.Engine = info.Engine
	// A misspelled field comes before an unused import.
	warnings := slices.Concat(types, info.Warnings)
	status.TypeChecking = warnings[:min(len(warnings), maxTypeCheckWarnings)]
	setReady(&status.Conditions, guardrail.Generation, now, guardrailCondition(guardrail, info))
	return status
}

func guardrailCondition(guardrail *v1alpha1.Guardrail, info *policies.CompiledInfo) metav1.Condition {
	if info.Err == nil {
		return metav1.Condition{Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonCompiled, Message: "the guardrail is in force"}
	}
	counts := "every instance that it applies to is refused (failurePolicy: Fail)"
	switch {
	case guardrail.Spec.FailurePolicy == v1alpha1.FailurePolicyIgnore:
		counts = "it judges nothing (failurePolicy: Ignore)"
	case !denies(guardrail.Spec.ValidationActions):
		counts = "every instance that it applies to violates it (failurePolicy: Fail)"
	}
	message := fmt.Sprintf("the guardrail does not compile, so %s: %s", counts, compileErrors(info.Err))
	return metav1.Condition{Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonCompileError, Message: message}
}

// denies reports whether the actions refuse; none given is Deny, as in the API.
func denies(actions []v1alpha1.ValidationAction) bool {
	for _, action := range actions {
		if action == v1alpha1.ActionDeny {
			return true
		}
	}
	return len(actions) == 0
}

// compileErrors has one place a line.
func compileErrors(err error) string {
	var places policies.CompileErrors
	if !errors.As(err, &places) {
		return err.Error()
	}
	lines := make([]string, len(places))
	for i, place := range places {
		lines[i] = place.Error()
	}
	return strings.Join(lines, "\n")
}

// setReady sets the condition Ready. Its transition time moves only with its status.
func setReady(conditions *[]metav1.Condition, generation int64, now time.Time, condition metav1.Condition) {
	condition.Type = v1alpha1.ConditionReady
	condition.ObservedGeneration = generation
	condition.Message = truncate.Text(condition.Message, maxConditionMessage)
	// The API has seconds.
	condition.LastTransitionTime = metav1.NewTime(now.Truncate(time.Second))
	meta.SetStatusCondition(conditions, condition)
}
