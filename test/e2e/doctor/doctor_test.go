package doctor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kroguard/kroguard/internal/registration"
	"github.com/kroguard/kroguard/test/e2e/harness"
)

func TestAHealthyInstallation(t *testing.T) {
	got := examine(t)
	differs(t, got, nil)
	for check, summary := range map[string]string{
		"api-server": "v1.3", "webhook-configurations": "2 rules for 1 RGD", "webhook-call": "kroguard answered through the API server in ",
		"certificate": "it is trusted, and valid until ", "kroguard-rights": "may do all that it must", "projects": "1 project",
		"guardrails": "1 guardrail", "exceptions": "0 exceptions", "replicas": "by URL", "kro-version": "no Deployment with the label",
	} {
		if !strings.Contains(got[check].Summary, summary) {
			t.Errorf("%s: %q lacks %q", check, got[check].Summary, summary)
		}
	}

	text, code := run(t)
	for _, part := range []string{"ok       webhook configurations  2 rules for 1 RGD\n", "\n14 checks: 2 skipped, 12 ok\n"} {
		if !strings.Contains(text, part) || code != 0 {
			t.Errorf("exit code %d, %q is missing in:\n%s", code, part, text)
		}
	}
	t.Log("\n" + text)
}

func TestNoAPIServer(t *testing.T) {
	file := h.KubeconfigPath()
	if _, code := run(t, "--kubeconfig", file, "--context", "nowhere"); code != 1 {
		t.Errorf("exit code %d for a context that is not there", code)
	}
	if out, code := run(t, "--kubeconfig", file, "--timeout", "0s"); code != 2 || out != "" {
		t.Errorf("exit code %d for a wrong flag: %s", code, out)
	}
}

func TestABrokenGuardrail(t *testing.T) {
	// Only while kroguard is not there is it let in.
	if err := k.Kill(); err != nil {
		t.Fatal(err)
	}
	h.MustRun(t, `
apiVersion: kroguard.io/v1alpha1
kind: Guardrail
metadata: {name: broken}
spec:
  cel:
    validations: [{expression: "object.spec.size ==", message: broken}]
`, "apply", "-f", "-")
	remove(t, "guardrail", "broken")
	start(t)
	harness.Eventually(t, eventually, func(context.Context) error {
		if got := examine(t); got["guardrails"].Status != "problem" {
			return fmt.Errorf("guardrails: %+v", got["guardrails"])
		}
		return nil
	})
	got := examine(t)
	differs(t, got, map[string]string{"guardrails": "problem"})
	says(t, got["guardrails"], "guardrail broken: the guardrail does not compile", "kubectl edit guardrail broken")
	says(t, got["guardrails"], "spec.cel.validations[0].expression", "kroguard plan")
	says(t, got["guardrails"], "line 1, column 20: ", "kubectl edit guardrail broken")
}

func TestConflictingProjects(t *testing.T) {
	h.MustRun(t, "apiVersion: kroguard.io/v1alpha1\nkind: Project\nmetadata: {name: pirates}\nspec: {owner: me, namespaces: {names: [payments-d*]}}\n",
		"apply", "-f", "-")
	remove(t, "project", "pirates")
	got := examine(t)
	differs(t, got, map[string]string{"projects": "problem"})
	says(t, got["projects"], "namespace payments-dev is claimed by projects payments, pirates", "kubectl label namespace payments-dev kroguard.io/project=payments")
}

func TestAnExceptionThatEnds(t *testing.T) {
	h.MustRun(t, fmt.Sprintf(`
apiVersion: kroguard.io/v1alpha1
kind: GuardrailException
metadata: {name: soon}
spec: {guardrails: [named-size], match: {namespaces: [payments-dev]}, expiresAt: %q, reason: until the season is over, approvedBy: jane}
`, time.Now().Add(50*time.Hour).UTC().Format(time.RFC3339)), "apply", "-f", "-")
	remove(t, "guardrailexception", "soon")
	got := examine(t)
	differs(t, got, map[string]string{"exceptions": "warning"})
	says(t, got["exceptions"], "in 2 days", "let jane decide")
}

func TestAUserWithoutRights(t *testing.T) {
	kubeconfig, err := h.KubeconfigFor("nobody-special")
	if err != nil {
		t.Fatal(err)
	}
	got := examine(t, "--kubeconfig", kubeconfig)
	want := map[string]string{"own-rights": "warning"}
	for _, check := range []string{"kinds", "kro", "webhook-configurations", "certificate", "webhook-call", "kroguard-rights", "projects", "guardrails", "exceptions"} {
		want[check] = "skipped"
	}
	differs(t, got, want)
	says(t, got["own-rights"], "you may not list namespaces, list resourcegraphdefinitions.kro.run, list projects.kroguard.io", "ask an administrator")
	says(t, got["webhook-call"], "you may not create guardrails.kroguard.io", "kubectl auth can-i create guardrails.kroguard.io")
}

func TestASecretThatMayNotBeRead(t *testing.T) {
	const role = "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: auditor}\nrules:\n" +
		"- {apiGroups: ['*'], resources: [namespaces, deployments, customresourcedefinitions, mutatingwebhookconfigurations, validatingwebhookconfigurations, resourcegraphdefinitions, guardrails, guardrailexceptions, projects, subjectaccessreviews], verbs: [get, list, create]}\n" +
		"---\napiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRoleBinding\nmetadata: {name: auditor}\n" +
		"roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: auditor}\nsubjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: auditor}]\n"
	h.MustRun(t, role, "apply", "-f", "-")
	kubeconfig, err := h.KubeconfigFor("auditor")
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]result
	harness.Eventually(t, eventually, func(context.Context) error {
		if got = examine(t, "--kubeconfig", kubeconfig); got["own-rights"].Status != "ok" {
			return errors.New("the rights are not there yet")
		}
		return nil
	})
	differs(t, got, map[string]string{"certificate": "skipped"})
	says(t, got["certificate"], "you may not get secrets in kroguard-system", "kubectl auth can-i get secrets -n kroguard-system")
}

func TestARightOfKroguardIsTakenAway(t *testing.T) {
	role := &rbacv1.ClusterRole{}
	if err := h.Client.Get(t.Context(), client.ObjectKey{Name: "kroguard"}, role); err != nil {
		t.Fatal(err)
	}
	whole := slices.Clone(role.Rules)
	role.Rules = slices.DeleteFunc(role.Rules, func(rule rbacv1.PolicyRule) bool { return slices.Contains(rule.Resources, "graphrevisions") })
	if err := h.Client.Update(t.Context(), role); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		role.Rules = whole
		if err := h.Client.Update(context.Background(), role); err != nil {
			t.Error(err)
		}
	})
	harness.Eventually(t, eventually, func(context.Context) error {
		if got := examine(t)["kroguard-rights"]; got.Status != "problem" {
			return fmt.Errorf("%+v", got)
		}
		return nil
	})
	got := examine(t)
	differs(t, got, map[string]string{"kroguard-rights": "problem"})
	says(t, got["kroguard-rights"], "system:serviceaccount:kroguard-system:kroguard may not list, watch graphrevisions.internal.kro.run",
		"kubectl apply --server-side -k config/rbac")
}

func TestKroguardIsKilled(t *testing.T) {
	kill(t)
	got := examine(t)
	differs(t, got, map[string]string{"webhook-call": "problem"})
	says(t, got["webhook-call"], "connection refused", "kubectl -n kroguard-system get pods,endpointslices")
}

func TestTheCABundleIsAnother(t *testing.T) {
	kill(t)
	configure(t, func(v *admissionregistrationv1.ValidatingWebhookConfiguration) {
		for i := range v.Webhooks {
			v.Webhooks[i].ClientConfig.CABundle = h.RESTConfig().CAData
		}
	})
	got := examine(t)
	differs(t, got, map[string]string{"webhook-call": "problem", "certificate": "problem"})
	says(t, got["certificate"], "the CA bundle does not verify the serving certificate", "kubectl -n kroguard-system delete secret kroguard-webhook-cert")
	if len(got["certificate"].Findings) != 1 {
		t.Errorf("the same is said %d times", len(got["certificate"].Findings))
	}
}

func TestARuleIsDeleted(t *testing.T) {
	kill(t)
	configure(t, func(v *admissionregistrationv1.ValidatingWebhookConfiguration) {
		for i := range v.Webhooks {
			if v.Webhooks[i].Name == registration.WebhookInstances {
				v.Webhooks[i].Rules = slices.DeleteFunc(v.Webhooks[i].Rules, func(rule admissionregistrationv1.RuleWithOperations) bool {
					return rule.APIGroups[0] == "shops.example.com"
				})
			}
		}
	})
	got := examine(t)
	differs(t, got, map[string]string{"webhook-call": "problem", "webhook-configurations": "problem"})
	says(t, got["webhook-configurations"], "has no rule for shops.shops.example.com: its instances are not judged", "rollout restart deployment")
	if len(got["webhook-configurations"].Findings) != 1 {
		t.Errorf("findings: %+v", got["webhook-configurations"].Findings)
	}
}

func TestTheConfigurationsAreDeleted(t *testing.T) {
	kill(t)
	h.MustRun(t, "", "delete", "mutatingwebhookconfiguration/kroguard", "validatingwebhookconfiguration/kroguard")
	got := examine(t)
	differs(t, got, map[string]string{"webhook-call": "problem", "webhook-configurations": "problem", "certificate": "skipped"})
	says(t, got["webhook-configurations"], "MutatingWebhookConfiguration kroguard is not there: instances get no defaults and no labels", "rollout restart")
	says(t, got["webhook-configurations"], "ValidatingWebhookConfiguration kroguard is not there: nothing is judged", "rollout restart")
	says(t, got["webhook-call"], "it is not told to, by the ValidatingWebhookConfiguration", "kubectl")
}

// Pods, Services and Deployments there are none here, so that their objects are written by hand.
func TestReplicasBehindAService(t *testing.T) {
	kill(t)
	service := &admissionregistrationv1.ServiceReference{Namespace: harness.Namespace, Name: "kroguard-webhook"}
	mutating := &admissionregistrationv1.MutatingWebhookConfiguration{}
	if err := h.Client.Get(t.Context(), client.ObjectKey{Name: registration.Name}, mutating); err != nil {
		t.Fatal(err)
	}
	mutating.Webhooks[0].ClientConfig.URL, mutating.Webhooks[0].ClientConfig.Service = nil, service.DeepCopy()
	mutating.Webhooks[0].ClientConfig.Service.Path = ptr.To(registration.PathMutateInstances)
	if err := h.Client.Update(t.Context(), mutating); err != nil {
		t.Fatal(err)
	}
	got := examine(t)
	differs(t, got, map[string]string{"webhook-call": "problem", "replicas": "problem"})
	says(t, got["replicas"], "nothing behind Service kroguard-system/kroguard-webhook is ready", "kubectl -n kroguard-system get pods")

	h.MustRun(t, `
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: by-hand, namespace: kroguard-system, labels: {kubernetes.io/service-name: kroguard-webhook}}
addressType: IPv4
endpoints: [{addresses: [10.0.0.1], conditions: {ready: true}}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: kro, namespace: kroguard-system, labels: {app.kubernetes.io/name: kro}}
spec:
  selector: {matchLabels: {app: kro}}
  template:
    metadata: {labels: {app: kro}}
    spec: {containers: [{name: kro, image: "registry.k8s.io/kro/kro:v0.8.0"}]}
`, "apply", "-f", "-")
	remove(t, "-n=kroguard-system", "endpointslice/by-hand", "deployment/kro")
	got = examine(t)
	differs(t, got, map[string]string{"webhook-call": "problem", "replicas": "ok", "kro-version": "warning"})
	says(t, got["kro-version"], "Deployment kroguard-system/kro runs kro 0.8.0; kroguard is tested with 0.9", "use kro 0.9")
}

// kill ends kroguard, and starts it again after the test.
func kill(t *testing.T) {
	t.Helper()
	if err := k.Kill(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { start(t) })
}

// remove deletes objects after the test.
func remove(t *testing.T, args ...string) {
	t.Helper()
	t.Cleanup(func() {
		if answer, err := h.Run(context.Background(), "", append([]string{"delete"}, args...)...); err != nil || !answer.OK {
			t.Errorf("%v: %s", err, answer.Text)
		}
	})
}

// start starts kroguard, which repairs what a test has broken.
func start(t *testing.T) {
	t.Helper()
	var err error
	if k, err = h.StartReadyKroguard(context.Background(), harness.KroguardOptions{}); err != nil {
		t.Fatal(err)
	}
}

// configure changes the validating configuration.
func configure(t *testing.T, change func(*admissionregistrationv1.ValidatingWebhookConfiguration)) {
	t.Helper()
	v := &admissionregistrationv1.ValidatingWebhookConfiguration{}
	if err := h.Client.Get(t.Context(), client.ObjectKey{Name: registration.Name}, v); err != nil {
		t.Fatal(err)
	}
	change(v)
	if err := h.Client.Update(t.Context(), v); err != nil {
		t.Fatal(err)
	}
}
