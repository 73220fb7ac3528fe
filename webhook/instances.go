package webhook

import (
	"cmp"
	"context"
	"net/http"
	"time"

	"github.com/go-logr/logr"
	admissionv1 "k8s.io/api/admission/v1"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/kroguard/kroguard/internal/review"
	"github.com/kroguard/kroguard/internal/telemetry"
	"github.com/kroguard/kroguard/policies"
)

// DefaultWait is how long a request waits for the caches when it names something that they don't know yet: an RGD or a namespace
// that was created milliseconds ago. It leaves time for the judgement itself within the API server's timeout of 5 s.
const DefaultWait = 3 * time.Second

// Instances judges kro instances.
type Instances struct {
	// Store holds the snapshot.
	Store *review.Store
	// Authorizer answers CEL's authorizer calls; nil has no opinion.
	Authorizer authorizer.Authorizer
	// Metrics counts what was decided; nil counts nothing.
	Metrics *telemetry.Admission
	// Log is told of refusals, and of what went wrong; the zero value discards.
	Log logr.Logger
	// Wait is how long a request waits for what the caches don't know yet; 0 stands for DefaultWait.
	Wait time.Duration
	// Now is the clock that exceptions expire by; nil is time.Now.
	Now func() time.Time
}

// Mutate returns the handler that injects defaults and labels. It fails open: what it can't do is left undone, for the
// validating webhook checks the final state.
func (i *Instances) Mutate() http.Handler {
	return &instanceHandler{
		handle: i.observed(telemetry.PhaseMutate, i.mutate),
		failed: func(error) admission.Response { return allow(nil) },
		log:    i.Log,
	}
}

// Validate returns the handler that judges the final state. It fails closed.
func (i *Instances) Validate() http.Handler {
	return &instanceHandler{
		handle: i.observed(telemetry.PhaseValidate, i.validate),
		failed: func(err error) admission.Response { return admission.Errored(http.StatusInternalServerError, err) },
		log:    i.Log,
	}
}

// observed measures what handle takes.
func (i *Instances) observed(
	phase telemetry.Phase, handle func(context.Context, *review.Request) admission.Response,
) func(context.Context, *review.Request) admission.Response {
	return func(ctx context.Context, request *review.Request) admission.Response {
		started := time.Now()
		response := handle(ctx, request)
		i.Metrics.Observe(phase, result(response), time.Since(started))
		return response
	}
}

func (i *Instances) mutate(ctx context.Context, request *review.Request) admission.Response {
	snapshot := i.await(ctx, request)
	if snapshot == nil {
		return allow(nil)
	}
	mutation := snapshot.Mutate(request)
	for _, skipped := range mutation.Skipped {
		i.Log.Info("a default or label was left out", "uid", request.Admission.UID,
			"source", skipped.Source, "field", skipped.Field, "reason", skipped.Reason)
	}
	response := allow(nil)
	response.Patches = mutation.Operations
	return response
}

func (i *Instances) validate(ctx context.Context, request *review.Request) admission.Response {
	snapshot := i.await(ctx, request)
	if snapshot == nil {
		return forbid("kroguard has not loaded its configuration yet: try again in a few seconds", nil)
	}
	decision := snapshot.Validate(ctx, request, i.Authorizer, i.now())
	i.record(request.Admission, &decision.Verdict)
	if !decision.Verdict.Allowed() {
		response := forbid(policies.Render(decision.Verdict.Denied), review.Causes(decision.Verdict.Denied))
		response.Warnings = decision.Warnings
		response.AuditAnnotations = decision.AuditAnnotations
		return response
	}
	response := allow(decision.Warnings)
	response.AuditAnnotations = decision.AuditAnnotations
	return response
}

// await returns the snapshot to review with, waiting a little where the current one doesn't know the request's kind or
// namespace yet.
func (i *Instances) await(ctx context.Context, request *review.Request) *review.Snapshot {
	// Hardly any request has to wait, so hardly any needs a timer.
	if current := i.Store.Load(); current != nil && current.Knows(request) {
		return current
	}
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(i.Wait, DefaultWait))
	defer cancel()
	return i.Store.Await(ctx, func(s *review.Snapshot) bool { return s.Knows(request) })
}

// record logs denials, and counts those that are no guardrail's, without any of the object's content.
func (i *Instances) record(req *admissionv1.AdmissionRequest, verdict *policies.Verdict) {
	for _, ignored := range verdict.Ignored {
		i.Log.Error(ignored.Err, "a guardrail could not be evaluated and is ignored by its failurePolicy",
			"uid", req.UID, "guardrail", ignored.Guardrail)
	}
	if verdict.Allowed() {
		return
	}
	guardrails := make([]string, len(verdict.Denied))
	for n := range verdict.Denied {
		guardrails[n] = verdict.Denied[n].Guardrail
		if review.IsRule(guardrails[n]) {
			i.Metrics.CountRule(guardrails[n])
		}
	}
	i.Log.Info("refused", "uid", req.UID, "operation", req.Operation, "kind", req.Kind.String(),
		"namespace", req.Namespace, "name", req.Name, "user", req.UserInfo.Username, "guardrails", guardrails)
}

func (i *Instances) now() time.Time {
	if i.Now == nil {
		return time.Now()
	}
	return i.Now()
}

// result names a response for metrics.
func result(response admission.Response) telemetry.Result {
	switch {
	case response.Result != nil && response.Result.Code == http.StatusBadRequest:
		return telemetry.ResultError
	case !response.Allowed:
		return telemetry.ResultDenied
	case len(response.Patches) > 0:
		return telemetry.ResultPatched
	default:
		return telemetry.ResultAllowed
	}
}
