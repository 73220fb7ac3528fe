// Package binaries builds the programs of a control plane, once, from Go modules.
//
// Tests against the real API server need kube-apiserver, etcd, kubectl and kro's controller. Rather
// than download archives, of which kro publishes none, it compiles them from the module versions that
// the folders below build/ pin, with checksums, like any other dependency: one toolchain, one proxy,
// one place for versions. The results are kept in a cache under names that carry the version:
//
//	<repository>/.cache/controlplane/<name>-<version>-<goos>-<goarch>
//
// so that everybody but the first caller waits milliseconds and never runs `go`.
package binaries
