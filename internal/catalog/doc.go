// Package catalog tells what may be created in a namespace, and what will happen to it: which offerings are allowed, with which
// defaults, labels and guardrails. It only reads, and asks the same pipeline as the webhooks, so that they can't disagree.
package catalog
