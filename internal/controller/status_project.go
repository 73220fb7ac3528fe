package controller

import (
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/kroguard/kroguard/internal/offering"
	"github.com/kroguard/kroguard/internal/project"
	"github.com/kroguard/kroguard/internal/review"
	"github.com/kroguard/kroguard/policies/v1alpha1"
)

const (
	// maxStatusNamespaces is the limit of the CRD for status.namespaces.
	maxStatusNamespaces = 100
	// maxNamedConflicts bounds the conflicts that a condition names one by one.
	maxNamedConflicts = 10
)

// projectStatus is the status of a project in a snapshot. What others write into the status stays.
func projectStatus(
	object *v1alpha1.Project, problems field.ErrorList, snapshot *review.Snapshot, now time.Time,
) v1alpha1.ProjectStatus {
	namespaces := snapshot.Projects.Namespaces(object.Name)
	status := *object.Status.DeepCopy()
	status.ObservedGeneration = object.Generation
	status.Namespaces = nil
	if len(namespaces) > 0 {
		status.Namespaces = slices.Clone(namespaces[:min(len(namespaces), maxStatusNamespaces)])
	}
	status.NamespaceCount = int32(len(namespaces)) //nolint:gosec // a cluster has not that many
	status.OfferingCount = countOfferings(snapshot, object.Name, namespaces)
	setReady(&status.Conditions, object.Generation, now, projectCondition(problems, snapshot.Projects.Conflicts(object.Name), len(namespaces)))
	return status
}

func projectCondition(problems field.ErrorList, conflicts []project.Conflict, namespaces int) metav1.Condition {
	switch {
	case len(problems) > 0:
		texts := make([]string, len(problems))
		for i, problem := range problems {
			texts[i] = problem.Error()
		}
		return metav1.Condition{
			Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonInvalidSelector, Message: strings.Join(texts, "\n"),
		}
	case len(conflicts) > 0:
		return metav1.Condition{
			Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonNamespaceConflict, Message: conflictMessage(conflicts),
		}
	default:
		return metav1.Condition{
			Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonResolved, Message: fmt.Sprintf("namespaces: %d", namespaces),
		}
	}
}

// conflictMessage names namespaces and claimants, and what to do.
func conflictMessage(conflicts []project.Conflict) string {
	named := make([]string, 0, maxNamedConflicts)
	for _, conflict := range conflicts[:min(len(conflicts), maxNamedConflicts)] {
		named = append(named, fmt.Sprintf("namespace %s is claimed by projects %s", conflict.Namespace, strings.Join(conflict.Projects, ", ")))
	}
	text := strings.Join(named, "; ")
	if more := len(conflicts) - maxNamedConflicts; more > 0 {
		text += fmt.Sprintf("; and %d more", more)
	}
	return text + ". Instances there are refused until one project alone claims it; the namespace label " +
		v1alpha1.LabelProject + " decides."
}

// countOfferings counts the catalog's offerings that the project may use in one of its namespaces at least.
func countOfferings(snapshot *review.Snapshot, name string, namespaces []string) int32 {
	owner := snapshot.Projects.ByName(name)
	count := int32(0)
	for _, o := range snapshot.Offerings.All() {
		if o.Catalog && usable(o, owner, namespaces, snapshot.Namespaces) {
			count++
		}
	}
	return count
}

// usable asks for each namespace only where the answer depends on it.
func usable(o *offering.Offering, owner *project.Project, namespaces []string, known map[string]*corev1.Namespace) bool {
	if o.NamespaceSelector == nil {
		_, ok := o.AllowedFor(owner, nil)
		return ok
	}
	return slices.ContainsFunc(namespaces, func(name string) bool {
		_, ok := o.AllowedFor(owner, known[name])
		return ok
	})
}
