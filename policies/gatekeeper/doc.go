// Package gatekeeper runs Gatekeeper's ConstraintTemplates and constraints on kroguard's own engine, so that what a platform has
// written for Gatekeeper holds for an instance, and for what it will expand into, before kro creates anything.
//
// What a template or constraint means is Gatekeeper's business: validation, defaults, match, the input document, which results count and
// what their messages say are as there (github.com/open-policy-agent/gatekeeper v3.23 and its constraint framework), and a test holds
// both together over suites. How they run is ours: a template is parsed and compiled once, and each constraint specializes it with its
// parameters as constants, by policies/rego and policies/cel.
//
// Two things are not available: external_data, since a verdict must not depend on a network, and the built-ins of Rego with which a
// crafted object could take the process down (see policies/rego). A template that calls one does not compile, and says so.
package gatekeeper
