package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// GuardrailMatch selects instances. What is given must hold together; what is empty holds.
type GuardrailMatch struct {
	InstanceMatch `json:",inline"`

	// namespaceSelector selects namespaces by label. A cluster-scoped instance matches only an empty selector.
	// +optional
	NamespaceSelector *metav1.LabelSelector `json:"namespaceSelector,omitempty"`

	// objectSelector selects instances by label. It holds where the object or the old object matches.
	// +optional
	ObjectSelector *metav1.LabelSelector `json:"objectSelector,omitempty"`

	// operations are CREATE, UPDATE, or "*". Empty: all.
	// +listType=set
	// +kubebuilder:validation:MaxItems=2
	// +optional
	Operations []Operation `json:"operations,omitempty"`

	// excludes takes instances out again: one that matches any entry is not judged.
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	// +optional
	Excludes []InstanceMatch `json:"excludes,omitempty"`
}

// InstanceMatch selects instances by where they come from. What is given must hold together; what is empty holds.
type InstanceMatch struct {
	// offerings are names of RGDs, or globs.
	// +listType=set
	// +kubebuilder:validation:MaxItems=256
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=253
	// +optional
	Offerings []string `json:"offerings,omitempty"`

	// projects are names of Projects, or globs. An instance of no project matches only an empty list.
	// +listType=set
	// +kubebuilder:validation:MaxItems=256
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=63
	// +optional
	Projects []string `json:"projects,omitempty"`

	// namespaces are names of namespaces, or globs. A cluster-scoped instance matches only an empty list.
	// +listType=set
	// +kubebuilder:validation:MaxItems=256
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=63
	// +optional
	Namespaces []string `json:"namespaces,omitempty"`

	// names are names of instances, or globs.
	// +listType=set
	// +kubebuilder:validation:MaxItems=256
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=253
	// +optional
	Names []string `json:"names,omitempty"`
}

// MatchCondition is a named CEL expression that yields a bool.
type MatchCondition struct {
	// name identifies the condition.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +required
	Name string `json:"name"`

	// expression yields a bool.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=10240
	// +required
	Expression string `json:"expression"`
}

// ResourceFilter selects rendered resources by group and kind.
type ResourceFilter struct {
	// apiGroups are API groups; "" is the core group. Empty: all.
	// +listType=set
	// +kubebuilder:validation:MaxItems=64
	// +optional
	APIGroups []string `json:"apiGroups,omitempty"`

	// kinds are kinds: Deployment. Empty: all.
	// +listType=set
	// +kubebuilder:validation:MaxItems=64
	// +optional
	Kinds []string `json:"kinds,omitempty"`
}
