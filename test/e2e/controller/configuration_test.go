package controller

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	runtimeschema "k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kroguard/kroguard/test/controlplane"
	"github.com/kroguard/kroguard/test/e2e/harness"
)

// ownedCRD is a CRD as kro generates it. No RGD announces it.
func ownedCRD(group, plural string) *apiextensionsv1.CustomResourceDefinition {
	return &apiextensionsv1.CustomResourceDefinition{
		ObjectMeta: metav1.ObjectMeta{
			Name: plural + "." + group, Labels: map[string]string{"kro.run/owned": "true"},
			Annotations: map[string]string{"api-approved.kubernetes.io": "unapproved, a test"},
		},
		Spec: apiextensionsv1.CustomResourceDefinitionSpec{
			Group: group, Scope: apiextensionsv1.NamespaceScoped,
			Names: apiextensionsv1.CustomResourceDefinitionNames{
				Plural: plural, Singular: strings.TrimSuffix(plural, "s"), Kind: strings.ToUpper(plural[:1]) + plural[1:len(plural)-1],
			},
			Versions: []apiextensionsv1.CustomResourceDefinitionVersion{{
				Name: "v1", Served: true, Storage: true,
				Schema: &apiextensionsv1.CustomResourceValidation{OpenAPIV3Schema: &apiextensionsv1.JSONSchemaProps{
					Type: "object", XPreserveUnknownFields: ptr.To(true),
				}},
			}},
		},
	}
}

func TestConfigurationsAreRestored(t *testing.T) {
	tests := []struct {
		name string
		harm func(*testing.T, *admissionregistrationv1.MutatingWebhookConfiguration, *admissionregistrationv1.ValidatingWebhookConfiguration) error
	}{
		{
			name: "the validating one is deleted",
			harm: func(t *testing.T, _ *admissionregistrationv1.MutatingWebhookConfiguration, v *admissionregistrationv1.ValidatingWebhookConfiguration) error {
				return h.Client.Delete(t.Context(), v)
			},
		},
		{
			name: "the mutating one is deleted",
			harm: func(t *testing.T, m *admissionregistrationv1.MutatingWebhookConfiguration, _ *admissionregistrationv1.ValidatingWebhookConfiguration) error {
				return h.Client.Delete(t.Context(), m)
			},
		},
		{
			name: "the validating one is opened",
			harm: func(t *testing.T, _ *admissionregistrationv1.MutatingWebhookConfiguration, v *admissionregistrationv1.ValidatingWebhookConfiguration) error {
				v.Webhooks[0].FailurePolicy = ptr.To(admissionregistrationv1.Ignore)
				return h.Client.Update(t.Context(), v)
			},
		},
		{
			name: "all rules and the CA bundle are taken away",
			harm: func(t *testing.T, m *admissionregistrationv1.MutatingWebhookConfiguration, _ *admissionregistrationv1.ValidatingWebhookConfiguration) error {
				m.Webhooks = nil
				return h.Client.Update(t.Context(), m)
			},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			wantMutating, wantValidating, err := configurations(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if err := test.harm(t, wantMutating.DeepCopy(), wantValidating.DeepCopy()); err != nil {
				t.Fatal(err)
			}
			harness.Eventually(t, eventually, func(ctx context.Context) error {
				mutating, validating, err := configurations(ctx)
				if err != nil {
					return err
				}
				diff := cmp.Diff(wantMutating.Webhooks, mutating.Webhooks) + cmp.Diff(wantValidating.Webhooks, validating.Webhooks)
				if diff != "" {
					return fmt.Errorf("webhooks (-before +now):\n%s", diff)
				}
				return nil
			})
		})
	}
}

func TestARuleIsThereWhenTheAPIServerAcceptsTheCRD(t *testing.T) {
	for i := range 5 {
		group := fmt.Sprintf("g%d.crd.example.com", i)
		if err := h.Client.Create(t.Context(), ownedCRD(group, "things")); err != nil {
			t.Fatal(err)
		}
		if !registered(t, runtimeschema.GroupResource{Group: group, Resource: "things"}) {
			t.Fatalf("CRD things.%s was let in without a rule", group)
		}
	}
}

func TestADryRunOfACRDWritesNoRule(t *testing.T) {
	if err := h.Client.Create(t.Context(), ownedCRD("dry.example.com", "things"), client.DryRunAll); err != nil {
		t.Fatal(err)
	}
	if registered(t, runtimeschema.GroupResource{Group: "dry.example.com", Resource: "things"}) {
		t.Error("a dry run wrote a rule")
	}
}

func TestACRDInAGroupOfKubernetesIsRefused(t *testing.T) {
	err := h.Client.Create(t.Context(), ownedCRD("widgets.k8s.io", "things"))
	if !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), "choose another one for spec.schema.group") {
		t.Errorf("CRD in widgets.k8s.io: %v", err)
	}
}

func TestARuleForANewRGDComesBeforeItsCRD(t *testing.T) {
	const rgd = `
apiVersion: kro.run/v1alpha1
kind: ResourceGraphDefinition
metadata: {name: early}
spec:
  schema: {group: early.example.com, apiVersion: v1alpha1, kind: Pioneer, spec: {size: string}}
  resources:
    - id: config
      template: {apiVersion: v1, kind: ConfigMap, metadata: {name: "early-${schema.metadata.name}"}, data: {size: "${schema.spec.size}"}}
`
	// kro can't create the CRD without a rule, so that the rule is there when the RGD is ready; that it doesn't need the
	// CRD's admission shows while kro is stopped.
	if err := h.StopPart(controlplane.Kro); err != nil {
		t.Fatal(err)
	}
	h.MustRun(t, rgd, "apply", "--server-side", "-f", "-")
	harness.Eventually(t, eventually, func(context.Context) error {
		if !registered(t, runtimeschema.GroupResource{Group: "early.example.com", Resource: "pioneers"}) {
			return errors.New("no rule for early.example.com")
		}
		return nil
	})
	if err := h.StartPart(t.Context(), controlplane.Kro); err != nil {
		t.Fatal(err)
	}
	h.MustRun(t, "", "wait", "--for=condition=Ready", "--timeout=60s", "rgd/early")
}

func TestReplicasDoNotFightOverTheConfigurations(t *testing.T) {
	second, err := start(t.Context(), "second")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = second.Kill() })
	mutating, validating, err := configurations(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	const changes = 5
	for i := range changes {
		if err := h.Client.Create(t.Context(), ownedCRD(fmt.Sprintf("g%d.replicas.example.com", i), "things")); err != nil {
			t.Fatal(err)
		}
	}
	// Both replicas have seen the last CRD and what became of it when they report a change that came after it.
	h.MustRun(t, "apiVersion: kroguard.io/v1alpha1\nkind: Project\nmetadata: {name: after}\nspec: {owner: me}\n",
		"apply", "--server-side", "-f", "-")
	h.MustRun(t, "", "wait", "--for=condition=Ready", "--timeout=30s", "project/after")

	nowMutating, nowValidating, err := configurations(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got := [2]int64{nowMutating.Generation - mutating.Generation, nowValidating.Generation - validating.Generation}
	if got != [2]int64{changes, changes} {
		t.Errorf("%d new kinds took %v writes of the two configurations", changes, got)
	}
}

func TestADeletedCertificateIsIssuedAnewAndRegistered(t *testing.T) {
	_, validating, err := configurations(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	old := validating.Webhooks[0].ClientConfig.CABundle
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: harness.Namespace, Name: "kroguard-webhook-cert"}}
	if err := h.Client.Delete(t.Context(), secret); err != nil {
		t.Fatal(err)
	}
	harness.Eventually(t, eventually, func(ctx context.Context) error {
		mutating, validating, err := configurations(ctx)
		if err != nil {
			return err
		}
		for _, bundle := range [][]byte{mutating.Webhooks[0].ClientConfig.CABundle, validating.Webhooks[0].ClientConfig.CABundle} {
			if bytes.Equal(bundle, old) {
				return errors.New("the old CA bundle is still registered")
			}
		}
		return nil
	})
	// The API server can call kroguard: only kroguard refuses this CRD.
	harness.Eventually(t, eventually, func(ctx context.Context) error {
		err := h.Client.Create(ctx, ownedCRD("gadgets.k8s.io", "things"))
		if err == nil || !strings.Contains(err.Error(), "spec.schema.group") {
			return fmt.Errorf("the CRD was not refused by kroguard: %w", err)
		}
		return nil
	})
}
