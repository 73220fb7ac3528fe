package admission

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/kroguard/kroguard/internal/telemetry"
)

func TestWhatWasDecidedIsCounted(t *testing.T) {
	guard(t, celGuardrail("counted", "Deny", "object.spec.size != 'huge'"))
	refused(t, h.Client.Create(t.Context(), widget("counted-1", values{"size": "huge"})))
	metrics := scrape(t)
	for _, want := range []string{
		`kroguard_violations_total{action="Deny",guardrail="counted"} 1`,
		`kroguard_guardrail_duration_seconds_count{guardrail="counted"} 1`,
		`kroguard_guardrail_errors_total{guardrail="counted"} 0`,
		`kroguard_guardrail_compile_duration_seconds{guardrail="counted"}`,
		`kroguard_admission_duration_seconds_count{phase="mutate",result="patched"}`,
		`kroguard_admission_duration_seconds_count{phase="validate",result="denied"}`,
		`kroguard_snapshot_objects{kind="ResourceGraphDefinition"}`,
		`kroguard_snapshot_timestamp_seconds 1`,
		`kroguard_certificate_expiry_timestamp_seconds `,
		`kroguard_webhook_configuration_writes_total `,
		`kroguard_webhook_configuration_drift_total{reason="changed"} 0`,
	} {
		if !strings.Contains(metrics, want) {
			t.Errorf("the metrics lack %s", want)
		}
	}
}

// TestWhatServeRegistersIsDescribed holds the metrics of a running kroguard against those that docs/metrics.md has.
func TestWhatServeRegistersIsDescribed(t *testing.T) {
	described := map[string]telemetry.Type{}
	for _, metric := range telemetry.Describe() {
		described[metric.Name] = metric.Type
	}
	seen := 0
	for line := range strings.Lines(scrape(t)) {
		fields := strings.Fields(line)
		if len(fields) != 4 || fields[1] != "TYPE" || !strings.HasPrefix(fields[2], "kroguard_") {
			continue
		}
		seen++
		if got := described[fields[2]]; string(got) != fields[3] {
			t.Errorf("%s is a %s, and described as %q", fields[2], fields[3], got)
		}
	}
	if seen < 10 {
		t.Errorf("there are %d metrics", seen)
	}
}

// scrape is what /metrics answers.
func scrape(t *testing.T) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+kroguard.MetricsAddress+"/metrics", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	metrics, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(metrics)
}
