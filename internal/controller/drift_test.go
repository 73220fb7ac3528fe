package controller

import (
	"context"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kroguard/kroguard/internal/telemetry"
)

// counted has a reconciler count, and yields what it counted: writes, changed, deleted.
func counted(t *testing.T, r *WebhookConfigurationReconciler) func() [3]float64 {
	t.Helper()
	registry := prometheus.NewRegistry()
	m, err := telemetry.New(registry, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.metrics = m.Configurations
	return func() [3]float64 {
		t.Helper()
		families, err := registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		var counts [3]float64
		for _, family := range families {
			switch {
			case family.GetName() == "kroguard_webhook_configuration_writes_total":
				counts[0] = family.GetMetric()[0].GetCounter().GetValue()
			case family.GetName() == "kroguard_webhook_configuration_drift_total":
				for _, metric := range family.GetMetric() {
					counts[map[string]int{"changed": 1, "deleted": 2}[metric.GetLabel()[0].GetValue()]] = metric.GetCounter().GetValue()
				}
			}
		}
		return counts
	}
}

func TestDriftIsWhatSomebodyElseDid(t *testing.T) {
	validating := func(t *testing.T, c client.Client) *admissionregistrationv1.ValidatingWebhookConfiguration {
		t.Helper()
		current, err := read(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		return current.validating
	}
	opened := func(t *testing.T, c client.Client) {
		t.Helper()
		object := validating(t, c)
		object.Webhooks[0].FailurePolicy = ptr.To(admissionregistrationv1.Ignore)
		if err := c.Update(t.Context(), object); err != nil {
			t.Fatal(err)
		}
	}
	tests := []struct {
		name string
		// change is what happens after the configurations were in place.
		change func(*testing.T, client.Client, *WebhookConfigurationReconciler)
		want   [3]float64
	}{
		{name: "nothing", change: func(*testing.T, client.Client, *WebhookConfigurationReconciler) {}, want: [3]float64{2, 0, 0}},
		{
			name: "a failure policy opened", want: [3]float64{3, 1, 0},
			change: func(t *testing.T, c client.Client, _ *WebhookConfigurationReconciler) { opened(t, c) },
		},
		{
			name: "one deleted", want: [3]float64{3, 0, 1},
			change: func(t *testing.T, c client.Client, _ *WebhookConfigurationReconciler) {
				if err := c.Delete(t.Context(), validating(t, c)); err != nil {
					t.Fatal(err)
				}
			},
		},
		{
			name: "a label of somebody's own", want: [3]float64{2, 0, 0},
			change: func(t *testing.T, c client.Client, _ *WebhookConfigurationReconciler) {
				object := validating(t, c)
				object.Labels["team"] = "platform"
				if err := c.Update(t.Context(), object); err != nil {
					t.Fatal(err)
				}
			},
		},
		{
			name: "a new CA bundle", want: [3]float64{4, 0, 0},
			change: func(_ *testing.T, _ client.Client, r *WebhookConfigurationReconciler) { r.certificates = bundle("new") },
		},
		{
			name: "a new kind", want: [3]float64{4, 0, 0},
			change: func(t *testing.T, c client.Client, _ *WebhookConfigurationReconciler) {
				if err := c.Create(t.Context(), ownedCRD("queues.example.com")); err != nil {
					t.Fatal(err)
				}
			},
		},
		{
			name: "a rule that another replica wrote ahead", want: [3]float64{2, 0, 0},
			change: func(t *testing.T, c client.Client, _ *WebhookConfigurationReconciler) {
				if err := newReconciler(t, c).EnsureRule(t.Context(), resource("ahead.example.com"), false); err != nil {
					t.Fatal(err)
				}
			},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := newClient(t)
			r := newReconciler(t, c)
			counts := counted(t, r)
			reconciled(t, r)
			test.change(t, c, r)
			reconciled(t, r)
			if got := counts(); got != test.want {
				t.Errorf("writes, changed, deleted: got %v, want %v", got, test.want)
			}
		})
	}
}

// TestWhatAReplicaFindsAtItsStartIsNoDrift has a configuration of another version there.
func TestWhatAReplicaFindsAtItsStartIsNoDrift(t *testing.T) {
	old := stored(t, "old")
	old.mutating.ResourceVersion, old.validating.ResourceVersion = "", ""
	r := newReconciler(t, newClient(t, old.mutating, old.validating))
	counts := counted(t, r)
	if _, err := r.Reconcile(t.Context(), everything()); err != nil {
		t.Fatal(err)
	}
	if got, want := counts(), [3]float64{2, 0, 0}; got != want {
		t.Errorf("writes, changed, deleted: got %v, want %v", got, want)
	}
}

// TestACacheThatLagsBehindIsNoDrift reads what was there before the last write.
func TestACacheThatLagsBehindIsNoDrift(t *testing.T) {
	c := newClient(t)
	r := newReconciler(t, c)
	counts := counted(t, r)
	reconciled(t, r)
	r.cached = emptyCache{c}
	if _, err := r.Reconcile(t.Context(), everything()); err != nil {
		t.Fatal(err)
	}
	if got, want := counts(), [3]float64{2, 0, 0}; got != want {
		t.Errorf("writes, changed, deleted: got %v, want %v", got, want)
	}
}

// emptyCache has seen no configuration yet.
type emptyCache struct{ client.Client }

func (c emptyCache) Get(_ context.Context, key client.ObjectKey, _ client.Object, _ ...client.GetOption) error {
	return (&cluster{}).Get(context.Background(), key, nil)
}

func TestASnapshotIsTold(t *testing.T) {
	registry := prometheus.NewRegistry()
	m, err := telemetry.New(registry, nil)
	if err != nil {
		t.Fatal(err)
	}
	c := newCluster(3, 4, 2, 1)
	c.guardrails[1].Spec.CEL.Validations[0].Expression = "object.spec.("
	r := newSnapshotReconciler(t, c)
	r.metrics, r.renders = m.Snapshots, m.Renders
	if snapshot := mustReconcile(t, r); snapshot.Renders != m.Renders {
		t.Error("what the snapshot renders is not counted")
	}
	want := `
# HELP kroguard_guardrails_not_compiled Guardrails of the snapshot that do not compile.
# TYPE kroguard_guardrails_not_compiled gauge
kroguard_guardrails_not_compiled 1
# HELP kroguard_snapshot_objects Objects that the snapshot is made of, by kind.
# TYPE kroguard_snapshot_objects gauge
kroguard_snapshot_objects{kind="Guardrail"} 3
kroguard_snapshot_objects{kind="GuardrailException"} 0
kroguard_snapshot_objects{kind="KnodexProject"} 0
kroguard_snapshot_objects{kind="Namespace"} 4
kroguard_snapshot_objects{kind="Policy"} 0
kroguard_snapshot_objects{kind="Project"} 2
kroguard_snapshot_objects{kind="ResourceGraphDefinition"} 1
`
	if err := testutil.GatherAndCompare(registry, strings.NewReader(want), "kroguard_guardrails_not_compiled", "kroguard_snapshot_objects"); err != nil {
		t.Error(err)
	}
}
