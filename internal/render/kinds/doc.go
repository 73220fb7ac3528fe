// Package kinds tells the renderer of kinds without a cluster: those that Kubernetes itself serves, by reflection over the Go
// types that client-go registers, and those of the CustomResourceDefinitions that it is given.
//
// The schemas are as good as type checking needs them: they have no descriptions, no list types and no validation rules.
package kinds
