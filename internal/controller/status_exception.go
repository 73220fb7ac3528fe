package controller

import (
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kroguard/kroguard/policies"
	"github.com/kroguard/kroguard/policies/v1alpha1"
)

// exceptionStatus is the status of an exception at a time, and how long it holds; zero for as long as the exception isn't
// changed. What others write into the status stays.
func exceptionStatus(exception *v1alpha1.GuardrailException, now time.Time) (v1alpha1.GuardrailExceptionStatus, time.Duration) {
	status := *exception.Status.DeepCopy()
	status.ObservedGeneration = exception.Generation
	condition, again := exceptionCondition(exception, now)
	setReady(&status.Conditions, exception.Generation, now, condition)
	return status, again
}

func exceptionCondition(exception *v1alpha1.GuardrailException, now time.Time) (metav1.Condition, time.Duration) {
	if err := policies.CheckException(exception); err != nil {
		return metav1.Condition{
			Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonInvalidSelector,
			Message: "the exception waives nothing: " + compileErrors(err),
		}, 0
	}
	expiry := exception.Spec.ExpiresAt.UTC()
	if !now.Before(expiry) {
		return metav1.Condition{
			Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonExpired,
			Message: fmt.Sprintf("the exception waives nothing since %s", expiry.Format(time.RFC3339)),
		}, 0
	}
	return metav1.Condition{
		Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonInForce,
		Message: fmt.Sprintf("the exception is in force until %s", expiry.Format(time.RFC3339)),
	}, expiry.Sub(now)
}
