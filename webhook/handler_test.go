package webhook

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	admissionv1 "k8s.io/api/admission/v1"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/kroguard/kroguard/internal/review"
)

// reference serves a judgement by controller-runtime's webhook.
func reference(judge func(context.Context, *review.Request) admission.Response) http.Handler {
	return &admission.Webhook{Handler: admission.HandlerFunc(func(ctx context.Context, req admission.Request) admission.Response {
		request, err := review.NewRequest(&req.AdmissionRequest)
		if err != nil {
			return admission.Errored(http.StatusBadRequest, err)
		}
		return judge(ctx, request)
	})}
}

const reviewHead = `{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":`

func TestAnswersAreThoseOfControllerRuntime(t *testing.T) {
	instances := &Instances{Store: newStore(t), Wait: time.Nanosecond}
	labels := "cost-center: CC-1, kroguard.io/project: payments, kroguard.io/offering: webapp"
	good := withLabels(webApp("{image: registry.example.com/shop:1, replicas: 3}"), labels)
	for name, body := range map[string][]byte{
		"a create":               reviewOf(t, developer, webApp("{image: registry.example.com/shop:1}"), ""),
		"an update":              reviewOf(t, developer, good, webApp("{image: registry.example.com/shop:0}")),
		"one without a change":   reviewOf(t, developer, good, good),
		"one that is admitted":   reviewOf(t, developer, good, ""),
		"one that is refused":    reviewOf(t, developer, webApp("{image: 'docker.io/<shop>&', replicas: 50}"), ""),
		"as an API server sends": realistic(t, false),
		"an update of the same":  realistic(t, true),
		"unknown fields":         []byte(reviewHead + `{"uid":"u","object":{"kind":"X"},"newField":[1]},"other":{}}`),
		"fields in other case":   []byte(reviewHead + `{"UID":"v","uid":"u","Object":1,"object":{"kind":"X"}}}`),
		"large integers":         bytes.Replace(realistic(t, false), []byte(`"replicas":3`), []byte(`"replicas":9007199254740993`), 1),
		"fractions":              bytes.Replace(realistic(t, false), []byte(`"replicas":3`), []byte(`"replicas":3.0`), 1),
		"no object":              []byte(reviewHead + `{"uid":"u"}}`),
		"object null":            []byte(reviewHead + `{"uid":"u","object":null}}`),
	} {
		t.Run(name, func(t *testing.T) {
			for phase, handlers := range map[string][2]http.Handler{
				"mutate":   {reference(instances.mutate), instances.Mutate()},
				"validate": {reference(instances.validate), instances.Validate()},
			} {
				want, got := send(handlers[0], body), send(handlers[1], body)
				if diff := cmp.Diff(strings.TrimSpace(want.Body.String()), got.Body.String()); diff != "" {
					t.Errorf("%s (-controller-runtime +kroguard):\n%s", phase, diff)
				}
				if got.Code != http.StatusOK || got.Header().Get("Content-Type") != "application/json" {
					t.Errorf("%s: HTTP status %d, headers %v", phase, got.Code, got.Header())
				}
			}
		})
	}
}

func TestWhatIsNoAdmissionReviewIsRefusedWithAReason(t *testing.T) {
	instances := &Instances{Store: newStore(t), Wait: time.Nanosecond}
	tests := map[string]struct {
		body, mediaType string
		code            int32
		uid             string
		message         string
	}{
		"nothing":                 {"", "application/json", 400, "", "the body is empty"},
		"no JSON":                 {"a: b", "application/json", 400, "", "the body is no admission review: invalid character"},
		"something behind it":     {reviewHead + "{}}{}", "application/json", 400, "", "the body is no admission review: invalid character"},
		"another media type":      {reviewHead + "{}}", "application/yaml", 400, "", "contentType=application/yaml, expected application/json"},
		"another kind":            {`{"apiVersion":"v1","kind":"Pod"}`, "application/json", 400, "", `the body is apiVersion "v1", kind "Pod", expected "admission.k8s.io/v1", "AdmissionReview"`},
		"another version":         {`{"apiVersion":"admission.k8s.io/v1beta1","kind":"AdmissionReview","request":{"uid":"u"}}`, "application/json", 400, "u", `the body is apiVersion "admission.k8s.io/v1beta1"`},
		"no request":              {`{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview"}`, "application/json", 400, "", "the admission review has no request"},
		"an object that is none":  {reviewHead + `{"uid":"u","object":[]}}`, "application/json", 400, "u", "request.object is no JSON object"},
		"an old object that is…":  {reviewHead + `{"uid":"u","object":{},"oldObject":1}}`, "application/json", 400, "u", "request.oldObject is no JSON object"},
		"a field of another type": {reviewHead + `{"uid":"u","object":{},"name":1}}`, "application/json", 400, "u", "the body is no admission review: json: cannot unmarshal number"},
		"nested without end":      {strings.Repeat("[", 100_000), "application/json", 400, "", "exceeded max depth"},
		"too much":                {reviewHead + strings.Repeat(" ", maxBodyBytes), "application/json", 413, "", "the body has more than 7340032 bytes"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			for _, handler := range []http.Handler{instances.Mutate(), instances.Validate()} {
				request := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader(test.body))
				request.Header.Set("Content-Type", test.mediaType)
				response := mustServe(t, handler, request)
				if response.Allowed || response.Result.Code != test.code || string(response.UID) != test.uid ||
					!strings.Contains(response.Result.Message, test.message) {
					t.Errorf("got uid %q, %+v", response.UID, response.Result)
				}
			}
		})
	}
}

func TestABodyThatBreaksOffIsRefused(t *testing.T) {
	request := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", io.MultiReader(strings.NewReader("{"), broken{}))
	request.Header.Set("Content-Type", "application/json")
	response := mustServe(t, (&Instances{Store: newStore(t)}).Validate(), request)
	if response.Allowed || response.Result.Message != "reading the body: broken off" {
		t.Errorf("got %+v", response.Result)
	}
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errors.New("broken off") }

// A panic is the error of one request: what injects fails open, what judges fails closed, and the next request is served.
func TestAPanicIsAnErrorOfItsRequestAlone(t *testing.T) {
	panics := true
	instances := &Instances{Store: newStore(t), Now: func() time.Time {
		if panics {
			panic("bug")
		}
		return time.Now()
	}}
	validate := instances.Validate()
	response := mustPost(t, validate, realistic(t, false))
	if response.Allowed || response.Result.Code != 500 || response.Result.Message != "panic: bug [recovered]" || response.UID == "" {
		t.Errorf("validate: got uid %q, %+v", response.UID, response.Result)
	}
	panics = false
	if response := mustPost(t, validate, realistic(t, false)); !response.Allowed {
		t.Errorf("afterwards: %+v", response.Result)
	}

	instances = &Instances{Store: nil}
	if response := mustPost(t, instances.Mutate(), realistic(t, false)); !response.Allowed || response.Patch != nil || response.UID == "" {
		t.Errorf("mutate: got %+v", response)
	}
}

// Buffers go from one request to the next: nothing of an earlier body may be left in what was decoded from it.
func TestWhatWasDecodedOutlivesItsBuffer(t *testing.T) {
	var kept []*review.Request
	handler := &instanceHandler{handle: func(_ context.Context, request *review.Request) admission.Response {
		kept = append(kept, request)
		return allow(nil)
	}}
	first, second := realistic(t, true), bytes.ReplaceAll(realistic(t, true), []byte("e"), []byte("o"))
	mustPost(t, handler, first)
	want, _, err := decodeReview(bytes.Clone(first))
	if err != nil {
		t.Fatal(err)
	}
	send(handler, second)
	if diff := cmp.Diff(want, kept[0]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// The whole of a request but its judgement must cost less than the floor, which is what controller-runtime takes to answer at all.
func TestServingAllocatesLessThanTheFloorAndTheDecodedObject(t *testing.T) {
	if testing.CoverMode() != "" {
		t.Skip("coverage counts")
	}
	body := realistic(t, false)
	nothing := func(context.Context, *review.Request) admission.Response { return allow(nil) }
	allocs := func(handler http.Handler) float64 {
		return testing.AllocsPerRun(20, func() { send(handler, body) })
	}
	floor := allocs(&admission.Webhook{Handler: admission.HandlerFunc(func(context.Context, admission.Request) admission.Response { return allow(nil) })})
	object := testing.AllocsPerRun(20, func() {
		if _, err := review.NewRequest(&admissionv1.AdmissionRequest{Object: rawObject(realisticInstance())}); err != nil {
			t.Fatal(err)
		}
	})
	if got := allocs(&instanceHandler{handle: nothing}); got > floor+object {
		t.Errorf("%v allocations; the floor has %v, the object alone %v", got, floor, object)
	}
}
