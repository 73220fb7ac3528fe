package webhook

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	jsonpatch "github.com/evanphx/json-patch/v5"
	"github.com/google/go-cmp/cmp"

	"github.com/kroguard/kroguard/internal/review"
	"github.com/kroguard/kroguard/policies/v1alpha1"
)

// patched is the object of a review with the mutating webhook's patch applied by the library that the API server uses.
func patched(t *testing.T, instances *Instances, user, object, old string) map[string]any {
	t.Helper()
	response := mustPost(t, instances.Mutate(), reviewOf(t, user, object, old))
	if !response.Allowed {
		t.Fatalf("the mutating webhook refused: %v", response.Result)
	}
	result := asJSON(t, object)
	if response.Patch != nil {
		patch, err := jsonpatch.DecodePatch(response.Patch)
		if err != nil {
			t.Fatal(err)
		}
		if result, err = patch.Apply(result); err != nil {
			t.Fatal(err)
		}
	}
	var decoded map[string]any
	if err := json.Unmarshal(result, &decoded); err != nil {
		t.Fatal(err)
	}
	return decoded
}

func TestMutateInjectsDefaultsLabelsAndTheRecordOfThem(t *testing.T) {
	instances := &Instances{Store: newStore(t)}
	got := patched(t, instances, developer, webApp("{image: registry.example.com/shop:1, logging: {format: json}}"), "")
	want := map[string]any{
		"apiVersion": "kro.run/v1alpha1",
		"kind":       "WebApp",
		"metadata": map[string]any{
			"name": "shop", "namespace": "payments-dev",
			"labels": map[string]any{
				"app": "shop", "app.kubernetes.io/part-of": "payments", "cost-center": "CC-1", "department": "finance", "env": "dev",
				"kroguard.io/offering": "webapp", "kroguard.io/project": "payments", "owner": "payments-example.com", "team": "team-payments",
			},
			"annotations": map[string]any{
				"kroguard.io/created-by": developer,
				"kroguard.io/injected": `{"labels.app":"instance","labels.department":"project payments","labels.env":"namespace payments-dev",` +
					`"labels.owner":"project payments","labels.team":"project payments",` +
					`"labels[\"app.kubernetes.io/part-of\"]":"project payments","labels[\"cost-center\"]":"project payments",` +
					`"labels[\"kroguard.io/offering\"]":"offering webapp","labels[\"kroguard.io/project\"]":"project payments",` +
					`"spec.host":"defaults","spec.logging.level":"defaults","spec.replicas":"defaults.payments"}`,
			},
		},
		"spec": map[string]any{
			"image": "registry.example.com/shop:1", "replicas": float64(3), "host": "shop.payments.example.com",
			"logging": map[string]any{"format": "json", "level": "info"},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestMutateIsIdempotent(t *testing.T) {
	instances := &Instances{Store: newStore(t)}
	once := patched(t, instances, developer, webApp("{image: x}"), "")
	text, err := json.Marshal(once)
	if err != nil {
		t.Fatal(err)
	}
	response := mustPost(t, instances.Mutate(), reviewOf(t, developer, string(text), ""))
	if response.Patch != nil {
		t.Errorf("a second call patches again: %s", response.Patch)
	}
}

func TestValidateNamesEveryViolationAtOnceInA403(t *testing.T) {
	instances := &Instances{Store: newStore(t)}
	object := withLabels(webApp("{image: docker.io/shop, replicas: 50}"), "cost-center: CC-9, kroguard.io/project: payments, kroguard.io/offering: webapp")
	response := mustPost(t, instances.Validate(), reviewOf(t, developer, object, ""))
	if response.Allowed || response.Result.Code != 403 || response.Result.Reason != "Forbidden" {
		t.Fatalf("got %+v, want 403 Forbidden", response.Result)
	}
	var got []string
	for _, cause := range response.Result.Details.Causes {
		got = append(got, string(cause.Type)+" "+cause.Field)
		if !strings.Contains(response.Result.Message, cause.Message) {
			t.Errorf("the message lacks the cause %q: %s", cause.Message, response.Result.Message)
		}
	}
	want := []string{`kroguard:enforced-labels metadata.labels["cost-center"]`, "replica-limit .spec.replicas", "trusted-images .spec.image"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("causes (-want +got):\n%s", diff)
	}
	if response.AuditAnnotations["denied"] != response.Result.Message {
		t.Errorf("the audit annotation differs from the message: %q", response.AuditAnnotations["denied"])
	}
}

func TestWhatIsLeftAlone(t *testing.T) {
	const labels = "cost-center: CC-1, kroguard.io/project: payments, kroguard.io/offering: webapp"
	violating := withLabels(webApp("{image: docker.io/shop, replicas: 50}"), labels)
	deleted := strings.Replace(violating, "metadata: {", "metadata: {deletionTimestamp: \"2026-01-01T00:00:00Z\", ", 1)
	finalized := strings.Replace(violating, "metadata: {", "metadata: {finalizers: [kro.run/finalizer], ", 1)
	tests := map[string]struct{ user, object, old string }{
		"an update that changes nothing":               {developer, violating, violating},
		"an update of finalizers alone":                {kroUser, finalized, violating},
		"kro's labels and annotations":                 {kroUser, withLabels(violating, labels+", kro.run/owned: \"true\", applyset.kubernetes.io/id: x"), violating},
		"kubectl's copy of the manifest":               {developer, withAnnotation(violating, "kubectl.kubernetes.io/last-applied-configuration"), violating},
		"an object that is being deleted":              {developer, strings.Replace(deleted, "50", "60", 1), deleted},
		"a label that follows the project of a sudden": {developer, violating, withLabels(violating, "cost-center: CC-0, kroguard.io/project: payments, kroguard.io/offering: webapp")},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			instances := &Instances{Store: newStore(t)}
			response := mustPost(t, instances.Validate(), reviewOf(t, test.user, test.object, test.old))
			if !response.Allowed {
				t.Errorf("refused: %s", response.Result.Message)
			}
		})
	}
}

func TestWhatIsJudgedOnUpdate(t *testing.T) {
	const labels = "cost-center: CC-1, kroguard.io/project: payments, kroguard.io/offering: webapp"
	old := withLabels(webApp("{image: docker.io/shop}"), labels)
	for name, object := range map[string]string{
		"a change of spec":                    strings.Replace(old, "docker.io/shop", "docker.io/other", 1),
		"a new label":                         withLabels(old, labels+", mine: x"),
		"a removed label":                     withLabels(old, "cost-center: CC-1, kroguard.io/offering: webapp"),
		"a new annotation":                    withAnnotation(old, "example.com/x"),
		"the end of a suspended reconcile":    withAnnotation(old, "kro.run/reconcile"),
		"an annotation of a look-alike group": withAnnotation(old, "notkro.run/x"),
	} {
		t.Run(name, func(t *testing.T) {
			instances := &Instances{Store: newStore(t)}
			response := mustPost(t, instances.Validate(), reviewOf(t, developer, object, old))
			if response.Allowed {
				t.Error("admitted")
			}
		})
	}
}

func TestADeletionTimestampInAManifestIsNoWayRound(t *testing.T) {
	instances := &Instances{Store: newStore(t)}
	object := strings.Replace(webApp("{image: docker.io/shop}"), "metadata: {", "metadata: {deletionTimestamp: \"2026-01-01T00:00:00Z\", ", 1)
	if response := mustPost(t, instances.Validate(), reviewOf(t, developer, object, "")); response.Allowed {
		t.Error("created unjudged")
	}
	if response := mustPost(t, instances.Validate(), reviewOf(t, developer, object, webApp("{image: registry.example.com/shop}"))); response.Allowed {
		t.Error("updated unjudged")
	}
}

func TestBeforeTheFirstSnapshotMutateAdmitsAndValidateRefuses(t *testing.T) {
	instances := &Instances{Store: review.NewStore(), Wait: time.Millisecond}
	body := reviewOf(t, developer, webApp("{image: x}"), "")
	if response := mustPost(t, instances.Mutate(), body); !response.Allowed || response.Patch != nil {
		t.Errorf("mutate: got %+v, want it admitted unchanged", response)
	}
	if response := mustPost(t, instances.Validate(), body); response.Allowed || response.Result.Code != 403 {
		t.Errorf("validate: got %+v, want 403", response)
	}
}

func TestAnUnknownKindIsRefused(t *testing.T) {
	instances := &Instances{Store: newStore(t), Wait: time.Millisecond}
	body := []byte(strings.ReplaceAll(string(reviewOf(t, developer, webApp("{image: x}"), "")), "WebApp", "Unheard"))
	response := mustPost(t, instances.Validate(), body)
	if response.Allowed || !strings.Contains(response.Result.Message, "no ResourceGraphDefinition") {
		t.Errorf("got %+v, want a refusal that says why", response.Result)
	}
}

func TestAGuardrailThatDoesNotCompileTakesNothingElseDown(t *testing.T) {
	broken := &v1alpha1.Guardrail{}
	broken.Name = "broken"
	broken.Spec.CEL = &v1alpha1.CELPolicy{Validations: []v1alpha1.CELValidation{{Expression: "object.spec.("}}}
	instances := &Instances{Store: newStore(t, broken)}
	object := withLabels(webApp("{image: docker.io/x}"), "cost-center: CC-1, kroguard.io/project: payments, kroguard.io/offering: webapp")
	response := mustPost(t, instances.Validate(), reviewOf(t, developer, object, ""))
	for _, want := range []string{`guardrail "broken" does not compile`, "guardrail trusted-images"} {
		if !strings.Contains(response.Result.Message, want) {
			t.Errorf("the message lacks %q: %s", want, response.Result.Message)
		}
	}
}

// withLabels sets the labels of an instance that webApp made.
func withLabels(object, labels string) string {
	head, rest, _ := strings.Cut(object, "namespace: payments-dev")
	if at := strings.Index(rest, ", labels: {"); at == 0 {
		rest = rest[strings.Index(rest, "}}")+1:]
	}
	return head + "namespace: payments-dev, labels: {" + labels + "}" + rest
}

func withAnnotation(object, key string) string {
	return strings.Replace(object, "metadata: {", "metadata: {annotations: {"+key+": x}, ", 1)
}
