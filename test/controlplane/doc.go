// Package controlplane runs a real Kubernetes control plane with kro for tests and demos.
//
// What an admission webhook sees, in which order, and what the API server makes of its answer cannot
// be mocked with any confidence, and neither can what kro does with an instance. So tests start the
// real kube-apiserver, etcd and kro's controller, which takes a few seconds. The programs are built from
// Go modules at pinned versions (see package binaries); neither containers nor root are needed.
//
// # Use
//
//	var plane *controlplane.ControlPlane
//
//	func TestMain(m *testing.M) {
//		os.Exit(controlplane.Main(m, controlplane.Options{}, func(p *controlplane.ControlPlane) error { plane = p; return nil }))
//	}
//
// The very first build takes minutes, on a small machine as many as `go test` allows by default, so
// run `go run ./cmd/controlplane build` in this module first.
//
// # What is real and what is missing
//
// Authentication by client certificate, RBAC, ServiceAccount tokens, aggregation, every default
// admission plugin but one, audit: all as in production. There is no kube-controller-manager, no
// scheduler and no kubelet, which shows in these ways:
//
//   - pods are stored but never run, and Deployments get no ReplicaSets;
//   - the admission plugin ServiceAccount is off, since nobody creates the "default" accounts without
//     which it refuses every pod;
//   - a deleted namespace stays Terminating, and dependents outlive their owner: use fresh names;
//   - aggregated ClusterRoles stay empty, "admin", "edit" and "view" among them: bind roles with rules.
//
// # Nothing stays behind
//
// Every program runs under a reaper that ends it when the process that started it goes away, even by
// SIGKILL. Stop also deletes the temporary folder; logs survive a failure, and where they are is said.
//
// Linux and macOS are supported.
package controlplane
