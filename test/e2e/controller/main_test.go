// Package controller tests what kroguard's controllers do by themselves on the real API server with kro running: they keep the
// webhook configurations, report in statuses, and follow certificates and Knodex Projects.
package controller

import (
	"context"
	_ "embed"
	"os"
	"testing"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	runtimeschema "k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kroguard/kroguard/internal/registration"
	"github.com/kroguard/kroguard/test/controlplane"
	"github.com/kroguard/kroguard/test/e2e/harness"
)

// eventually is how long anything here may take. Most of it takes milliseconds.
const eventually = 30 * time.Second

// before is applied while kroguard is not there to refuse it.
//
//go:embed testdata/before.yaml
var before string

var (
	h *harness.Harness
	// service is before all replicas, so that they write the same URL into the webhook configurations.
	service *harness.Service
)

func TestMain(m *testing.M) {
	os.Exit(harness.Main(m, controlplane.Options{}, func(started *harness.Harness) error {
		h = started
		if err := h.Publish(context.Background(), before); err != nil {
			return err
		}
		var err error
		if service, err = harness.NewService(); err != nil {
			return err
		}
		_, err = start(context.Background(), "first")
		return err
	}))
}

// start adds a replica.
func start(ctx context.Context, name string) (*harness.Kroguard, error) {
	k, err := h.StartReadyKroguard(ctx, harness.KroguardOptions{
		Name: name, WebhookURL: service.URL(), Args: []string{"--log-level", "debug"},
	})
	if err != nil {
		return nil, err
	}
	service.Add(k)
	return k, nil
}

// configurations reads both webhook configurations.
func configurations(ctx context.Context) (
	*admissionregistrationv1.MutatingWebhookConfiguration, *admissionregistrationv1.ValidatingWebhookConfiguration, error,
) {
	key := client.ObjectKey{Name: registration.Name}
	mutating := &admissionregistrationv1.MutatingWebhookConfiguration{}
	if err := h.Client.Get(ctx, key, mutating); err != nil {
		return nil, nil, err
	}
	validating := &admissionregistrationv1.ValidatingWebhookConfiguration{}
	if err := h.Client.Get(ctx, key, validating); err != nil {
		return nil, nil, err
	}
	return mutating, validating, nil
}

// registered reports whether both configurations have a rule for the resource.
func registered(t *testing.T, resource runtimeschema.GroupResource) bool {
	t.Helper()
	mutating, validating, err := configurations(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	both, _ := registration.Registered(mutating, validating)
	for _, one := range both {
		if one == resource {
			return true
		}
	}
	return false
}
