package samples

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kroguard/kroguard/test/controlplane"
	"github.com/kroguard/kroguard/test/e2e/harness"
)

// h is the control plane on which config/samples/platform is in force, set by TestMain before any test runs.
var h *harness.Harness

var webApp = schema.GroupVersionKind{Group: "kro.run", Version: "v1alpha1", Kind: "WebApp"}

const namespace = "payments-dev"

func TestMain(m *testing.M) {
	os.Exit(harness.Main(m, controlplane.Options{}, func(started *harness.Harness) error {
		h = started
		ctx := context.Background()
		if _, err := h.StartReadyKroguard(ctx, harness.KroguardOptions{}); err != nil {
			return err
		}
		if _, err := h.Kubectl(ctx, "apply", "-k", harness.File("config", "samples", "platform")); err != nil {
			return err
		}
		if _, err := h.Kubectl(ctx, "wait", "--for=condition=Ready", "--timeout=60s", "rgd/webapp"); err != nil {
			return err
		}
		_, err := h.Kubectl(ctx, "wait", "--for=condition=Ready", "--timeout=60s", "guardrails", "--all")
		return err
	}))
}

func TestInstanceGetsDefaultsAndLabelsAndBecomesADeployment(t *testing.T) {
	const name = "shop"
	h.MustRun(t, "", "apply", "-k", harness.File("config", "samples", "webapp"))

	instance := &unstructured.Unstructured{}
	instance.SetGroupVersionKind(webApp)
	key := client.ObjectKey{Namespace: namespace, Name: name}
	if err := h.Client.Get(t.Context(), key, instance); err != nil {
		t.Fatal(err)
	}
	wantSpec := map[string]any{"image": "registry.example.com/shop:1.4.2", "port": int64(8080), "replicas": int64(2)}
	if diff := cmp.Diff(wantSpec, instance.Object["spec"]); diff != "" {
		t.Errorf("spec (-want +got):\n%s", diff)
	}
	wantLabels := map[string]string{
		"app":                       name,
		"app.kubernetes.io/part-of": "payments",
		"cost-center":               "cc-4711",
		"department":                "finance",
		"env":                       "dev",
		"kroguard.io/offering":      "webapp",
		"kroguard.io/project":       "payments",
		"owner":                     "payments-example.com",
		"team":                      "team-payments",
	}
	got := instance.GetLabels()
	for key := range got {
		if strings.Contains(key, "kro.run/") || strings.HasPrefix(key, "applyset.") {
			delete(got, key) // kro's own
		}
	}
	if diff := cmp.Diff(wantLabels, got); diff != "" {
		t.Errorf("labels (-want +got):\n%s", diff)
	}

	harness.Eventually(t, 30*time.Second, func(ctx context.Context) error {
		var deployment appsv1.Deployment
		if err := h.Client.Get(ctx, key, &deployment); err != nil {
			return err
		}
		if replicas := deployment.Spec.Replicas; replicas == nil || *replicas != 2 {
			return fmt.Errorf("the Deployment has %v replicas", replicas)
		}
		return nil
	})
}

func TestGuardrailsAnswerAsTheirCommentsSay(t *testing.T) {
	cases := map[string]struct {
		name, image string
		replicas    int
		// refused and warned are parts of kubectl's answer; all must be in it.
		refused, warned []string
	}{
		"within every guardrail": {
			name: "good", image: "registry.example.com/good:1", replicas: 5,
		},
		"too many replicas and another registry, all named at once": {
			name: "bad", image: "docker.example.org/bad:1", replicas: 9,
			refused: []string{
				"replica-ceiling", "replicas is 9, at most 5 are allowed", "Ask for fewer replicas",
				"trusted-registry", `image "docker.example.org/bad:1" is not from registry.example.com/`,
			},
		},
		"no version warns": {
			name: "unpinned", image: "registry.example.com/unpinned", replicas: 1,
			warned: []string{"pinned-image", "the image names no version"},
		},
		"latest warns": {
			name: "latest", image: "registry.example.com/latest:latest", replicas: 1,
			warned: []string{"pinned-image", "the image names no version"},
		},
		"the exception lets checkout through, and says so": {
			name: "checkout", image: "registry.example.com/checkout:1", replicas: 9,
			warned: []string{"guardrail replica-ceiling is waived by exception checkout-load-test"},
		},
		"the exception is for no other guardrail": {
			name: "checkout", image: "docker.example.org/checkout:1", replicas: 9,
			refused: []string{"trusted-registry"},
			warned:  []string{"guardrail replica-ceiling is waived by exception checkout-load-test"},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			manifest := fmt.Sprintf(`{"apiVersion": "kro.run/v1alpha1", "kind": "WebApp",
				"metadata": {"name": %q, "namespace": %q}, "spec": {"image": %q, "replicas": %d}}`,
				c.name, namespace, c.image, c.replicas)
			answer, err := h.Run(t.Context(), manifest, "create", "--dry-run=server", "-f", "-")
			if err != nil {
				t.Fatal(err)
			}
			if err := check(answer, c.refused, c.warned); err != nil {
				t.Errorf("%v; kubectl said:\n%s", err, answer.Text)
			}
		})
	}
}

// check compares kubectl's answer with what it should have said.
func check(answer harness.Answer, refused, warned []string) error {
	if answer.OK != (len(refused) == 0) {
		return fmt.Errorf("accepted: %t, want %t", answer.OK, len(refused) == 0)
	}
	if got := strings.Contains(answer.Text, "Warning:"); got != (len(warned) > 0) {
		return fmt.Errorf("a warning: %t, want %t", got, len(warned) > 0)
	}
	var missing []error
	for _, part := range append(refused[:len(refused):len(refused)], warned...) {
		if !strings.Contains(answer.Text, part) {
			missing = append(missing, fmt.Errorf("missing %q", part))
		}
	}
	return errors.Join(missing...)
}
