// Package defaulting decides which fields of an instance the user wrote, and turns an offering's defaults into the values to
// inject into the others.
//
// Precedence: what the user wrote, then defaults.<project>, then defaults, then the schema's own default. CRD defaults are
// applied before any webhook runs, so who wrote a field is read from server-side-apply managedFields or from the last-applied
// annotation; where neither tells, a present field counts as the user's. An injected value sticks on UPDATE.
//
// Everything here is a pure function of object, old object, offering, project and namespace.
package defaulting
