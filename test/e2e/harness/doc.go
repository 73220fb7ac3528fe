// Package harness runs the real kroguard against a real control plane with kro, for tests and for the demo.
//
// kroguard is the binary that ships, started as a process of its own with its own flags, as its own service account with
// exactly the permissions of config/rbac; so it can be killed, stopped and replaced as in a cluster.
package harness
