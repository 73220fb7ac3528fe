// Pins the modules whose CRDs the chart has objects of. Nothing is compiled, so there is nothing for `go mod tidy` to keep.
// To move to other ones, change their versions below.
module github.com/kroguard/kroguard/test/controlplane/build/crds

go 1.26.0

require (
	github.com/prometheus-operator/prometheus-operator v0.85.0
	sigs.k8s.io/gateway-api v1.6.3
)
