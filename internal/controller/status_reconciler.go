package controller

import (
	"context"
	"errors"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/kroguard/kroguard/policies"
	"github.com/kroguard/kroguard/policies/v1alpha1"
)

const (
	// fieldManager owns the fields of statuses that kroguard's controllers write. The audit writes its own as another.
	fieldManager = "kroguard"
	// maxExpiryWait bounds how long an expiry is waited for, lest a clock that is set right makes it late.
	maxExpiryWait = time.Hour
)

// +kubebuilder:rbac:groups=kroguard.io,resources=guardrails/status;projects/status;guardrailexceptions/status,verbs=patch

// StatusReconciler reports in statuses what became of Guardrails, Projects and GuardrailExceptions in the published snapshot.
// Replicas write the same; a status that is right already is not written.
type StatusReconciler struct {
	reader    client.Reader
	writer    client.StatusWriter
	compiler  *policies.Compiler
	published func() *published
	now       func() time.Time
}

var _ reconcile.Reconciler = (*StatusReconciler)(nil)

// Reconcile implements reconcile.Reconciler; every request means all statuses.
func (r *StatusReconciler) Reconcile(ctx context.Context, _ reconcile.Request) (reconcile.Result, error) {
	current := r.published()
	if current == nil {
		return reconcile.Result{}, nil
	}
	again, err := r.exceptions(ctx)
	err = errors.Join(r.guardrails(ctx, current), r.projects(ctx, current), err)
	if conflictsOnly(err) {
		return reconcile.Result{RequeueAfter: coalesce}, nil // the cache is about to have what won
	}
	return reconcile.Result{RequeueAfter: again}, err
}

func (r *StatusReconciler) guardrails(ctx context.Context, current *published) error {
	var list v1alpha1.GuardrailList
	if err := r.reader.List(ctx, &list, client.UnsafeDisableDeepCopy); err != nil {
		return fmt.Errorf("listing Guardrails: %w", err)
	}
	infos := map[string]policies.CompiledInfo{}
	for _, info := range current.snapshot.Guardrails.Guardrails() {
		infos[info.Name] = info
	}
	objects := current.snapshot.ObjectTypes()
	var errs []error
	for i := range list.Items {
		guardrail := &list.Items[i]
		info, ok := infos[guardrail.Name]
		if !ok || info.UID != guardrail.UID || info.Generation != guardrail.Generation {
			continue // newer than the snapshot, of which the next one is on its way
		}
		types, err := r.checkTypes(ctx, guardrail, &info, objects)
		if err != nil {
			return errors.Join(append(errs, err)...)
		}
		status := guardrailStatus(guardrail, &info, types, r.now())
		if equality.Semantic.DeepEqual(status, guardrail.Status) {
			continue
		}
		status.Violations = nil // the audit's
		status.Conditions = onlyReady(status.Conditions)
		errs = append(errs, r.apply(ctx, guardrail, "Guardrail", &status))
	}
	return errors.Join(errs...)
}

// checkTypes checks a guardrail that compiles against the types of instances. It is done here, and not where the snapshot is built,
// because no decision waits for it.
func (r *StatusReconciler) checkTypes(
	ctx context.Context, guardrail *v1alpha1.Guardrail, info *policies.CompiledInfo, objects []policies.ObjectType,
) ([]v1alpha1.ExpressionWarning, error) {
	if info.Err != nil {
		return nil, nil //nolint:nilerr // it is told by the condition
	}
	types, err := r.compiler.CheckTypes(ctx, guardrail, objects)
	if err != nil {
		return nil, fmt.Errorf("checking the types of Guardrail %s: %w", guardrail.Name, err)
	}
	return types, nil
}

func (r *StatusReconciler) projects(ctx context.Context, current *published) error {
	var list v1alpha1.ProjectList
	if err := r.reader.List(ctx, &list, client.UnsafeDisableDeepCopy); err != nil {
		return fmt.Errorf("listing Projects: %w", err)
	}
	var errs []error
	for i := range list.Items {
		object := &list.Items[i]
		known, ok := current.projects[object.Name]
		if !ok || known.uid != object.UID || known.generation != object.Generation {
			continue
		}
		status := projectStatus(object, known.problems, current.snapshot, r.now())
		if equality.Semantic.DeepEqual(status, object.Status) {
			continue
		}
		status.Conditions = onlyReady(status.Conditions)
		errs = append(errs, r.apply(ctx, object, "Project", &status))
	}
	return errors.Join(errs...)
}

// exceptions returns when the next one expires, zero for never.
func (r *StatusReconciler) exceptions(ctx context.Context) (again time.Duration, err error) {
	var list v1alpha1.GuardrailExceptionList
	if err := r.reader.List(ctx, &list, client.UnsafeDisableDeepCopy); err != nil {
		return 0, fmt.Errorf("listing GuardrailExceptions: %w", err)
	}
	var errs []error
	for i := range list.Items {
		exception := &list.Items[i]
		status, holds := exceptionStatus(exception, r.now())
		if holds > 0 && (again == 0 || holds < again) {
			again = holds
		}
		if equality.Semantic.DeepEqual(status, exception.Status) {
			continue
		}
		status.Conditions = onlyReady(status.Conditions)
		errs = append(errs, r.apply(ctx, exception, "GuardrailException", &status))
	}
	return min(again, maxExpiryWait), errors.Join(errs...)
}

// apply writes a status by server-side apply: fields and conditions of other writers, which status leaves out, are left alone.
// The resourceVersion makes a status that was computed from an old object a conflict. status is a pointer to a struct.
func (r *StatusReconciler) apply(ctx context.Context, object client.Object, kind string, status any) error {
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(status)
	if err != nil {
		return fmt.Errorf("encoding the status of %s %s: %w", kind, object.GetName(), err)
	}
	applied := &unstructured.Unstructured{Object: map[string]any{"status": content}}
	applied.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(kind))
	applied.SetName(object.GetName())
	applied.SetResourceVersion(object.GetResourceVersion())
	err = r.writer.Apply(ctx, client.ApplyConfigurationFromUnstructured(applied), client.FieldOwner(fieldManager), client.ForceOwnership)
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("writing the status of %s %s: %w", kind, object.GetName(), err)
	}
	return nil
}

// onlyReady is the one condition that kroguard's controllers own.
func onlyReady(conditions []metav1.Condition) []metav1.Condition {
	var ready []metav1.Condition
	for i := range conditions {
		if conditions[i].Type == v1alpha1.ConditionReady {
			ready = append(ready, conditions[i])
		}
	}
	return ready
}

// conflictsOnly reports whether there is an error and all that are joined in it are conflicts.
func conflictsOnly(err error) bool {
	var joined interface{ Unwrap() []error }
	if errors.As(err, &joined) {
		for _, one := range joined.Unwrap() {
			if !conflictsOnly(one) {
				return false
			}
		}
		return true
	}
	return apierrors.IsConflict(err)
}
