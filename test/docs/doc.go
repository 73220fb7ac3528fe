// Package docs holds the documentation to the code: that every example in README.md and docs/ is accepted, or refused in the
// very words that the page shows; that every link leads somewhere; that every table of names and limits says what the code says.
//
// A page tells what it shows by an HTML comment, which is not rendered, on the line above a block or a table:
//
//	<!-- answered -->       the next text block is what kubectl prints when this YAML is applied
//	<!-- stored -->         this YAML is the instance above as the API server stores it
//	<!-- input -->          this JSON is the input document of a Rego guardrail that judges the instance above
//	<!-- table: limits -->  this table has a counterpart in the code
//
// YAML without a comment must be accepted: complete objects, or annotations alone, which are put into the RGD of
// config/samples. A page is read from top to bottom, as by somebody who applies each block on a cluster that has the offering,
// the project and the namespace of config/samples: an instance is judged by the guardrails above it.
package docs
