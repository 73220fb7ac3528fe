package webhook

import (
	"bytes"
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admission/v1"

	"github.com/kroguard/kroguard/internal/labeling"
	"github.com/kroguard/kroguard/internal/review"
	"github.com/kroguard/kroguard/internal/review/reviewtest"
	"github.com/kroguard/kroguard/policies/v1alpha1"
)

func TestARefusalIsLoggedAndAudited(t *testing.T) {
	g := newGlass(t, newStore(t))
	response := mustPost(t, g.Validate(), reviewOf(t, developer, webApp(violating), ""))
	for _, want := range []string{
		"level=INFO", "msg=refused", "uid=u", "namespace=payments-dev", "name=shop", "user=jane", "operation=CREATE",
		`guardrails="[kroguard:enforced-labels`, "replica-limit trusted-images]",
	} {
		if !strings.Contains(g.log.String(), want) {
			t.Errorf("the log lacks %q: %s", want, g.log.String())
		}
	}
	for _, want := range []string{"kroguard:enforced-labels", "guardrail replica-limit: ", "guardrail trusted-images: "} {
		if denied := response.AuditAnnotations["denied"]; !strings.Contains(denied, want) {
			t.Errorf("the audit annotation lacks %q: %s", want, denied)
		}
	}
}

// TestNothingOfAnObjectIsLogged sends a marker wherever an object may have one, past all that logs, at the lowest level.
func TestNothingOfAnObjectIsLogged(t *testing.T) {
	const marker = "m4rk3r"
	failing := func(name string, policy v1alpha1.FailurePolicy, expression string) *v1alpha1.Guardrail {
		guardrail := &v1alpha1.Guardrail{}
		guardrail.Name, guardrail.Spec.FailurePolicy = name, policy
		guardrail.Spec.CEL = &v1alpha1.CELPolicy{Validations: []v1alpha1.CELValidation{{Expression: expression}}}
		return guardrail
	}
	const parses = "int(object.spec.image) > 0 && duration(object.spec.host) > duration('1s')"
	// A default that fails over what the object has.
	left := bytes.Replace(platform, []byte("logging: {level: info}"), []byte(`port: ${int(object.spec.image)}`), 1)
	store := review.NewStore()
	store.Publish(reviewtest.NewSnapshot(t, left, review.Settings{LabelKeys: labeling.DefaultKeys()},
		failing("ignored-int", v1alpha1.FailurePolicyIgnore, parses), failing("ignored-time", v1alpha1.FailurePolicyIgnore, "timestamp(object.spec.host) != null"),
		failing("ignored-key", v1alpha1.FailurePolicyIgnore, "object.spec.absent[object.spec.host] == 1"),
		failing("ignored-map", v1alpha1.FailurePolicyIgnore, "object.spec.logging[object.spec.host] == ''"),
		failing("failed", v1alpha1.FailurePolicyFail, parses),
	))
	object := strings.Replace(webApp("{image: m4rk3r, host: m4rk3r, replicas: 50, logging: {level: m4rk3r}, m4rk3r: m4rk3r}"), "metadata: {",
		"metadata: {annotations: {m4rk3r: m4rk3r, kroguard.io/injected: m4rk3r}, labels: {cost-center: m4rk3r}, ", 1)
	for name, change := range map[string]func(*admissionv1.AdmissionRequest){
		"refused": groups("developers"), "let in": groups(onCall),
	} {
		t.Run(name, func(t *testing.T) {
			g := newGlass(t, store)
			body := with(t, reviewOf(t, developer, object, strings.Replace(object, "replicas: 50", "replicas: 40", 1)), change)
			if audit := mustPost(t, g.Mutate(), with(t, reviewOf(t, developer, object, ""), change)).AuditAnnotations["left-out"]; !strings.Contains(audit, "spec.port (defaults): ") {
				t.Errorf("the audit annotation of what was left out: %q", audit)
			}
			if audit := mustPost(t, g.Validate(), body).AuditAnnotations["ignored"]; !strings.Contains(audit, "ignored-time: WebApp/shop: could not be evaluated: ") {
				t.Errorf("the audit annotation of what was ignored: %q", audit)
			}
			if _, err := post(g.Validate(), []byte(strings.Replace(string(body), `"spec":{`, `"spec":{m4rk3r`, 1))); err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(g.log.String(), "ignored-int") || !strings.Contains(g.log.String(), "could not be read") ||
				!strings.Contains(g.log.String(), "left out") || !strings.Contains(g.log.String(), "spec.cel.validations[0].expression") {
				t.Errorf("this test shows nothing: %s", g.log.String())
			}
			for line := range strings.Lines(g.log.String()) {
				if strings.Contains(line, marker) {
					t.Errorf("the log has what the object contains: %s", line)
				}
			}
		})
	}
}
