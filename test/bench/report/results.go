package report

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"strconv"

	"github.com/kroguard/kroguard/test/bench/engines"
	"github.com/kroguard/kroguard/test/bench/measure"
	"github.com/kroguard/kroguard/test/bench/scenario"
)

// Results are the results by set, in the order in which they were measured.
type Results struct {
	sets    []string
	results map[string][]measure.Result
}

// Add takes the results of one comparison.
func (r *Results) Add(set string, results []measure.Result) {
	if r.results == nil {
		r.results = map[string][]measure.Result{}
	}
	if _, ok := r.results[set]; !ok {
		r.sets = append(r.sets, set)
	}
	r.results[set] = append(r.results[set], results...)
}

// find yields the result of an engine with n policies.
func (r *Results) find(set, engine string, n int) (measure.Result, bool) {
	for _, result := range r.results[set] {
		if result.Engine == engine && result.N == n {
			return result, true
		}
	}
	return measure.Result{}, false
}

// row is a line of the JSON file.
type row struct {
	Set    string  `json:"set"`
	Engine string  `json:"engine"`
	N      int     `json:"n"`
	NS     float64 `json:"ns"`
	Allocs float64 `json:"allocs"`
	Bytes  float64 `json:"bytes"`
}

// WriteJSON writes one row for each set, engine and number of policies.
func (r *Results) WriteJSON(path string) error {
	rows := []row{}
	for _, set := range r.sets {
		if set == scenario.HandlerAdmitted {
			continue // it is no set of its own, but Handler in a better light
		}
		for _, result := range r.results[set] {
			rows = append(rows, row{
				Set: set, Engine: result.Engine, N: result.N,
				NS: math.Round(result.NS), Allocs: math.Round(result.Allocs), Bytes: math.Round(result.Bytes),
			})
		}
	}
	text, err := json.MarshalIndent(rows, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o600)
}

// Table has a row for each result.
func (r *Results) Table() *Table {
	table := &Table{
		Title:  "One review, all guardrails:",
		Header: []string{"set", "n", "engine", "processor time", "allocations", "KiB", "time / kroguard", "least .. most", "allocations / kroguard"},
	}
	for _, set := range r.sets {
		for _, result := range r.results[set] {
			cells := []string{set, strconv.Itoa(result.N), result.Engine, duration(result.NS), thousands(result.Allocs),
				thousands(result.Bytes / 1024), "1", "", "1"}
			if result.Engine != engines.NameKroguard {
				cells[6], cells[8] = ratio(result.Ratio), ratio(result.AllocRatio)
				cells[7] = ratio(result.RatioMin) + " .. " + ratio(result.RatioMax)
			}
			table.Rows = append(table.Rows, cells)
		}
	}
	return table
}

// duration is nanoseconds for people.
func duration(ns float64) string {
	switch {
	case math.Abs(ns) < 1e4:
		return fmt.Sprintf("%.2f µs", ns/1e3)
	case math.Abs(ns) < 1e6:
		return fmt.Sprintf("%.0f µs", ns/1e3)
	default:
		return fmt.Sprintf("%.2f ms", ns/1e6)
	}
}

// ratio has as many digits as mean something.
func ratio(value float64) string {
	switch {
	case value < 10:
		return fmt.Sprintf("%.2f", value)
	case value < 100:
		return fmt.Sprintf("%.1f", value)
	default:
		return fmt.Sprintf("%.0f", value)
	}
}

// thousands separates groups of digits.
func thousands(value float64) string {
	text := strconv.FormatFloat(math.Round(value), 'f', 0, 64)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
