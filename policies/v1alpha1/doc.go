// Package v1alpha1 holds the API types of the group kroguard.io: Project, Guardrail and GuardrailException.
//
// The types are values only: no defaulting, no conversion and no client live here, so that the policy engine, the webhooks
// and the command line share them without importing a cluster. Field names are those of
// admissionregistration.k8s.io/v1 ValidatingAdmissionPolicy wherever it has one.
//
// +kubebuilder:object:generate=true
// +groupName=kroguard.io
package v1alpha1
