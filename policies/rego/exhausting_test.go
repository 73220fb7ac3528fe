package rego_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/kroguard/kroguard/policies"
	"github.com/kroguard/kroguard/policies/rego"
	"github.com/kroguard/kroguard/policies/rego/machine"
)

// exhausting are policies that take gigabytes within moments, if nothing stops them.
func exhausting() map[string]string {
	doubled := func(from, next, use string) string {
		lines := []string{"package guardrail", "v0 := " + from}
		for i := range 40 {
			lines = append(lines, fmt.Sprintf("v%d := %s", i+1, strings.ReplaceAll(next, "X", fmt.Sprintf("v%d", i))))
		}
		return strings.Join(append(lines, "deny contains msg if { msg := "+strings.ReplaceAll(use, "X", "v40")+" }"), "\n")
	}
	return map[string]string{
		"a range of numbers":               "package guardrail\ndeny contains \"a\" if count(numbers.range(1, 1000000000)) > 0",
		"the addresses of a network":       "package guardrail\ndeny contains \"a\" if count(net.cidr_expand(\"::/0\")) > 0",
		"text that doubles":                doubled(`"xxxxxxxx"`, `concat("", [X, X])`, `sprintf("%d", [count(X)])`),
		"text replaced by text":            doubled(`"xxxxxxxx"`, `replace(X, "x", "xx")`, `sprintf("%d", [count(X)])`),
		"text formatted twice":             doubled(`"xxxxxxxx"`, `sprintf("%s%s", [X, X])`, `sprintf("%d", [count(X)])`),
		"an array that doubles":            doubled(`[1, 2, 3, 4]`, `array.concat(X, X)`, `sprintf("%d", [count(X)])`),
		"a value within itself, as text":   doubled(`["x"]`, `[X, X]`, `json.marshal(X)`),
		"a value within itself, in a text": doubled(`["x"]`, `{"a": X, "b": X}`, `sprintf("%v", [X])`),
		"a number that squares":            doubled(`123456789`, `X * X`, `sprintf("%d", [X])`),
		"a width":                          "package guardrail\ndeny contains sprintf(\"" + strings.Repeat("%1000000d", 100) + "\", [" + strings.TrimSuffix(strings.Repeat("1, ", 100), ", ") + "])",
		"an indentation":                   `package guardrail` + "\n" + `deny contains json.marshal_with_options(numbers.range(1, 10000), {"pretty": true, "indent": sprintf("%1000000d", [1])})`,
		"an exponent":                      "package guardrail\ndeny contains \"a\" if to_number(\"1e999999999\") % 7 == 1",
	}
}

// TestAnEvaluationThatTakesTooMuchMemoryIsStopped: what is built is counted, and what would be far larger than what it is built
// of is estimated before. The heap grows by no more than some limits' worth, since what was counted may not be collected yet.
func TestAnEvaluationThatTakesTooMuchMemoryIsStopped(t *testing.T) {
	driver := rego.New(rego.Options{Deadline: time.Minute})
	for name, source := range exhausting() {
		t.Run(name, func(t *testing.T) {
			program := mustCompile(t, driver, v1Guardrail(source))
			runtime.GC()
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := program.Evaluate(context.Background(), policies.NewInput(review()))
			runtime.ReadMemStats(&after)
			var limit *machine.LimitError
			if !errors.As(err, &limit) {
				t.Errorf("got %v, want a LimitError", err)
			}
			const factor = 8
			if limit != nil && after.TotalAlloc-before.TotalAlloc > uint64(factor*limit.Bytes) {
				t.Errorf("allocated %d MiB", (after.TotalAlloc-before.TotalAlloc)>>20)
			}
		})
	}
}
