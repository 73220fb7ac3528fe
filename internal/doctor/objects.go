package doctor

import (
	"context"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	runtimeschema "k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kroguard/kroguard/internal/project"
	"github.com/kroguard/kroguard/policies/v1alpha1"
)

// endsSoon is when it is told that an exception ends: whoever needs it longer has a week to say so.
const endsSoon = 7 * 24 * time.Hour

func (e *examination) projects(ctx context.Context) (string, []Finding) {
	projects := &v1alpha1.ProjectList{}
	if err := e.Client.List(ctx, projects); err != nil {
		return "", []Finding{failure(err, access{verb: "list", resource: "projects.kroguard.io"})}
	}
	namespaces := &corev1.NamespaceList{}
	if err := e.Client.List(ctx, namespaces); err != nil {
		return "", []Finding{failure(err, access{verb: "list", resource: "namespaces"})}
	}
	knodex := &unstructured.UnstructuredList{}
	knodex.SetGroupVersionKind(runtimeschema.GroupVersionKind{Group: "knodex.io", Version: "v1alpha1", Kind: "ProjectList"})
	var findings []Finding
	if err := e.Client.List(ctx, knodex); err != nil && !absent(err) {
		findings = append(findings, failure(err, access{verb: "list", resource: "projects.knodex.io"}))
	}
	findings = append(findings, examineProjects(projects.Items, knodex.Items, namespaces.Items)...)
	return count(len(projects.Items)+len(knodex.Items), "project"), findings
}

// examineProjects resolves the namespaces anew: a status may be old, or nobody there to write it.
func examineProjects(projects []v1alpha1.Project, knodex []unstructured.Unstructured, namespaces []corev1.Namespace) []Finding {
	var findings []Finding
	var claims []*project.Claim
	for i := range projects {
		claim, problems := project.FromProject(&projects[i])
		claims = append(claims, claim)
		for _, one := range problems {
			findings = append(findings, problem("kubectl edit projects.kroguard.io "+projects[i].Name,
				"Project %s: %v", projects[i].Name, one))
		}
	}
	for i := range knodex {
		if claim, _, err := project.FromKnodex(knodex[i].Object); err == nil {
			claims = append(claims, claim)
		}
	}
	known := make([]project.Namespace, len(namespaces))
	for i := range namespaces {
		known[i] = project.Namespace{Name: namespaces[i].Name, Labels: namespaces[i].Labels}
	}
	index := project.NewIndex(claims, known)
	said := map[string]bool{}
	for _, one := range index.Projects() {
		for _, conflict := range index.Conflicts(one.Name) {
			if said[conflict.Namespace] {
				continue
			}
			said[conflict.Namespace] = true
			findings = append(findings, problem(
				fmt.Sprintf("let one of them alone claim it, or say which: kubectl label namespace %s %s=%s",
					conflict.Namespace, v1alpha1.LabelProject, conflict.Projects[0]),
				"namespace %s is claimed by projects %s: instances there are refused",
				conflict.Namespace, strings.Join(conflict.Projects, ", ")))
		}
	}
	for _, namespace := range known {
		if missing := index.Resolve(namespace.Name, namespace.Labels).Missing; missing != "" {
			findings = append(findings, problem(
				fmt.Sprintf("create the Project, or take the label away: kubectl label namespace %s %s-",
					namespace.Name, v1alpha1.LabelProject),
				"namespace %s is labeled for project %s, which is not there: instances there are refused", namespace.Name, missing))
		}
	}
	return findings
}

func (e *examination) guardrails(ctx context.Context) (string, []Finding) {
	list := &v1alpha1.GuardrailList{}
	if err := e.Client.List(ctx, list); err != nil {
		return "", []Finding{failure(err, access{verb: "list", resource: "guardrails.kroguard.io"})}
	}
	return count(len(list.Items), "guardrail"), examineGuardrails(list.Items, e.logs())
}

func examineGuardrails(guardrails []v1alpha1.Guardrail, logs string) []Finding {
	var findings []Finding
	for i := range guardrails {
		guardrail := &guardrails[i]
		show := fmt.Sprintf("kubectl edit guardrail %s; try it before with kroguard plan", guardrail.Name)
		ready := meta.FindStatusCondition(guardrail.Status.Conditions, v1alpha1.ConditionReady)
		switch {
		case ready == nil || guardrail.Status.ObservedGeneration < guardrail.Generation:
			findings = append(findings, warning("kroguard writes it within seconds while it runs: "+logs,
				"guardrail %s: its status does not tell yet whether it compiles", guardrail.Name))
			continue
		case ready.Status != metav1.ConditionTrue:
			findings = append(findings, problem(show, "guardrail %s: %s", guardrail.Name, ready.Message))
		}
		for _, doubt := range guardrail.Status.TypeChecking {
			findings = append(findings, warning(show, "guardrail %s: %s: %s", guardrail.Name, doubt.FieldRef, doubt.Warning))
		}
	}
	return findings
}

func (e *examination) exceptions(ctx context.Context) (string, []Finding) {
	list := &v1alpha1.GuardrailExceptionList{}
	if err := e.Client.List(ctx, list); err != nil {
		return "", []Finding{failure(err, access{verb: "list", resource: "guardrailexceptions.kroguard.io"})}
	}
	return count(len(list.Items), "exception"), examineExceptions(list.Items, e.Now())
}

func examineExceptions(exceptions []v1alpha1.GuardrailException, now time.Time) []Finding {
	var findings []Finding
	for i := range exceptions {
		exception := &exceptions[i]
		end := exception.Spec.ExpiresAt.UTC()
		ready := meta.FindStatusCondition(exception.Status.Conditions, v1alpha1.ConditionReady)
		switch left := end.Sub(now); {
		case ready != nil && ready.Reason == v1alpha1.ReasonInvalidSelector:
			findings = append(findings, warning("kubectl edit guardrailexception "+exception.Name,
				"exception %s: %s", exception.Name, ready.Message))
		case left <= 0:
			findings = append(findings, warning("kubectl delete guardrailexception "+exception.Name,
				"exception %s waives nothing since %s", exception.Name, end.Format(time.RFC3339)))
		case left < endsSoon:
			findings = append(findings, warning(
				fmt.Sprintf("let %s decide whether it is needed longer: kubectl edit guardrailexception %s",
					exception.Spec.ApprovedBy, exception.Name),
				"exception %s ends %s, in %s", exception.Name, end.Format(time.RFC3339), days(left)))
		}
	}
	return findings
}
