package webhook

import (
	"fmt"
	"slices"
	"strings"

	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/kroguard/kroguard/internal/review"
	"github.com/kroguard/kroguard/internal/truncate"
	"github.com/kroguard/kroguard/policies"
)

const (
	// breakGlassPrefix begins each warning.
	breakGlassPrefix = "kroguard: BREAK GLASS: "
	// auditBreakGlass is the key of the audit annotation.
	auditBreakGlass = "break-glass"
	// maxWarning is what an API server shows of a warning where there are many, and maxBreakGlassWarnings leaves room for others
	// within the 4096 characters that it shows in all (k8s.io/apiserver pkg/endpoints/filters/warning.go).
	maxWarning            = 256
	maxBreakGlassWarnings = 8
)

// breaksGlass reports whether the request's user is in the group. The groups are the API server's word: nothing of the object is
// asked.
func (i *Instances) breaksGlass(request *review.Request) bool {
	return i.BreakGlassGroup != "" && slices.Contains(request.Admission.UserInfo.Groups, i.BreakGlassGroup)
}

// breakGlass lets in what would have been refused, and tells everybody. failure is the reason where there is no verdict. The
// event and the log name guardrails only; what they say of the object is for the user and the audit log.
func (i *Instances) breakGlass(req *admissionv1.AdmissionRequest, decision *review.Decision, failure string) admission.Response {
	denied := decision.Verdict.Denied
	names := make([]string, 0, len(denied))
	for n := range denied {
		names = append(names, denied[n].Guardrail)
	}
	names = slices.Compact(names)
	past, details := strings.Join(names, ", "), policies.Render(denied)
	if failure != "" {
		past, details = "kroguard itself", failure
	}
	dryRun := ptr.Deref(req.DryRun, false)
	i.Log.Error(nil, "break glass: an instance was let in that would have been refused",
		append(about(req, names), "group", i.BreakGlassGroup, "dryRun", dryRun)...)
	if !dryRun {
		i.Metrics.CountBreakGlass()
		i.announce(req, past)
	}
	response := allow(append(breakGlassWarnings(denied, failure), decision.Warnings...))
	response.AuditAnnotations = decision.AuditAnnotations
	if response.AuditAnnotations == nil {
		response.AuditAnnotations = map[string]string{}
	}
	delete(response.AuditAnnotations, "denied")
	response.AuditAnnotations[auditBreakGlass] = fmt.Sprintf("user %q, group %q, past %s: %s",
		req.UserInfo.Username, i.BreakGlassGroup, past, details)
	return response
}

// announce makes an event regarding the instance, or its namespace where it has no name yet.
func (i *Instances) announce(req *admissionv1.AdmissionRequest, past string) {
	if i.Events == nil || req.Name+req.Namespace == "" {
		return
	}
	regarding := &corev1.ObjectReference{
		APIVersion: req.Kind.Group + "/" + req.Kind.Version, Kind: req.Kind.Kind, Namespace: req.Namespace, Name: req.Name,
	}
	if req.Name == "" {
		regarding = &corev1.ObjectReference{APIVersion: "v1", Kind: "Namespace", Namespace: req.Namespace, Name: req.Namespace}
	}
	note := fmt.Sprintf("%s by %q, of group %q, was let in and would have been refused by %s", req.Operation, req.UserInfo.Username,
		i.BreakGlassGroup, past)
	i.Events.Eventf(regarding, nil, corev1.EventTypeWarning, "BreakGlass", "Admit", "%s", truncate.Text(note, truncate.EventNote))
}

// breakGlassWarnings are one for each violation, as far as there is room.
func breakGlassWarnings(denied []policies.Violation, failure string) []string {
	const begin = breakGlassPrefix + "this would have been refused by "
	if failure != "" {
		return []string{truncate.Text(begin+"kroguard itself: "+strings.Join(strings.Fields(failure), " "), maxWarning)}
	}
	warnings := make([]string, 0, min(len(denied), maxBreakGlassWarnings)+1)
	for n := range denied {
		if n == maxBreakGlassWarnings {
			warnings = append(warnings, fmt.Sprintf("%sand by %d more", breakGlassPrefix, len(denied)-n))
			break
		}
		text := denied[n].String()
		if denied[n].Failed {
			text = "guardrail " + denied[n].Guardrail + ": " + text
		}
		warnings = append(warnings, truncate.Text(begin+text, maxWarning))
	}
	return warnings
}
