package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// CELPolicy is a policy in CEL.
type CELPolicy struct {
	// variables are named expressions, seen by later ones and by validations as variables.<name>.
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=64
	// +optional
	Variables []CELVariable `json:"variables,omitempty"`

	// validations are all evaluated; each that yields false is a violation.
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	// +required
	Validations []CELValidation `json:"validations"`
}

// CELVariable is a named CEL expression.
type CELVariable struct {
	// name is a CEL identifier.
	// +kubebuilder:validation:Pattern=`^[A-Za-z_][A-Za-z0-9_]*$`
	// +kubebuilder:validation:MaxLength=63
	// +required
	Name string `json:"name"`

	// expression yields any value.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=10240
	// +required
	Expression string `json:"expression"`
}

// CELValidation is one check.
//
// +kubebuilder:validation:XValidation:rule="has(self.message) || has(self.messageExpression) || !self.expression.contains('\\n')",message="an expression of several lines needs a message or a messageExpression",fieldPath=".expression"
type CELValidation struct {
	// expression yields a bool; false is a violation.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=10240
	// +required
	Expression string `json:"expression"`

	// message is what the developer reads. It is one line.
	// +kubebuilder:validation:MaxLength=1024
	// +kubebuilder:validation:Pattern=`^[^\r\n]*$`
	// +optional
	Message string `json:"message,omitempty"`

	// messageExpression yields the message; where it fails, message is used.
	// +kubebuilder:validation:MaxLength=10240
	// +optional
	MessageExpression string `json:"messageExpression,omitempty"`

	// reason is a machine-readable reason, for details.causes.
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=63
	// +optional
	Reason metav1.StatusReason `json:"reason,omitempty"`

	// fieldPath names the field that is at fault: .spec.replicas
	// +kubebuilder:validation:MaxLength=1024
	// +kubebuilder:validation:Pattern=`^\.`
	// +optional
	FieldPath string `json:"fieldPath,omitempty"`
}

// RegoVersion is the version of the Rego language.
//
// +kubebuilder:validation:Enum=v0;v1
type RegoVersion string

// The versions of Rego.
const (
	RegoV0 RegoVersion = "v0"
	RegoV1 RegoVersion = "v1"
)

// RegoPolicy is a policy in Rego. The first module's package is the entry: its rules deny, warn and violation are the
// findings. Further modules are libraries.
type RegoPolicy struct {
	// version is the version of the language.
	// +kubebuilder:default=v1
	// +optional
	Version RegoVersion `json:"version,omitempty"`

	// modules are the policy's files; the first is the entry.
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	// +required
	Modules []RegoModule `json:"modules"`
}

// RegoModule is one file of a Rego policy.
type RegoModule struct {
	// name is the file's name, as errors show it: main.rego
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +required
	Name string `json:"name"`

	// source is the file's text.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=262144
	// +required
	Source string `json:"source"`
}
