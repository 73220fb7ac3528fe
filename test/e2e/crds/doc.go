// Package crds tests the CustomResourceDefinitions of kroguard against a real API server: each accepts a full example, each of
// its rules refuses what it is there to refuse, in words that help, and kubectl shows the columns that people ask for first.
//
// Only an API server can tell. Whether a CEL rule compiles, stays within the cost budget of a CRD, reports the right field and
// runs at all beside other errors is decided there, and nowhere offline in quite the same way.
package crds
