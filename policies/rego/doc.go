// Package rego is the guardrail driver for Rego: it compiles a guardrail's modules with Open Policy Agent's library and
// evaluates them on a review.
//
// It exists beside OPA's own API because an admission decision needs more than an evaluation: the same answer in the
// webhook, on the command line and in the audit (so neither network, clock, chance nor host, see UnavailableBuiltins), an
// answer in time (see Options.Deadline), and errors that name module, line and column.
//
// # Findings
//
// The first module's package is the entry, whatever its name. The elements of its rules deny, violation and warn are the
// findings, in this order; those of warn only warn. A rule is a set or an array of elements, or one element. An element is
// the message itself or an object with msg (or message) and, optionally, field, reason (strings) and details (any JSON). A
// rule that is true is one finding with a generic message; one that is false or undefined is none. Everything else is an
// evaluation error that names the shapes above: a rule of a wrong shape must not pass for one without findings. Sets are
// read in Rego's own order of values (strings by code point), arrays in theirs; a finding that repeats an earlier one is
// left out.
//
// # Input
//
// input.review is the AdmissionRequest with namespaceObject, as Gatekeeper has it, so object and oldObject are there and
// oldObject is null on CREATE. Beside it are input.parameters ({} where the guardrail has no params), input.instance, and,
// where there are such, input.project and input.offering.
//
// # Errors
//
// A built-in that fails makes its expression undefined, as in OPA and Gatekeeper: policies that others wrote rely on it.
// Each such failure goes to Options.Print, where a rule that is silent for the wrong reason is found. A conflict of complete
// rules is an error.
//
// # Evaluation
//
// Rules run compiled, on policies/rego/machine, with the parameters as constants; what that does not know is left to OPA's
// interpreter. Of the input document, which all guardrails share, the parts are converted that a guardrail reads, once.
//
// # Trust
//
// Who writes guardrails is trusted not to attack the cluster; who writes what they judge is not. Time and memory are bounded for
// both, and built-ins that a crafted object could turn against the process are unavailable. Memory is not bounded for what the
// interpreter runs: Go has no means to.
package rego
