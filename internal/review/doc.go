// Package review is the pipeline that every judgement goes through: the webhooks, the command line, the audit and the
// catalog call it, so that they can't disagree.
//
// Mutate resolves offering and project, injects defaults and labels, and yields a patch. Validate resolves them again, checks
// the final state and evaluates the guardrails, and yields a Decision. Both are functions of a Snapshot and a Request; neither
// makes an API call.
package review
