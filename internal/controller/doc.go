// Package controller follows the cluster: it publishes snapshots of the configuration for reviews to read, keeps the webhook
// configurations that make the API server call kroguard, and reports in statuses what it made of each object.
//
// Three controllers share the work, so that the slow never delays the urgent. The snapshot controller turns every change into a
// new snapshot within milliseconds. The webhook configuration controller keeps the rules complete; it also closes the gap before
// the first instance of a new kind, see EnsureRule. The status controller writes statuses afterwards.
//
// Every replica runs all three, without a leader: each must have its own snapshot, and what they write is a function of what
// they read, so that whoever comes second finds nothing left to do. What is computed is in pure functions; the reconcilers
// only read, compare and write.
package controller
