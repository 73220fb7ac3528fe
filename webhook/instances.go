package webhook

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-logr/logr"
	admissionv1 "k8s.io/api/admission/v1"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/kroguard/kroguard/internal/review"
	"github.com/kroguard/kroguard/internal/telemetry"
	"github.com/kroguard/kroguard/internal/truncate"
	"github.com/kroguard/kroguard/policies"
	"github.com/kroguard/kroguard/policies/cel"
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
	// BreakGlassGroup is a group whose members' instances are let in whatever the verdict is; empty for none. Only what the API
	// server says of the user counts.
	BreakGlassGroup string
	// Events tells of instances that were let in so; nil tells nobody.
	Events events.EventRecorder
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
		failed: func(*review.Request, error) admission.Response { return allow(nil) },
		log:    i.Log,
	}
}

// Validate returns the handler that judges the final state. It fails closed, but for those who may break the glass.
func (i *Instances) Validate() http.Handler {
	return &instanceHandler{
		handle: i.observed(telemetry.PhaseValidate, i.validate),
		failed: func(request *review.Request, err error) admission.Response {
			if i.breaksGlass(request) {
				return i.breakGlass(request.Admission, new(review.Decision), err.Error())
			}
			return admission.Errored(http.StatusInternalServerError, err)
		},
		log: i.Log,
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
	response := allow(nil)
	for _, skipped := range mutation.Skipped {
		i.Log.Info("a default or label was left out", "uid", request.Admission.UID, "source", skipped.Source, "field", skipped.Field)
	}
	if len(mutation.Skipped) > 0 {
		response.AuditAnnotations = map[string]string{"left-out": reasons(mutation.Skipped)}
	}
	response.Patches = mutation.Operations
	return response
}

func (i *Instances) validate(ctx context.Context, request *review.Request) admission.Response {
	snapshot := i.await(ctx, request)
	if snapshot == nil {
		if i.breaksGlass(request) {
			return i.breakGlass(request.Admission, new(review.Decision), notLoaded)
		}
		return forbid(notLoaded, nil)
	}
	decision := snapshot.Validate(ctx, request, i.Authorizer, i.now())
	refused := i.record(request.Admission, &decision.Verdict)
	if len(refused) > 0 {
		if i.breaksGlass(request) {
			return i.breakGlass(request.Admission, decision, "")
		}
		i.Log.Info("refused", about(request.Admission, slices.Compact(refused))...)
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

// notLoaded is what is said before there is a snapshot.
const notLoaded = "kroguard has not loaded its configuration yet: try again in a few seconds"

// record logs guardrails that are ignored, counts violations that are no guardrail's, and yields the names of what denies, one
// for each violation.
func (i *Instances) record(req *admissionv1.AdmissionRequest, verdict *policies.Verdict) []string {
	for _, ignored := range verdict.Ignored {
		fields, err := loggable(ignored.Err)
		i.Log.Error(err, "a guardrail could not be evaluated and is ignored by its failurePolicy",
			"uid", req.UID, "guardrail", ignored.Guardrail, "fields", fields)
	}
	if verdict.Allowed() {
		return nil
	}
	guardrails := make([]string, len(verdict.Denied))
	for n := range verdict.Denied {
		guardrails[n] = verdict.Denied[n].Guardrail
		if review.IsRule(guardrails[n]) {
			i.Metrics.CountRule(guardrails[n])
		}
	}
	return guardrails
}

// errAudited stands for an error that may quote the object.
var errAudited = errors.New("the audit log says why")

// loggable are the fields of a guardrail that failed, where that is known, and what a log may have of the error. What does not
// compile has nothing of any object in it.
func loggable(err error) (fields []string, shown error) {
	if places, ok := errors.AsType[policies.CompileErrors](err); ok {
		return nil, places
	}
	if failed, ok := errors.AsType[cel.EvaluationErrors](err); ok {
		for _, one := range failed {
			fields = append(fields, one.Field)
		}
	} else if failed, ok := errors.AsType[cel.EvaluationError](err); ok {
		fields = []string{failed.Field}
	}
	return fields, errAudited
}

// reasons are why defaults and labels were left out, a line each. They may quote the object.
func reasons(skipped []review.Skipped) string {
	lines := make([]string, len(skipped))
	for n, one := range skipped {
		lines[n] = one.Field + " (" + one.Source + "): " + one.Reason
	}
	return truncate.Text(strings.Join(lines, "\n"), policies.MaxRenderBytes)
}

// about is what a log says of a request: nothing of what the object contains.
func about(req *admissionv1.AdmissionRequest, guardrails []string) []any {
	return []any{
		"uid", req.UID, "operation", req.Operation, "kind", req.Kind.String(), "namespace", req.Namespace, "name", req.Name,
		"user", req.UserInfo.Username, "guardrails", guardrails,
	}
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
