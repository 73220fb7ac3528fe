package v1alpha1

import (
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Guardrail is a policy, in CEL or in Rego, on kro instances and on what they expand into.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Cluster,shortName=gr,categories=kroguard
// +kubebuilder:printcolumn:name="Action",type=string,JSONPath=`.spec.validationActions`
// +kubebuilder:printcolumn:name="Engine",type=string,JSONPath=`.status.engine`
// +kubebuilder:printcolumn:name="Evaluates",type=string,JSONPath=`.spec.evaluate`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Violations",type=integer,JSONPath=`.status.violations`
// +kubebuilder:printcolumn:name="Severity",type=string,JSONPath=`.spec.severity`,priority=1
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`,priority=1
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type Guardrail struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// +required
	Spec GuardrailSpec `json:"spec"`
	// +optional
	Status GuardrailStatus `json:"status,omitempty"`
}

// ValidationAction says what a violation does.
//
// +kubebuilder:validation:Enum=Deny;Warn;Audit
type ValidationAction string

const (
	// ActionDeny refuses the request.
	ActionDeny ValidationAction = "Deny"
	// ActionWarn admits the request with an admission warning.
	ActionWarn ValidationAction = "Warn"
	// ActionAudit admits the request and writes an audit annotation; the periodic audit reports it.
	ActionAudit ValidationAction = "Audit"
)

// FailurePolicy says how a guardrail counts that can't be evaluated.
//
// +kubebuilder:validation:Enum=Fail;Ignore
type FailurePolicy string

const (
	// FailurePolicyFail counts an error as a violation.
	FailurePolicyFail FailurePolicy = "Fail"
	// FailurePolicyIgnore counts an error as no violation; the error is logged and counted.
	FailurePolicyIgnore FailurePolicy = "Ignore"
)

// Severity orders guardrails for people.
//
// +kubebuilder:validation:Enum=Low;Medium;High;Critical
type Severity string

// The severities.
const (
	SeverityLow      Severity = "Low"
	SeverityMedium   Severity = "Medium"
	SeverityHigh     Severity = "High"
	SeverityCritical Severity = "Critical"
)

// Evaluate says what "object" is when a guardrail runs.
//
// +kubebuilder:validation:Enum=Instance;Resources
type Evaluate string

const (
	// EvaluateInstance runs the guardrail once, object being the instance.
	EvaluateInstance Evaluate = "Instance"
	// EvaluateResources runs the guardrail for each rendered resource, object being that resource.
	EvaluateResources Evaluate = "Resources"
)

// OnUnknown says what a guardrail does whose outcome depends on a field that waits for the status of another resource.
//
// +kubebuilder:validation:Enum=Allow;Warn;Deny
type OnUnknown string

const (
	// OnUnknownAllow admits what can't be judged yet.
	OnUnknownAllow OnUnknown = "Allow"
	// OnUnknownWarn admits it with a warning.
	OnUnknownWarn OnUnknown = "Warn"
	// OnUnknownDeny refuses it.
	OnUnknownDeny OnUnknown = "Deny"
)

// Operation is an admission operation. Deleting is never judged: kroguard must not keep anything from being removed.
//
// +kubebuilder:validation:Enum=CREATE;UPDATE;"*"
type Operation string

// The operations.
const (
	OperationCreate Operation = "CREATE"
	OperationUpdate Operation = "UPDATE"
	OperationAll    Operation = "*"
)

// GuardrailSpec is the policy: what it applies to, what it says, and what follows from a violation.
//
// +kubebuilder:validation:XValidation:rule="has(self.cel) != has(self.rego)",message="give exactly one of cel, rego"
// +kubebuilder:validation:XValidation:rule="!has(self.resources) || (has(self.evaluate) && self.evaluate == 'Resources')",message="resources filters rendered resources: it needs evaluate: Resources",fieldPath=".resources"
// +kubebuilder:validation:XValidation:rule="!(self.validationActions.exists(a, a == 'Deny') && self.validationActions.exists(a, a == 'Warn'))",message="Deny and Warn exclude each other: what is refused needs no warning",fieldPath=".validationActions"
type GuardrailSpec struct {
	// title is a short name for people; the object's name where it is empty.
	// +kubebuilder:validation:MaxLength=128
	// +optional
	Title string `json:"title,omitempty"`

	// description says what the guardrail protects and why.
	// +kubebuilder:validation:MaxLength=4096
	// +optional
	Description string `json:"description,omitempty"`

	// severity orders guardrails for people. It changes no decision.
	// +kubebuilder:default=Medium
	// +optional
	Severity Severity `json:"severity,omitempty"`

	// remediation tells the developer what to do about a violation. It is part of the message.
	// +kubebuilder:validation:MaxLength=1024
	// +optional
	Remediation string `json:"remediation,omitempty"`

	// docsURL is a page about the guardrail. It is part of the message.
	// +kubebuilder:validation:MaxLength=1024
	// +kubebuilder:validation:Pattern=`^https?://[^\s]+$`
	// +optional
	DocsURL string `json:"docsURL,omitempty"`

	// validationActions says what a violation does: Deny, Warn, Audit. Deny and Warn exclude each other.
	// +listType=set
	// +kubebuilder:default={Deny}
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=2
	// +optional
	ValidationActions []ValidationAction `json:"validationActions,omitempty"`

	// failurePolicy says how the guardrail counts when it can't be evaluated: it does not compile, its evaluation
	// fails, or it runs over its cost or time limit. Fail counts as a violation.
	// +kubebuilder:default=Fail
	// +optional
	FailurePolicy FailurePolicy `json:"failurePolicy,omitempty"`

	// match says which instances the guardrail applies to. Empty: all.
	// +optional
	Match GuardrailMatch `json:"match,omitempty"`

	// matchConditions are CEL conditions that must all hold for the guardrail to apply. If any is false, it is skipped,
	// as in Kubernetes; an error counts by failurePolicy only when none is false.
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=64
	// +optional
	MatchConditions []MatchCondition `json:"matchConditions,omitempty"`

	// evaluate says what object is: the instance, or each rendered resource in turn.
	// +kubebuilder:default=Instance
	// +optional
	Evaluate Evaluate `json:"evaluate,omitempty"`

	// resources filters the rendered resources when evaluate is Resources. Empty: all.
	// +optional
	Resources *ResourceFilter `json:"resources,omitempty"`

	// onUnknown says what follows where the outcome depends on a field of a rendered resource whose value nobody can tell yet,
	// since it waits for the status of another resource: Allow, Warn, or Deny.
	// +kubebuilder:default=Warn
	// +optional
	OnUnknown OnUnknown `json:"onUnknown,omitempty"`

	// params is free JSON, seen by CEL as params and by Rego as input.parameters.
	// +kubebuilder:pruning:PreserveUnknownFields
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:validation:Type=object
	// +optional
	Params *apiextensionsv1.JSON `json:"params,omitempty"`

	// cel is a policy in the Common Expression Language, as Kubernetes runs it.
	// +optional
	CEL *CELPolicy `json:"cel,omitempty"`

	// rego is a policy in Rego, as Open Policy Agent runs it.
	// +optional
	Rego *RegoPolicy `json:"rego,omitempty"`
}

// GuardrailStatus is what kroguard observed of a guardrail.
type GuardrailStatus struct {
	// observedGeneration is the generation that the rest of the status is about.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// engine is CEL or Rego.
	// +optional
	Engine string `json:"engine,omitempty"`

	// violations is how many running instances violate the guardrail, as the last audit found. Absent before the first.
	// +optional
	Violations *int32 `json:"violations,omitempty"`

	// typeChecking lists what the type checker warns of.
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=32
	// +optional
	TypeChecking []ExpressionWarning `json:"typeChecking,omitempty"`

	// conditions: Ready.
	// +listType=map
	// +listMapKey=type
	// +optional
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// ExpressionWarning is a finding of the type checker.
type ExpressionWarning struct {
	// fieldRef is the path of the expression: spec.cel.validations[0].expression
	// +required
	FieldRef string `json:"fieldRef"`
	// warning says what may be wrong.
	// +required
	Warning string `json:"warning"`
}

// GuardrailList is a list of Guardrails.
//
// +kubebuilder:object:root=true
type GuardrailList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Guardrail `json:"items"`
}
