package webhook

import (
	"context"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"
)

// finding is one thing that is wrong with an object, for details.causes.
type finding struct {
	field, message string
}

// check judges an object: what refuses it, and what only warns. old is the zero value on CREATE.
type check[T client.Object] func(ctx context.Context, old, object T) (refusals []finding, warnings []string)

// validator makes a check an admission.Validator: the same one for CREATE and UPDATE, none for DELETE. An object that is being
// deleted is left alone.
type validator[T client.Object] struct {
	check check[T]
}

// handler serves a check.
func handler[T client.Object](scheme *runtime.Scheme, check check[T]) *admission.Webhook {
	return admission.WithValidator[T](scheme, &validator[T]{check: check}).WithRecoverPanic(true)
}

// ValidateCreate implements admission.Validator.
func (v *validator[T]) ValidateCreate(ctx context.Context, object T) (admission.Warnings, error) {
	var none T
	return v.validate(ctx, none, object)
}

// ValidateUpdate implements admission.Validator.
func (v *validator[T]) ValidateUpdate(ctx context.Context, old, object T) (admission.Warnings, error) {
	if !object.GetDeletionTimestamp().IsZero() {
		return nil, nil
	}
	return v.validate(ctx, old, object)
}

// ValidateDelete implements admission.Validator; nothing keeps an object from being deleted.
func (*validator[T]) ValidateDelete(context.Context, T) (admission.Warnings, error) { return nil, nil }

func (v *validator[T]) validate(ctx context.Context, old, object T) (admission.Warnings, error) {
	refusals, warnings := v.check(ctx, old, object)
	if len(refusals) == 0 {
		return warnings, nil
	}
	causes := make([]metav1.StatusCause, len(refusals))
	message := ""
	for i, refusal := range refusals {
		causes[i] = metav1.StatusCause{Type: metav1.CauseTypeFieldValueInvalid, Field: refusal.field, Message: refusal.message}
		if i > 0 {
			message += "; "
		}
		message += refusal.message
	}
	return warnings, &apierrors.StatusError{ErrStatus: *forbidden(message, causes)}
}
