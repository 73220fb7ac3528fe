package availability

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kroguard/kroguard/test/e2e/harness"
)

const eventually = 20 * time.Second

func TestWithoutKroguardNoInstanceGetsInAndEverythingElseWorks(t *testing.T) {
	k := replica(t, "outage")
	publish(t, rgd("outage", "kro.run", "Outage"), "outage")
	before := instance("kro.run", "Outage", "before", "small")
	if err := h.Client.Create(t.Context(), before); err != nil {
		t.Fatal(err)
	}
	takenUp(t, before)
	if err := k.Kill(); err != nil {
		t.Fatal(err)
	}

	if err := h.Client.Create(t.Context(), instance("kro.run", "Outage", "during", "small")); err == nil {
		t.Error("an instance was created unjudged")
	}
	patch := client.RawPatch("application/merge-patch+json", []byte(`{"spec":{"size":"huge"}}`))
	if err := h.Client.Patch(t.Context(), before.DeepCopy(), patch); err == nil {
		t.Error("an instance was changed unjudged")
	}
	config := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "elsewhere"}}
	if err := h.Client.Create(t.Context(), config); err != nil {
		t.Errorf("creating a ConfigMap: %v", err)
	}
	for _, namespace := range []string{"kube-system", harness.Namespace} {
		spared := instance("kro.run", "Outage", "spared", "small")
		spared.SetNamespace(namespace)
		if err := h.Client.Create(t.Context(), spared); err != nil {
			t.Errorf("in %s, which is never intercepted: %v", namespace, err)
		}
	}
	publishes(t, "kroguard's own kinds", noHuge+"---"+broken)
	publishes(t, "an RGD", rgd("during", "kro.run", "During"))
	publishes(t, "an RGD of a group without a rule", rgd("elsewhere", "elsewhere.example.com", "Elsewhere"))
	h.MustRun(t, "", "-n", "default", "delete", "outage", "before", "--timeout="+eventually.String())

	back := replica(t, "back")
	if err := firstRefusal(t.Context(), "elsewhere.example.com", "Elsewhere"); err != nil {
		t.Errorf("the first instance of a kind that was made during the outage: %v\n%s", err, back.LogTail())
	}
	harness.Eventually(t, eventually, func(ctx context.Context) error {
		return h.Client.Create(ctx, instance("kro.run", "Outage", "after", "small"))
	})
	countsByItsFailurePolicy(t)
	harness.Eventually(t, eventually, func(ctx context.Context) error {
		return h.Client.Create(ctx, instance("kro.run", "During", "after", "small"))
	})
}

// broken are two guardrails that don't compile. kroguard refuses such ones; these get in while it is down.
const broken = `
apiVersion: kroguard.io/v1alpha1
kind: Guardrail
metadata: {name: broken-closed}
spec:
  match: {names: ["closed-*"]}
  cel: {validations: [{expression: "object.spec.size ==", message: x}]}
---
apiVersion: kroguard.io/v1alpha1
kind: Guardrail
metadata: {name: broken-open}
spec:
  failurePolicy: Ignore
  match: {names: ["open-*"]}
  cel: {validations: [{expression: "object.spec.size ==", message: x}]}
`

// countsByItsFailurePolicy: a guardrail that got in although it does not compile shows it, and refuses what it applies to or not,
// as its failurePolicy says.
func countsByItsFailurePolicy(t *testing.T) {
	t.Helper()
	for _, name := range []string{"broken-closed", "broken-open"} {
		h.MustRun(t, "", "wait", "--for=condition=Ready=False", "--timeout="+eventually.String(), "guardrail/"+name)
		message := h.MustRun(t, "", "get", "guardrail", name, "-o", "jsonpath={.status.conditions[0].message}")
		if !strings.Contains(message, "line 1, column 20") {
			t.Errorf("the condition of %s has no line and column: %s", name, message)
		}
	}
	err := h.Client.Create(t.Context(), instance("kro.run", "Outage", "closed-1", "small"))
	if !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), "does not compile") {
		t.Errorf("failurePolicy Fail: got %v, want a refusal that says why", err)
	}
	if err := h.Client.Create(t.Context(), instance("kro.run", "Outage", "open-1", "small")); err != nil {
		t.Errorf("failurePolicy Ignore: %v", err)
	}
}

// publishes applies manifests, which must succeed.
func publishes(t *testing.T, what, manifests string) {
	t.Helper()
	answer, err := h.Run(t.Context(), manifests, "apply", "-f", "-")
	if err != nil {
		t.Fatal(err)
	}
	if !answer.OK {
		t.Errorf("applying %s: %s", what, answer.Text)
	}
}

// takenUp returns when kro has finalized and expanded the instance.
func takenUp(t *testing.T, object client.Object) {
	t.Helper()
	harness.Eventually(t, eventually, func(ctx context.Context) error {
		if err := h.Client.Get(ctx, client.ObjectKeyFromObject(object), object); err != nil {
			return err
		}
		if len(object.GetFinalizers()) == 0 {
			return fmt.Errorf("kro has not taken up %s", object.GetName())
		}
		return nil
	})
}

// TestASecondReplicaTakesOverWithNoFailedRequest lets requests go on while the first replica is asked to go.
func TestASecondReplicaTakesOverWithNoFailedRequest(t *testing.T) {
	first := replica(t, "first")
	publish(t, noHuge+"---"+rgd("takeover", "kro.run", "Takeover"), "takeover")
	replica(t, "second")

	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var sent, failed, unjudged atomic.Int64
	var workers sync.WaitGroup
	for worker := range 2 {
		workers.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				object := instance("kro.run", "Takeover", fmt.Sprintf("t-%d-%d", worker, n), "small")
				if err := h.Client.Create(context.WithoutCancel(ctx), object, client.DryRunAll); err != nil {
					failed.Add(1)
					t.Errorf("request %d: %v", n, err)
				}
				object = instance("kro.run", "Takeover", fmt.Sprintf("h-%d-%d", worker, n), "huge")
				if err := h.Client.Create(context.WithoutCancel(ctx), object, client.DryRunAll); !apierrors.IsForbidden(err) {
					unjudged.Add(1)
					t.Errorf("request %d got in unjudged: %v", n, err)
				}
				sent.Add(2)
			}
		})
	}
	atLeast := func(n int64) {
		for from := sent.Load(); sent.Load() < from+n && !t.Failed(); {
			time.Sleep(5 * time.Millisecond)
		}
	}
	atLeast(50)
	if err := first.Terminate(); err != nil {
		t.Error(err)
	}
	atLeast(100)
	stop()
	workers.Wait()
	t.Logf("%d requests, %d failed, %d unjudged", sent.Load(), failed.Load(), unjudged.Load())
}
