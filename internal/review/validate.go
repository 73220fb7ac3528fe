package review

import (
	"context"
	"fmt"
	"strings"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/authorization/authorizer"

	"github.com/kroguard/kroguard/internal/labeling"
	"github.com/kroguard/kroguard/policies"
	"github.com/kroguard/kroguard/policies/v1alpha1"
)

// The built-in rules, named like guardrails. A colon can't occur in the name of a Guardrail, so none can take their place and
// no exception waives them.
const (
	rulePrefix   = "kroguard:"
	ruleKind     = rulePrefix + "known-kind"
	ruleProject  = rulePrefix + "project"
	ruleOffering = rulePrefix + "allowed-offering"
	ruleLabels   = rulePrefix + "enforced-labels"
)

// IsRule reports whether a violation's guardrail is a built-in rule.
func IsRule(guardrail string) bool { return strings.HasPrefix(guardrail, rulePrefix) }

// Decision is the outcome of Validate.
type Decision struct {
	// Verdict has all violations, those of the built-in rules first.
	Verdict policies.Verdict
	// Warnings are for the user, one line each.
	Warnings []string
	// AuditAnnotations are for the API server's audit log; nil for none.
	AuditAnnotations map[string]string
}

// Validate judges the final state of an instance: that its offering is allowed here, that it has the labels which its project
// enforces, and every guardrail. It fails closed.
//
// What is being deleted is never judged, nor is an UPDATE that changes neither spec, labels nor annotations: a new guardrail
// doesn't wedge what runs. rights answers CEL's authorizer calls and may be nil; now is the time by which exceptions expire.
func (s *Snapshot) Validate(ctx context.Context, request *Request, rights authorizer.Authorizer, now time.Time) *Decision {
	decision := new(Decision)
	if request.deleting() {
		return decision
	}
	at := s.locate(request)
	if !request.changed(labeling.Follows(at.project, at.offering)) {
		return decision
	}
	if refusal, refused := at.refusal(s.Settings, request); refused {
		decision.Verdict.Denied = []policies.Violation{refusal}
		decision.annotate("denied", decision.Verdict.Denied)
		return decision
	}
	decision.Verdict.Denied = at.labelViolations(request)
	decision.add(s.Guardrails.Evaluate(ctx, at.input(s, request, rights), now))
	decision.explain(at, request)
	decision.annotate("ignored", decision.ignored(request))
	return decision
}

// refusal is the reason to refuse an instance whatever it contains: nobody can say what it is or whose it is, or it is not
// allowed here. Guardrails are not asked then, for they could not be told offering and project.
func (l location) refusal(settings Settings, request *Request) (policies.Violation, bool) {
	switch {
	case l.offering == nil:
		return builtIn(request, ruleKind, "", fmt.Sprintf("no ResourceGraphDefinition for %s is known: it was deleted, or kroguard can't read it",
			request.GroupVersionKind()), "apply the ResourceGraphDefinition, or wait until it is ready"), true
	case l.namespaceUnknown:
		return builtIn(request, ruleProject, "metadata.namespace", fmt.Sprintf("namespace %s is not known to kroguard yet",
			request.Admission.Namespace), "try again in a few seconds"), true
	case len(l.resolution.Conflict) > 0:
		return builtIn(request, ruleProject, "metadata.namespace", fmt.Sprintf("namespace %s is claimed by several projects with equal right: %s",
			request.Admission.Namespace, joinNames(l.resolution.Conflict)),
			"ask the platform team to make one of them more exact, or to label the namespace with "+v1alpha1.LabelProject), true
	case l.resolution.Missing != "":
		return builtIn(request, ruleProject, "metadata.namespace", fmt.Sprintf("namespace %s belongs to project %s, which does not exist",
			request.Admission.Namespace, l.resolution.Missing), "ask the platform team to create the Project, or to correct the namespace's label"), true
	case l.project == nil && settings.RequireProject && !l.byKro(settings, request):
		return builtIn(request, ruleProject, "metadata.namespace", fmt.Sprintf("%s belongs to no project, and instances need one here",
			where(request)), "ask the platform team for a project that owns it"), true
	}
	if l.byKro(settings, request) {
		return policies.Violation{}, false
	}
	if reason, ok := l.offering.AllowedFor(l.project, l.namespace); !ok {
		return builtIn(request, ruleOffering, "", reason, "choose an offering that is allowed here, or ask the platform team"), true
	}
	return policies.Violation{}, false
}

// labelViolations are the labels that must follow the project and don't. The mutating webhook writes them where they are
// absent, so what is found here was written by somebody, or got past a webhook that was down.
func (l location) labelViolations(request *Request) []policies.Violation {
	var violations []policies.Violation
	for _, conflict := range labeling.CheckEnforced(request.Object, l.project, l.offering) {
		found := "it is missing"
		if conflict.Got != "" {
			found = fmt.Sprintf("found %q", conflict.Got)
		}
		wanted := fmt.Sprintf("must be %q", conflict.Want)
		if conflict.Want == "" {
			wanted = "must be absent"
		}
		violations = append(violations, builtIn(request, ruleLabels, conflict.Field(),
			fmt.Sprintf("label %s %s here; %s", conflict.Key, wanted, found),
			"leave the label out: kroguard writes it"))
	}
	return violations
}

// add puts the guardrails' verdict behind what was found before.
func (d *Decision) add(verdict *policies.Verdict) {
	d.Verdict.Denied = append(d.Verdict.Denied, verdict.Denied...)
	d.Verdict.Warned = append(d.Verdict.Warned, verdict.Warned...)
	d.Verdict.Audited = append(d.Verdict.Audited, verdict.Audited...)
	d.Verdict.Waived = append(d.Verdict.Waived, verdict.Waived...)
	d.Verdict.Ignored = append(d.Verdict.Ignored, verdict.Ignored...)
}

// explain fills in warnings and audit annotations.
func (d *Decision) explain(at location, request *Request) {
	for i := range d.Verdict.Warned {
		d.Warnings = append(d.Warnings, d.Verdict.Warned[i].String())
	}
	if notice := at.offering.Deprecated; notice != "" && request.Admission.Operation == admissionv1.Create {
		d.Warnings = append(d.Warnings, fmt.Sprintf("offering %s is deprecated: %s", at.offering.Name, notice))
	}
	for i := range d.Verdict.Waived {
		waived := &d.Verdict.Waived[i]
		d.Warnings = append(d.Warnings, fmt.Sprintf("guardrail %s is waived by exception %s: %s", waived.Guardrail, waived.Exception, waived.Message))
	}
	d.annotate("denied", d.Verdict.Denied)
	d.annotate("warned", d.Verdict.Warned)
	d.annotate("audited", d.Verdict.Audited)
	d.annotate("waived", d.Verdict.Waived)
}

// ignored are the errors that failurePolicy ignores, as violations. The audit log alone has them: they may quote the object.
func (d *Decision) ignored(request *Request) []policies.Violation {
	failures := make([]policies.Violation, len(d.Verdict.Ignored))
	for i, failure := range d.Verdict.Ignored {
		failures[i] = policies.Violation{
			Guardrail: failure.Guardrail, Resource: instanceRef(request), Message: "could not be evaluated: " + failure.Err.Error(),
		}
	}
	return failures
}

// annotate records violations in the audit log. The API server prefixes the key with the webhook's name.
func (d *Decision) annotate(key string, violations []policies.Violation) {
	if len(violations) == 0 {
		return
	}
	if d.AuditAnnotations == nil {
		d.AuditAnnotations = make(map[string]string)
	}
	d.AuditAnnotations[key] = policies.Render(violations)
}

// Causes are the violations as details.causes of a Status.
func Causes(violations []policies.Violation) []metav1.StatusCause {
	causes := make([]metav1.StatusCause, len(violations))
	for i := range violations {
		causes[i] = metav1.StatusCause{
			Type:    metav1.CauseType(violations[i].Guardrail),
			Field:   violations[i].Field,
			Message: violations[i].String(),
		}
	}
	return causes
}

// builtIn is a violation of a built-in rule.
func builtIn(request *Request, rule, field, message, remediation string) policies.Violation {
	return policies.Violation{
		Guardrail: rule, Title: rule, Severity: v1alpha1.SeverityHigh, Action: v1alpha1.ActionDeny,
		Resource: instanceRef(request), Field: field, Message: message, Remediation: remediation,
	}
}

// instanceRef refers to the instance.
func instanceRef(request *Request) policies.ResourceRef {
	return policies.ResourceRef{
		APIVersion: request.GroupVersionKind().GroupVersion().String(),
		Kind:       request.Admission.Kind.Kind,
		Namespace:  request.Admission.Namespace,
		Name:       request.Admission.Name,
	}
}
