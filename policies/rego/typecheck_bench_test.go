package rego_test

import (
	"context"
	"testing"
)

// BenchmarkCheckTypes is what one guardrail costs for one offering. It is paid when either changes, off the request path.
func BenchmarkCheckTypes(b *testing.B) {
	driver, object := newDriver(), objectType(b, webAppRGD)
	g := v1Guardrail(rule("input.review.object.spec.replicas > 5\nstartswith(input.review.object.spec.image, \"x\")"))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := driver.CheckTypes(context.Background(), g, object); err != nil {
			b.Fatal(err)
		}
	}
}
