package cel_test

import (
	"context"
	"strings"
	"testing"
)

// FuzzCheckTypes feeds the type checker whatever compiles: it ends without error, and what it finds is within the text.
func FuzzCheckTypes(f *testing.F) {
	for expression := range mistakes() {
		f.Add(expression)
	}
	f.Add("object.spec[?'replicas'].optMap(r, r + 1).orValue(0) > [1, 2].map(x, x * object.spec.replicas)[0]")
	f.Add("type(object.spec) == map && object.spec.env.exists_one(e, e.name.?value == e)")
	driver, object := newDriver(f), objectType(f, webAppRGD)
	f.Fuzz(func(t *testing.T, expression string) {
		g := guardrail(checks(expression))
		if _, _, err := driver.Compile(context.Background(), g); err != nil {
			return
		}
		report, err := driver.CheckTypes(context.Background(), g, object)
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(expression, "\n")
		for _, finding := range report.Findings {
			if finding.Line < 1 || finding.Line > len(lines) || finding.Column < 1 || finding.Message == "" {
				t.Fatalf("a finding without message or outside the text: %+v", finding)
			}
		}
	})
}
