package metrics

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/kroguard/kroguard/internal/telemetry"
)

func read(t *testing.T, file string) []byte {
	t.Helper()
	text, err := os.ReadFile("../../" + file)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func check(t *testing.T, atLeast int, expressions []string) {
	t.Helper()
	if len(expressions) < atLeast {
		t.Errorf("there are %d expressions", len(expressions))
	}
	for _, problem := range Check(telemetry.Describe(), expressions...) {
		t.Error(problem)
	}
}

func TestWhatIsWrongIsFound(t *testing.T) {
	described := []telemetry.Metric{
		{Name: "kroguard_a_total", Type: telemetry.TypeCounter, Labels: []string{"guardrail"}},
		{Name: "kroguard_b_seconds", Type: telemetry.TypeHistogram, Labels: []string{"phase"}},
	}
	for expression, want := range map[string]string{
		`sum by (guardrail, pod) (rate(kroguard_a_total{guardrail="x"}[5m])) > 0`:           "",
		`histogram_quantile(0.9, sum by (le, phase) (rate(kroguard_b_seconds_bucket[5m])))`: "",
		`absent(kroguard_a_total)`:               "",
		`sum(rate(`:                              "parse error",
		`up`:                                     "there is no metric up",
		`rate(kroguard_gone_total[5m])`:          "there is no metric kroguard_gone_total",
		`kroguard_b_seconds`:                     "there is no metric kroguard_b_seconds",
		`rate(kroguard_a_total_bucket[5m])`:      "there is no metric",
		`kroguard_a_total{phase="x"}`:            "kroguard_a_total has no label phase, it has guardrail",
		`sum by (phase) (kroguard_a_total)`:      "has label phase",
		`sum without (phase) (kroguard_a_total)`: "has label phase",
		`sum by (guardrail) (sum by (pod) (kroguard_a_total))`:                                 "has label guardrail",
		`histogram_quantile(0.9, sum by (phase) (rate(kroguard_b_seconds_bucket[5m])))`:        "no label le left",
		`1 - kroguard_a_total / on (guardrail) group_left () (kroguard_other_total)`:           "there is no metric kroguard_other_total",
		`max_over_time(kroguard_gone[1h:1m]) or (kroguard_a_total offset 1h) unless vector(0)`: "there is no metric kroguard_gone",
	} {
		got := strings.Join(Check(described, expression), "\n")
		if want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%s: got %q, want %q", expression, got, want)
		}
	}
}

func TestTheDashboardsExpressions(t *testing.T) {
	var dashboard struct {
		Panels []struct {
			ID      int
			Title   string
			Targets []struct{ Expr string }
			GridPos struct{ X, Y, W, H int }
		}
	}
	if err := json.Unmarshal(read(t, "charts/kroguard/files/dashboard.json"), &dashboard); err != nil {
		t.Fatal(err)
	}
	interval := regexp.MustCompile(`\$__(rate_interval|range)`)
	var expressions []string
	ids, taken := map[int]bool{}, map[[2]int]string{}
	for _, panel := range dashboard.Panels {
		if ids[panel.ID] || panel.Title == "" || len(panel.Targets) == 0 {
			t.Errorf("panel %d %q: no title, no query, or an id that another one has", panel.ID, panel.Title)
		}
		ids[panel.ID] = true
		for x := range panel.GridPos.W {
			for y := range panel.GridPos.H {
				place := [2]int{panel.GridPos.X + x, panel.GridPos.Y + y}
				if other, there := taken[place]; there || place[0] >= 24 {
					t.Fatalf("panel %q is over %q, or outside", panel.Title, other)
				}
				taken[place] = panel.Title
			}
		}
		for _, target := range panel.Targets {
			expressions = append(expressions, interval.ReplaceAllString(target.Expr, "5m"))
		}
	}
	check(t, 10, expressions)
}

func TestTheAlertsSayWhatToDo(t *testing.T) {
	var rules struct {
		Groups []struct {
			Name  string
			Rules []struct {
				Alert, Expr         string
				Labels, Annotations map[string]string
			}
		}
	}
	if err := yaml.UnmarshalStrict(stripped(t, "charts/kroguard/files/rules.yaml"), &rules); err != nil {
		t.Fatal(err)
	}
	page := string(read(t, "docs/metrics.md"))
	var expressions []string
	for _, group := range rules.Groups {
		for _, rule := range group.Rules {
			expressions = append(expressions, rule.Expr)
			if severity := rule.Labels["severity"]; severity != "critical" && severity != "warning" && severity != "info" {
				t.Errorf("%s: severity %q", rule.Alert, severity)
			}
			if rule.Annotations["summary"] == "" || !strings.Contains(rule.Annotations["description"], "What to do: ") {
				t.Errorf("%s: no summary, or no word of what to do", rule.Alert)
			}
			if !strings.Contains(page, "`"+rule.Alert+"`") {
				t.Errorf("%s is not in docs/metrics.md", rule.Alert)
			}
		}
	}
	check(t, 7, expressions)
}

// stripped is a file of rules without the fields that are only for Prometheus.
func stripped(t *testing.T, file string) []byte {
	t.Helper()
	return regexp.MustCompile(`(?m)^ +(for|keep_firing_for): .*\n`).ReplaceAll(read(t, file), nil)
}

func TestTheQueriesOfThePage(t *testing.T) {
	var expressions []string
	for _, block := range regexp.MustCompile("(?s)```promql\n(.*?)```").FindAllStringSubmatch(string(read(t, "docs/metrics.md")), -1) {
		expressions = append(expressions, block[1])
	}
	check(t, 6, expressions)
}
