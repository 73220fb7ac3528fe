package chart

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kroguard/kroguard/policies/v1alpha1"
	"github.com/kroguard/kroguard/test/e2e/harness"
)

// TestLifecycle goes through an installation's life, each step with requests that none may be refused.
func TestLifecycle(t *testing.T) {
	audited := auditFromNow(t)
	out := mustHelm(t, append([]string{"install", release, chartDir(), "-n", harness.Namespace, "--create-namespace"}, onThisMachine(t, nil)...)...)
	if want := "rollout status deployment/kroguard"; !strings.Contains(out, want) {
		t.Errorf("the notes don't say %q:\n%s", want, out)
	}
	h.MustRun(t, malformed, "apply", "-f", "-")
	first := pod(t, "first")
	registered(t)
	if err := h.Publish(t.Context(), platform, "greeting"); err != nil {
		t.Fatal(err)
	}
	harness.Eventually(t, eventually, judges)
	t.Run("the ClusterRole owns what kroguard makes", theClusterRoleOwns)
	t.Run("permissions are those that are used", func(t *testing.T) { permissionsAreThoseThatAreUsed(t, first, audited) })

	upgrading := startLoad(t.Context())
	mustHelm(t, append([]string{"upgrade", release, chartDir(), "-n", harness.Namespace}, onThisMachine(t, map[string]string{"logs.level": "debug"})...)...)
	second := pod(t, "second")
	terminate(t, first)
	upgrading.End(t, "upgrade")

	rolling := startLoad(t.Context())
	mustHelm(t, "rollback", release, "1", "-n", harness.Namespace)
	third := pod(t, "third")
	terminate(t, second)
	rolling.End(t, "rollback")
	harness.Eventually(t, eventually, judges)

	leaving := startLoad(t.Context())
	mustHelm(t, "uninstall", release, "-n", harness.Namespace)
	terminate(t, third) // which the kubelet does when the Deployment is deleted
	gone(t)
	leaving.End(t, "uninstall")
	t.Run("what stays behind blocks nothing", staysBehind)

	again := startLoad(t.Context())
	mustHelm(t, append([]string{"install", release, chartDir(), "-n", harness.Namespace}, onThisMachine(t, nil)...)...)
	pod(t, "fourth")
	registered(t)
	harness.Eventually(t, eventually, judges)
	again.End(t, "reinstallation")
	t.Run("the ClusterRole owns what kroguard makes", theClusterRoleOwns)
}

func terminate(t *testing.T, k *harness.Kroguard) {
	t.Helper()
	if err := k.Terminate(); err != nil {
		t.Error(err)
	}
}

// objects that kroguard makes at run time, and nobody else.
func made() []client.Object {
	mutating, validating, secret := new(admissionregistrationv1.MutatingWebhookConfiguration),
		new(admissionregistrationv1.ValidatingWebhookConfiguration), new(corev1.Secret)
	mutating.Name, validating.Name = "kroguard", "kroguard"
	secret.Namespace, secret.Name = harness.Namespace, "kroguard-webhook-cert"
	return []client.Object{mutating, validating, secret}
}

// registered returns when kroguard has written the webhook configurations.
func registered(t *testing.T) {
	t.Helper()
	started := time.Now()
	harness.Eventually(t, eventually, func(ctx context.Context) error {
		for _, object := range made() {
			if err := h.Client.Get(ctx, client.ObjectKeyFromObject(object), object); err != nil {
				return err
			}
		}
		return nil
	})
	t.Logf("registered %s after readiness", time.Since(started).Round(time.Millisecond))
}

// gone returns when the garbage collector has removed them.
func gone(t *testing.T) {
	t.Helper()
	harness.Eventually(t, eventually, func(ctx context.Context) error {
		for _, object := range made() {
			switch err := h.Client.Get(ctx, client.ObjectKeyFromObject(object), object); {
			case err == nil:
				return fmt.Errorf("%T %s is still there", object, object.GetName())
			case !apierrors.IsNotFound(err):
				return err
			}
		}
		return nil
	})
}

// judges returns nil when a bad instance is refused, and a good one gets its default, its label and its ConfigMap.
func judges(ctx context.Context) error {
	err := h.Client.Create(ctx, greeting("many", 10), client.DryRunAll)
	if !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), "too many copies") {
		return fmt.Errorf("a bad instance: got %w, want a refusal", orNone(err))
	}
	good := greeting("few", 2)
	if err := h.Client.Create(ctx, good, client.DryRunAll); err != nil {
		return err
	}
	spec, _ := good.Object["spec"].(map[string]any)
	if spec["text"] != "hello" || good.GetLabels()["team"] != "team-a" {
		return fmt.Errorf("default and label are missing: %v", good.Object)
	}
	return nil
}

func orNone(err error) error {
	if err == nil {
		return errors.New("no error")
	}
	return err
}

func theClusterRoleOwns(t *testing.T) {
	role := &rbacv1.ClusterRole{}
	if err := h.Client.Get(t.Context(), client.ObjectKey{Name: "kroguard"}, role); err != nil {
		t.Fatal(err)
	}
	all := made()
	for _, object := range all {
		if err := h.Client.Get(t.Context(), client.ObjectKeyFromObject(object), object); err != nil {
			t.Fatal(err)
		}
	}
	mutating, validating, secret := all[0], all[1], all[2]
	for _, c := range []struct{ owned, owner client.Object }{{mutating, validating}, {validating, role}, {secret, role}} {
		owners := c.owned.GetOwnerReferences()
		if len(owners) != 1 || owners[0].UID != c.owner.GetUID() {
			t.Errorf("%T: owners %+v, want %T with UID %s", c.owned, owners, c.owner, c.owner.GetUID())
		}
	}
}

// staysBehind: the CRDs and the platform team's objects stay, and instances are free.
func staysBehind(t *testing.T) {
	var guardrails v1alpha1.GuardrailList
	if err := h.Client.List(t.Context(), &guardrails); err != nil {
		t.Fatal(err)
	}
	if len(guardrails.Items) != 1 {
		t.Errorf("%d guardrails stayed, want 1", len(guardrails.Items))
	}
	if err := h.Client.Create(t.Context(), greeting("free", 10)); err != nil {
		t.Errorf("an instance after the uninstall: %v", err)
	}
	answer, err := h.Run(t.Context(), "", "get", "all,secrets,roles,rolebindings,networkpolicies,poddisruptionbudgets,priorityclasses,clusterroles,"+
		"clusterrolebindings,mutatingwebhookconfigurations,validatingwebhookconfigurations",
		"-A", "-o", "name", "-l", "app.kubernetes.io/name=kroguard")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff("", answer.Text); diff != "" {
		t.Errorf("left behind (-want +got):\n%s", diff)
	}
}
