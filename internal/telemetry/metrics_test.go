package telemetry

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/kroguard/kroguard/policies"
)

// used are all metrics with a series of each.
func used(t *testing.T) *prometheus.Registry {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	m, err := New(registry, &fakeCertificate{expiry: time.Unix(2000, 0)})
	if err != nil {
		t.Fatal(err)
	}
	m.Admission.Observe(PhaseValidate, ResultDenied, time.Millisecond)
	m.Admission.CountRule("kroguard:project")
	evaluation := policies.Evaluation{Denied: 1, Failed: true}
	m.Guardrails.Compiled(&policies.CompiledInfo{Name: "a"}, time.Millisecond).Evaluated(evaluation)
	m.Policies.Compiled(&policies.CompiledInfo{Source: "Gatekeeper", Name: "a"}, time.Millisecond).Evaluated(evaluation)
	m.Snapshots.Published(time.Unix(1000, 0), time.Millisecond, Contents{Guardrails: 3, NotCompiled: 1})
	m.Catalog.Observe("/healthz", 200, time.Millisecond)
	return registry
}

// TestWhatIsDescribedIsWhatIsThere compares names, types, labels and helps with what a scrape gets.
func TestWhatIsDescribedIsWhatIsThere(t *testing.T) {
	families, err := used(t).Gather()
	if err != nil {
		t.Fatal(err)
	}
	described := map[string]Metric{}
	for _, metric := range Describe() {
		described[metric.Name] = metric
	}
	for _, family := range families {
		metric, ok := described[family.GetName()]
		delete(described, family.GetName())
		if !ok {
			t.Errorf("%s is not described", family.GetName())
			continue
		}
		var labels []string
		for _, pair := range family.GetMetric()[0].GetLabel() {
			labels = append(labels, pair.GetName())
		}
		want := slices.Sorted(slices.Values(metric.Labels))
		if got := strings.ToLower(family.GetType().String()); got != string(metric.Type) || !slices.Equal(labels, want) || family.GetHelp() != metric.Help {
			t.Errorf("%s: got %s by %v, %q; described as %+v", family.GetName(), got, labels, family.GetHelp(), metric)
		}
	}
	for name := range described {
		t.Errorf("%s is described, and not there", name)
	}
}

func TestNamesAreAsPrometheusWantsThem(t *testing.T) {
	problems, err := testutil.GatherAndLint(used(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, problem := range problems {
		t.Errorf("%s: %s", problem.Metric, problem.Text)
	}
	for _, metric := range Describe() {
		if !strings.HasPrefix(metric.Name, "kroguard_") {
			t.Errorf("%s is not under kroguard_", metric.Name)
		}
	}
}

func TestTheSnapshotIsTold(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	m, err := New(registry, nil)
	if err != nil {
		t.Fatal(err)
	}
	names := []string{"kroguard_snapshot_timestamp_seconds", "kroguard_snapshot_objects", "kroguard_guardrails_not_compiled"}
	if err := testutil.GatherAndCompare(registry, strings.NewReader(""), names...); err != nil {
		t.Errorf("before the first: %v", err)
	}
	m.Snapshots.Published(time.UnixMilli(1_500), time.Second, Contents{Guardrails: 1, NotCompiled: 1})
	m.Snapshots.Published(time.UnixMilli(2_500), time.Second, Contents{
		ResourceGraphDefinitions: 1, Projects: 2, KnodexProjects: 3, Guardrails: 4, GuardrailExceptions: 5, Policies: 6, Namespaces: 7, NotCompiled: 0,
	})
	want := `
# HELP kroguard_guardrails_not_compiled Guardrails of the snapshot that do not compile.
# TYPE kroguard_guardrails_not_compiled gauge
kroguard_guardrails_not_compiled 0
# HELP kroguard_snapshot_objects Objects that the snapshot is made of, by kind.
# TYPE kroguard_snapshot_objects gauge
kroguard_snapshot_objects{kind="Guardrail"} 4
kroguard_snapshot_objects{kind="GuardrailException"} 5
kroguard_snapshot_objects{kind="KnodexProject"} 3
kroguard_snapshot_objects{kind="Namespace"} 7
kroguard_snapshot_objects{kind="Policy"} 6
kroguard_snapshot_objects{kind="Project"} 2
kroguard_snapshot_objects{kind="ResourceGraphDefinition"} 1
# HELP kroguard_snapshot_timestamp_seconds When the snapshot of the configuration was published by which requests are judged, in seconds since 1970.
# TYPE kroguard_snapshot_timestamp_seconds gauge
kroguard_snapshot_timestamp_seconds 2.5
`
	if err := testutil.GatherAndCompare(registry, strings.NewReader(want), names...); err != nil {
		t.Error(err)
	}
}

type fakeCertificate struct {
	expiry  time.Time
	pending bool
}

func (c *fakeCertificate) NotAfter() time.Time { return c.expiry }
func (c *fakeCertificate) Pending() bool       { return c.pending }

func TestTheCertificateIsReadAtEachScrape(t *testing.T) {
	const name = "kroguard_certificate_expiry_timestamp_seconds"
	var certificate fakeCertificate
	registry := prometheus.NewPedanticRegistry()
	if _, err := New(registry, &certificate); err != nil {
		t.Fatal(err)
	}
	if err := testutil.GatherAndCompare(registry, strings.NewReader(""), name); err != nil {
		t.Errorf("without a certificate: %v", err)
	}
	certificate = fakeCertificate{expiry: time.Unix(1_800_000_000, 0), pending: true}
	want := "# HELP " + name + " When the serving certificate ends, in seconds since 1970.\n# TYPE " + name + " gauge\n" + name + " 1.8e+09\n"
	if err := testutil.GatherAndCompare(registry, strings.NewReader(want), name); err != nil {
		t.Error(err)
	}
	want = "# HELP kroguard_certificate_pending Whether a serving certificate is waited for (1), the first or a renewed one.\n" +
		"# TYPE kroguard_certificate_pending gauge\nkroguard_certificate_pending 1\n"
	if err := testutil.GatherAndCompare(registry, strings.NewReader(want), "kroguard_certificate_pending"); err != nil {
		t.Error(err)
	}
}

func TestDriftAndBreakGlassBeginAtZero(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	m, err := New(registry, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := `
# HELP kroguard_break_glass_requests_total Requests that would have been refused and were let in for the group of --break-glass-group.
# TYPE kroguard_break_glass_requests_total counter
kroguard_break_glass_requests_total 0
# HELP kroguard_webhook_configuration_drift_total Webhook configurations that somebody else changed or deleted, and that were put back, by reason (changed, deleted).
# TYPE kroguard_webhook_configuration_drift_total counter
kroguard_webhook_configuration_drift_total{reason="changed"} 0
kroguard_webhook_configuration_drift_total{reason="deleted"} 1
`
	m.Configurations.CountDrift(DriftDeleted)
	if err := testutil.GatherAndCompare(registry, strings.NewReader(want),
		"kroguard_break_glass_requests_total", "kroguard_webhook_configuration_drift_total"); err != nil {
		t.Error(err)
	}
}

func TestCatalogRequestsAreCountedByClass(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	m, err := New(registry, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, status := range []int{200, 204, 304, 401, 404, 500, 503} {
		m.Catalog.Observe("/", status, time.Millisecond)
	}
	if got := testutil.CollectAndCount(m.Catalog.requests); got != 4 {
		t.Errorf("series: got %d, want one for each class", got)
	}
}

func TestTheZeroMetricsCountNothing(*testing.T) {
	var m Metrics
	m.Admission.CountBreakGlass()
	m.Renders.Observe(RenderComplete, time.Second)
	m.Snapshots.Published(time.Now(), time.Second, Contents{})
	m.Configurations.CountWrite()
	m.Configurations.CountDrift(DriftChanged)
	m.Catalog.Observe("/", 200, time.Second)
}

func TestCountingARenderingAllocatesNothing(t *testing.T) {
	m, err := New(prometheus.NewRegistry(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if allocs := testing.AllocsPerRun(100, func() { m.Renders.Observe(RenderPartial, time.Millisecond) }); allocs > 0 {
		t.Errorf("%v allocations", allocs)
	}
}

func BenchmarkRenderObserved(b *testing.B) {
	m, err := New(prometheus.NewRegistry(), nil)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		m.Renders.Observe(RenderComplete, time.Millisecond)
	}
}
