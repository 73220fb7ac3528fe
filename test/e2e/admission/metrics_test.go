package admission

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

func TestWhatWasDecidedIsCounted(t *testing.T) {
	guard(t, celGuardrail("counted", "Deny", "object.spec.size != 'huge'"))
	refused(t, h.Client.Create(t.Context(), widget("counted-1", values{"size": "huge"})))
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
	for _, want := range []string{
		`kroguard_violations_total{action="Deny",guardrail="counted"} 1`,
		`kroguard_guardrail_duration_seconds_count{guardrail="counted"} 1`,
		`kroguard_guardrail_errors_total{guardrail="counted"} 0`,
		`kroguard_guardrail_compile_duration_seconds{guardrail="counted"}`,
		`kroguard_admission_duration_seconds_count{phase="mutate",result="patched"}`,
		`kroguard_admission_duration_seconds_count{phase="validate",result="denied"}`,
	} {
		if !strings.Contains(string(metrics), want) {
			t.Errorf("the metrics lack %s", want)
		}
	}
}
