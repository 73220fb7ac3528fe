package report_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kroguard/kroguard/test/bench/engines"
	"github.com/kroguard/kroguard/test/bench/measure"
	"github.com/kroguard/kroguard/test/bench/report"
	"github.com/kroguard/kroguard/test/bench/scenario"
)

func results() *report.Results {
	r := &report.Results{}
	r.Add(scenario.InstanceRego, []measure.Result{
		{Engine: engines.NameKroguard, N: 50, NS: 400_000, Allocs: 2500, Bytes: 102_400, Ratio: 1, RatioMin: 1, RatioMax: 1, AllocRatio: 1},
		{Engine: engines.NameGatekeeper, N: 50, NS: 4_800_000, Allocs: 25_000, Bytes: 1_024_000, Ratio: 12, RatioMin: 11, RatioMax: 13.5, AllocRatio: 10},
	})
	r.Add(scenario.InstanceCEL, []measure.Result{
		{Engine: engines.NameKroguard, N: 50, NS: 100, Ratio: 1, RatioMin: 1, RatioMax: 1},
		{Engine: engines.NameGatekeeperCEL, N: 50, NS: 499, Ratio: 4.99, RatioMin: 4, RatioMax: 5},
		{Engine: engines.NameKubernetes, N: 50, NS: 99, Ratio: .99, RatioMin: .9, RatioMax: 1.1},
	})
	r.Add(scenario.Nonmatching, []measure.Result{
		{Engine: engines.NameKroguard, N: 0, Rounds: []float64{50_000, 60_000, 50_000}},
		{Engine: engines.NameKroguard, N: 1000, Rounds: []float64{59_000, 75_000, 51_000}},
	})
	r.Add(scenario.Handler, []measure.Result{
		{Engine: engines.NameKroguard, N: 50, NS: 320_000, Ratio: 1},
		{Engine: engines.NameNoop, N: 50, NS: 100_000, Ratio: .3125, RatioMin: .25, RatioMax: .4},
	})
	return r
}

func TestTargetsAreComparedWithWhatWasMeasured(t *testing.T) {
	want := [][]string{
		{"instance-rego: >= 12x faster than gatekeeper", "12.0x", "11.0 .. 13.5", "met"},
		{"instance-cel: >= 5x faster than gatekeeper-cel", "4.99x", "4.00 .. 5.00", "not met"},
		{"instance-cel: no slower than kubernetes", "0.99x", "0.90 .. 1.10", "not met"},
		{"nonmatching: 1,000 guardrails add < 10 µs", "9.00 µs", "1.00 µs .. 15 µs", "met"},
		{"handler: <= 3x the time of noop", "3.20x", "2.50 .. 4.00", "not met"},
	}
	if diff := cmp.Diff(want, results().Targets().Rows); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestATableIsReadableAsTextAndAsMarkdown(t *testing.T) {
	table := &report.Table{Title: "A title:", Header: []string{"engine", "time"}, Rows: [][]string{{"noop", "1 µs"}, {"kroguard", ""}}}
	var text, markdown strings.Builder
	if err := table.Text(&text); err != nil {
		t.Fatal(err)
	}
	if err := table.Markdown(&markdown); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff("A title:\n\nengine    time\n--------  ----\nnoop      1 µs\nkroguard\n\n", text.String()); diff != "" {
		t.Errorf("text (-want +got):\n%s", diff)
	}
	want := "A title:\n\n| engine   | time |\n| -------- | ---- |\n| noop     | 1 µs |\n| kroguard |      |\n\n"
	if diff := cmp.Diff(want, markdown.String()); diff != "" {
		t.Errorf("Markdown (-want +got):\n%s", diff)
	}
}

func TestResultsAreWrittenAsOneRowForEachMeasurement(t *testing.T) {
	r := &report.Results{}
	r.Add(scenario.InstanceRego, []measure.Result{{Engine: engines.NameKroguard, N: 10, NS: 1.6, Allocs: 2.4, Bytes: 3}})
	r.Add(scenario.HandlerAdmitted, []measure.Result{{Engine: engines.NameNoop, N: 50}})
	path := filepath.Join(t.TempDir(), "results.json")
	if err := r.WriteJSON(path); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want := `[
 {
  "set": "instance-rego",
  "engine": "kroguard",
  "n": 10,
  "ns": 2,
  "allocs": 2,
  "bytes": 3
 }
]
`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
