package webhook

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	admissionv1 "k8s.io/api/admission/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/utils/ptr"

	"github.com/kroguard/kroguard/internal/review"
	"github.com/kroguard/kroguard/internal/telemetry"
	"github.com/kroguard/kroguard/policies/v1alpha1"
)

const onCall = "on-call"

// event is one that was recorded.
type event struct {
	regarding               corev1.ObjectReference
	eventType, reason, note string
}

// recorded are events.
type recorded []event

func (r *recorded) Eventf(regarding, _ runtime.Object, eventType, reason, _, note string, args ...any) {
	*r = append(*r, event{*regarding.(*corev1.ObjectReference), eventType, reason, fmt.Sprintf(note, args...)})
}

// glass are instances whose glass may be broken, and what is told of it.
type glass struct {
	*Instances

	events   recorded
	log      bytes.Buffer
	registry *prometheus.Registry
}

func newGlass(t *testing.T, store *review.Store) *glass {
	t.Helper()
	g := &glass{registry: prometheus.NewRegistry()}
	metrics, err := telemetry.New(g.registry, nil)
	if err != nil {
		t.Fatal(err)
	}
	g.Instances = &Instances{
		Store: store, BreakGlassGroup: onCall, Events: &g.events, Metrics: metrics.Admission, Wait: time.Millisecond,
		Log: logr.FromSlogHandler(slog.NewTextHandler(&g.log, &slog.HandlerOptions{Level: slog.Level(-100)})),
	}
	return g
}

// used is how often the glass was broken, by the metric.
func (g *glass) used(t *testing.T) int {
	t.Helper()
	families, err := g.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() == "kroguard_break_glass_requests_total" {
			return int(family.GetMetric()[0].GetCounter().GetValue())
		}
	}
	t.Fatal("there is no metric")
	return 0
}

// with changes the request of a review.
func with(t *testing.T, body []byte, change func(*admissionv1.AdmissionRequest)) []byte {
	t.Helper()
	var sent admissionv1.AdmissionReview
	if err := json.Unmarshal(body, &sent); err != nil {
		t.Fatal(err)
	}
	change(sent.Request)
	body, err := json.Marshal(sent)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

func groups(names ...string) func(*admissionv1.AdmissionRequest) {
	return func(request *admissionv1.AdmissionRequest) { request.UserInfo.Groups = names }
}

// violating violates two guardrails and an enforced label.
const violating = "{image: docker.io/s3cr3t, replicas: 50}"

func TestBreakGlassLetsInAndTellsEverybody(t *testing.T) {
	g := newGlass(t, newStore(t))
	body := with(t, reviewOf(t, developer, webApp(violating), ""), groups("system:authenticated", onCall))
	response := mustPost(t, g.Validate(), body)
	if !response.Allowed {
		t.Fatalf("refused: %s", response.Result.Message)
	}
	var told int
	for _, warning := range response.Warnings {
		if strings.HasPrefix(warning, "kroguard: BREAK GLASS: this would have been refused by ") {
			told++
		}
	}
	warnings := strings.Join(response.Warnings, "\n")
	for _, want := range []string{"guardrail trusted-images: WebApp/shop", "guardrail replica-limit: ", "kroguard:enforced-labels"} {
		if !strings.Contains(warnings, want) {
			t.Errorf("no warning has %q: %s", want, warnings)
		}
	}
	if told < 3 {
		t.Errorf("%d warnings: %s", told, warnings)
	}
	if _, ok := response.AuditAnnotations["denied"]; ok {
		t.Error("the audit log says denied")
	}
	audit := response.AuditAnnotations["break-glass"]
	const past = "past kroguard:enforced-labels, replica-limit, trusted-images"
	for _, want := range []string{`user "jane", group "on-call", ` + past + ": ", "at most 5 replicas"} {
		if !strings.Contains(audit, want) {
			t.Errorf("the audit annotation lacks %q: %s", want, audit)
		}
	}
	want := event{
		corev1.ObjectReference{APIVersion: "kro.run/v1alpha1", Kind: "WebApp", Namespace: "payments-dev", Name: "shop"}, "Warning", "BreakGlass",
		`CREATE by "jane", of group "on-call", was let in and would have been refused by kroguard:enforced-labels, replica-limit, trusted-images`,
	}
	if len(g.events) != 1 || g.events[0] != want {
		t.Errorf("events: got %+v, want %+v", g.events, want)
	}
	if g.used(t) != 1 {
		t.Errorf("counted %d", g.used(t))
	}
	if log := g.log.String(); !strings.Contains(log, "level=ERROR") || !strings.Contains(log, "user=jane") ||
		!strings.Contains(log, "replica-limit trusted-images") || strings.Contains(log, "msg=refused") {
		t.Errorf("log: %s", log)
	}
	if log := g.log.String() + fmt.Sprint(g.events); strings.Contains(log, "s3cr3t") {
		t.Errorf("log or events have what the object contains: %s", log)
	}
}

func TestWhoDoesNotBreakTheGlass(t *testing.T) {
	plant := func(key string) string {
		return strings.Replace(webApp(violating), "metadata: {", "metadata: {"+key+": {groups: on-call, on-call: on-call, kroguard.io/break-glass: on-call}, ", 1)
	}
	tests := map[string]struct {
		group  string
		object string
		change func(*admissionv1.AdmissionRequest)
	}{
		"somebody of other groups":      {onCall, webApp(violating), groups("on-call-2", "ON-CALL", " on-call", "oncall")},
		"nobody, where it is off":       {"", webApp(violating), groups("", onCall)},
		"one whose name is the group's": {onCall, webApp(violating), func(r *admissionv1.AdmissionRequest) { r.UserInfo.Username = onCall }},
		"labels":                        {onCall, plant("labels"), groups("developers")},
		"annotations":                   {onCall, plant("annotations"), groups("developers")},
		"a user in the object": {
			onCall, webApp("{image: docker.io/x, userInfo: {groups: [on-call]}}") + "\nuserInfo: {groups: [on-call]}\nrequest: {userInfo: {groups: [on-call]}}",
			groups("developers"),
		},
		"a user in the options": {onCall, webApp(violating), func(r *admissionv1.AdmissionRequest) {
			r.Options.Raw = []byte(`{"userInfo":{"groups":["on-call"]},"groups":["on-call"]}`)
		}},
		"extra of the user": {onCall, webApp(violating), func(r *admissionv1.AdmissionRequest) {
			r.UserInfo.Extra = map[string]authenticationv1.ExtraValue{"groups": {onCall}}
		}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			g := newGlass(t, newStore(t))
			g.BreakGlassGroup = test.group
			response := mustPost(t, g.Validate(), with(t, reviewOf(t, developer, test.object, ""), test.change))
			if response.Allowed {
				t.Error("let in")
			}
			if g.used(t) != 0 || len(g.events) > 0 || response.AuditAnnotations["denied"] == "" {
				t.Errorf("counted %d, events %v, audit %v", g.used(t), g.events, response.AuditAnnotations)
			}
		})
	}
}

func TestAMemberWhoBreaksNothingIsNotTold(t *testing.T) {
	g := newGlass(t, newStore(t))
	object := withLabels(webApp("{image: registry.example.com/shop}"), "cost-center: CC-1, kroguard.io/project: payments, kroguard.io/offering: webapp")
	response := mustPost(t, g.Validate(), with(t, reviewOf(t, developer, object, ""), groups(onCall)))
	if !response.Allowed || len(response.Warnings) > 0 || len(response.AuditAnnotations) > 0 || len(g.events) > 0 || g.used(t) != 0 || g.log.Len() > 0 {
		t.Errorf("got %+v, events %v, counted %d, log %s", response, g.events, g.used(t), g.log.String())
	}
}

func TestBreakGlassInADryRunLeavesNothingBehind(t *testing.T) {
	g := newGlass(t, newStore(t))
	body := with(t, reviewOf(t, developer, webApp(violating), ""), func(r *admissionv1.AdmissionRequest) {
		r.UserInfo.Groups, r.DryRun = []string{onCall}, ptr.To(true)
	})
	response := mustPost(t, g.Validate(), body)
	if !response.Allowed || len(response.Warnings) == 0 || len(g.events) > 0 || g.used(t) != 0 {
		t.Errorf("got %+v, events %v, counted %d", response, g.events, g.used(t))
	}
}

// TestBreakGlassWhereKroguardItselfIsTheMatter has no snapshot, or panics over having no store.
func TestBreakGlassWhereKroguardItselfIsTheMatter(t *testing.T) {
	for name, store := range map[string]*review.Store{"no snapshot": review.NewStore(), "a panic": nil} {
		t.Run(name, func(t *testing.T) {
			g := newGlass(t, store)
			body := with(t, reviewOf(t, developer, webApp(violating), ""), groups(onCall))
			response := mustPost(t, g.Validate(), body)
			if !response.Allowed || len(response.Warnings) != 1 || g.used(t) != 1 || len(g.events) != 1 ||
				!strings.Contains(response.AuditAnnotations["break-glass"], "past kroguard itself: ") {
				t.Errorf("got %+v, events %v, counted %d", response, g.events, g.used(t))
			}
			if response := mustPost(t, g.Validate(), with(t, body, groups("developers"))); response.Allowed {
				t.Error("somebody else was let in")
			}
		})
	}
}

func TestAnEventIsOfTheNamespaceWhereThereIsNoName(t *testing.T) {
	g := newGlass(t, newStore(t))
	body := with(t, reviewOf(t, developer, webApp(violating), ""), func(r *admissionv1.AdmissionRequest) {
		r.UserInfo.Groups, r.Name = []string{onCall}, ""
	})
	mustPost(t, g.Validate(), body)
	want := corev1.ObjectReference{APIVersion: "v1", Kind: "Namespace", Namespace: "payments-dev", Name: "payments-dev"}
	if len(g.events) != 1 || g.events[0].regarding != want {
		t.Errorf("events: %+v", g.events)
	}
}

// TestBreakGlassWarningsHaveRoom is about what an API server cuts: 256 characters of one, 4096 of all.
func TestBreakGlassWarningsHaveRoom(t *testing.T) {
	guardrails := make([]*v1alpha1.Guardrail, 0, 30)
	for n := range cap(guardrails) {
		guardrail := &v1alpha1.Guardrail{}
		guardrail.Name = fmt.Sprintf("long-%02d", n)
		guardrail.Spec.CEL = &v1alpha1.CELPolicy{Validations: []v1alpha1.CELValidation{{Expression: "false", Message: strings.Repeat("ü", 500)}}}
		guardrails = append(guardrails, guardrail)
	}
	g := newGlass(t, newStore(t, guardrails...))
	response := mustPost(t, g.Validate(), with(t, reviewOf(t, developer, webApp(violating), ""), groups(onCall)))
	all := 0
	for _, warning := range response.Warnings {
		all += len(warning)
		if len(warning) > 256 || strings.ToValidUTF8(warning, "") != warning {
			t.Errorf("%d bytes: %s", len(warning), warning)
		}
	}
	if last := response.Warnings[len(response.Warnings)-1]; all > 3000 || !strings.HasSuffix(last, " more") {
		t.Errorf("%d bytes in all, the last is %q", all, last)
	}
	if note := g.events[0].note; len(note) > 1024 {
		t.Errorf("the event's note has %d bytes", len(note))
	}
}

func TestDenialsAreCountedNowhereElse(t *testing.T) {
	g := newGlass(t, newStore(t))
	mustPost(t, g.Validate(), with(t, reviewOf(t, developer, webApp(violating), ""), groups("developers")))
	if err := testutil.GatherAndCompare(g.registry, strings.NewReader(`
# HELP kroguard_break_glass_requests_total Requests that would have been refused and were let in for the group of --break-glass-group.
# TYPE kroguard_break_glass_requests_total counter
kroguard_break_glass_requests_total 0
`), "kroguard_break_glass_requests_total"); err != nil {
		t.Error(err)
	}
}
