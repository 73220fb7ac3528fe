// Package admissionpolicy makes policies of a cluster's ValidatingAdmissionPolicies and their bindings, so that what they would
// refuse when kro creates it is refused when the instance is applied.
//
// It decides as an API server does (k8s.io/apiserver/pkg/admission/plugin/policy): matchConstraints, matchResources, params and
// their absence, matchConditions, failurePolicy. The expressions are policies/cel's. Where an API server knows more than can be known
// before a resource exists, findings are marked unknown instead of being guessed:
//
//   - fields, labels, a name or a namespace that wait for another resource;
//   - a namespace that isn't there yet;
//   - an expression that fails since the object lacks a field: API servers and mutating webhooks fill fields in, and then it would
//     not; nobody fills labels and annotations in, though;
//   - an object that the policy sees in another version, into which nobody here can convert it.
//
// The package knows no client. What it looks up, params and other versions of a kind, comes through small interfaces.
package admissionpolicy

// Source is where the policies come from, as messages and metrics name it.
const Source = "ValidatingAdmissionPolicy"
