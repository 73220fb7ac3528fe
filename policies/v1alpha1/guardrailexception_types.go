package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// GuardrailException is a dated, justified waiver of guardrails.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Cluster,shortName=grx,categories=kroguard
// +kubebuilder:printcolumn:name="Guardrails",type=string,JSONPath=`.spec.guardrails`
// +kubebuilder:printcolumn:name="Approved By",type=string,JSONPath=`.spec.approvedBy`
// +kubebuilder:printcolumn:name="Expires",type=string,JSONPath=`.spec.expiresAt`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.spec.reason`,priority=1
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type GuardrailException struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// +required
	Spec GuardrailExceptionSpec `json:"spec"`
	// +optional
	Status GuardrailExceptionStatus `json:"status,omitempty"`
}

// GuardrailExceptionSpec says what is waived, where, until when, why, and who said so.
type GuardrailExceptionSpec struct {
	// guardrails are the names of the guardrails that are waived, or globs.
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=256
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=253
	// +required
	Guardrails []string `json:"guardrails"`

	// match says for which instances. At least one of its fields is given.
	// +required
	Match ExceptionMatch `json:"match"`

	// expiresAt is the end of the waiver.
	// +required
	ExpiresAt metav1.Time `json:"expiresAt"`

	// reason justifies the waiver.
	// +kubebuilder:validation:MinLength=10
	// +kubebuilder:validation:MaxLength=1024
	// +required
	Reason string `json:"reason"`

	// approvedBy is who approved it.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	// +required
	ApprovedBy string `json:"approvedBy"`
}

// ExceptionMatch selects the instances that a waiver is for. An empty list or selector selects nothing in particular, so it does
// not count as given.
//
// +kubebuilder:validation:XValidation:rule="(has(self.offerings) && self.offerings.size() > 0) || (has(self.projects) && self.projects.size() > 0) || (has(self.namespaces) && self.namespaces.size() > 0) || (has(self.names) && self.names.size() > 0) || (has(self.namespaceSelector) && ((has(self.namespaceSelector.matchLabels) && self.namespaceSelector.matchLabels.size() > 0) || (has(self.namespaceSelector.matchExpressions) && self.namespaceSelector.matchExpressions.size() > 0))) || (has(self.objectSelector) && ((has(self.objectSelector.matchLabels) && self.objectSelector.matchLabels.size() > 0) || (has(self.objectSelector.matchExpressions) && self.objectSelector.matchExpressions.size() > 0)))",message="say for which instances: a waiver for all of them is a change of the guardrail"
type ExceptionMatch struct {
	InstanceMatch `json:",inline"`

	// namespaceSelector selects namespaces by label.
	// +optional
	NamespaceSelector *metav1.LabelSelector `json:"namespaceSelector,omitempty"`

	// objectSelector selects instances by label.
	// +optional
	ObjectSelector *metav1.LabelSelector `json:"objectSelector,omitempty"`
}

// GuardrailExceptionStatus is what kroguard observed of an exception.
type GuardrailExceptionStatus struct {
	// observedGeneration is the generation that the rest of the status is about.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// conditions: Ready.
	// +listType=map
	// +listMapKey=type
	// +optional
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// GuardrailExceptionList is a list of GuardrailExceptions.
//
// +kubebuilder:object:root=true
type GuardrailExceptionList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []GuardrailException `json:"items"`
}
