package cel_test

import (
	"context"
	"testing"
)

// BenchmarkCheckTypes is what one guardrail costs for one offering. It is paid when either changes, off the request path.
func BenchmarkCheckTypes(b *testing.B) {
	driver, object := newDriver(b), objectType(b, webAppRGD)
	policy := checks("variables.replicas > 3 && variables.replicas < 10", "object.spec.env.all(e, e.name != '')")
	policy.Variables = variables("replicas", "object.spec.?replicas.orValue(1)")
	g := guardrail(policy)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := driver.CheckTypes(context.Background(), g, object); err != nil {
			b.Fatal(err)
		}
	}
}
