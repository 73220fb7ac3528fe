package v1alpha1

import (
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// LabelProject on a namespace makes it belong to the named Project, before any name or selector. On an RGD it scopes the
// offering to one project; on an instance it is written by kroguard.
const LabelProject = GroupName + "/project"

// Project owns namespaces: it gives the instances in them parameters, labels and the list of offerings they may use.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Cluster,shortName=gproj,categories=kroguard
// +kubebuilder:printcolumn:name="Owner",type=string,JSONPath=`.spec.owner`
// +kubebuilder:printcolumn:name="Cost Center",type=string,JSONPath=`.spec.costCenter`
// +kubebuilder:printcolumn:name="Namespaces",type=integer,JSONPath=`.status.namespaceCount`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule="self.metadata.name.size() <= 63",message="the name becomes a label value: at most 63 characters",fieldPath=".metadata"
type Project struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// +required
	Spec ProjectSpec `json:"spec"`
	// +optional
	Status ProjectStatus `json:"status,omitempty"`
}

// ProjectSpec says which namespaces a project owns and what holds in them.
type ProjectSpec struct {
	// displayName is what people call the project.
	// +kubebuilder:validation:MaxLength=128
	// +optional
	DisplayName string `json:"displayName,omitempty"`

	// owner is the team that owns the project. It becomes the label "team".
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	// +required
	Owner string `json:"owner"`

	// contact is how to reach the owner: a mail address, a chat channel. It becomes the label "owner".
	// +kubebuilder:validation:MaxLength=256
	// +optional
	Contact string `json:"contact,omitempty"`

	// costCenter is what the project's resources are charged to. It becomes the label "cost-center".
	// +kubebuilder:validation:MaxLength=128
	// +optional
	CostCenter string `json:"costCenter,omitempty"`

	// namespaces says which namespaces belong to the project. A namespace that carries the label kroguard.io/project
	// belongs to that project; else an exact name wins over a glob, and a glob over the selector.
	// +optional
	Namespaces ProjectNamespaces `json:"namespaces,omitempty"`

	// labels are written on every instance of the project.
	// +optional
	Labels ProjectLabels `json:"labels,omitempty"`

	// parameters is free JSON that defaults and guardrails read as project.parameters.
	// +kubebuilder:pruning:PreserveUnknownFields
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:validation:Type=object
	// +optional
	Parameters *apiextensionsv1.JSON `json:"parameters,omitempty"`

	// offerings says which offerings the project may use. Without allow, all; deny beats allow.
	// +optional
	Offerings ProjectOfferings `json:"offerings,omitempty"`
}

// ProjectNamespaces selects namespaces by name and by label.
type ProjectNamespaces struct {
	// names are namespace names or globs: "payments", "payments-*". "*" stands for any characters.
	// +listType=set
	// +kubebuilder:validation:MaxItems=256
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=63
	// +kubebuilder:validation:items:Pattern=`^[a-z0-9*?]([-a-z0-9*?]*[a-z0-9*?])?$`
	// +optional
	Names []string `json:"names,omitempty"`

	// selector selects namespaces by label.
	// +optional
	Selector *metav1.LabelSelector `json:"selector,omitempty"`
}

// ProjectLabels are labels for the instances of a project.
//
// +kubebuilder:validation:XValidation:rule="!has(self.enforced) || !has(self.defaults) || self.enforced.all(k, !(k in self.defaults))",message="a label is either enforced or a default, not both"
type ProjectLabels struct {
	// enforced labels always follow the project. An instance with another value is refused.
	// +optional
	Enforced LabelMap `json:"enforced,omitempty"`

	// defaults are labels that an instance gets where it has none.
	// +optional
	Defaults LabelMap `json:"defaults,omitempty"`
}

// LabelMap maps label keys to label values.
//
// +kubebuilder:validation:MaxProperties=64
// +kubebuilder:validation:XValidation:rule="self.all(k, k.size() <= 317 && k.matches('^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$'))",message="a label key is a name of at most 63 characters, with a DNS prefix at most: team, example.com/team"
// +kubebuilder:validation:XValidation:rule="self.all(k, self[k].matches('^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$'))",message="a label value has at most 63 characters of [A-Za-z0-9_.-] and begins and ends with a letter or digit"
// +kubebuilder:validation:XValidation:rule="self.all(k, k != 'app.kubernetes.io/managed-by' && !k.matches('^([a-z0-9.-]+[.])?(kro[.]run|kroguard[.]io|applyset[.]kubernetes[.]io)/'))",message="labels of kro, ApplySet and kroguard, and app.kubernetes.io/managed-by, belong to those who write them"
type LabelMap map[string]LabelValue

// LabelValue is the value of a label.
//
// +kubebuilder:validation:MaxLength=63
type LabelValue string

// ProjectOfferings is the allow-list of a project. deny beats allow.
type ProjectOfferings struct {
	// allow lists the offerings that the project may use. Empty means all.
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	// +optional
	Allow []OfferingRule `json:"allow,omitempty"`

	// deny lists the offerings that the project may not use.
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	// +optional
	Deny []OfferingRule `json:"deny,omitempty"`
}

// OfferingRule selects offerings. What is given must hold together.
//
// +kubebuilder:validation:XValidation:rule="has(self.names) || has(self.categories) || has(self.selector)",message="give at least one of names, categories, selector"
type OfferingRule struct {
	// names are names of RGDs, or globs.
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=256
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=253
	// +optional
	Names []string `json:"names,omitempty"`

	// categories are values of the annotation kroguard.io/category.
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=128
	// +optional
	Categories []string `json:"categories,omitempty"`

	// selector selects RGDs by label.
	// +optional
	Selector *metav1.LabelSelector `json:"selector,omitempty"`
}

// ProjectStatus is what kroguard observed of a project.
type ProjectStatus struct {
	// observedGeneration is the generation that the rest of the status is about.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// namespaces are the namespaces that belong to the project, sorted, the first 100 of them.
	// +listType=set
	// +kubebuilder:validation:MaxItems=100
	// +optional
	Namespaces []string `json:"namespaces,omitempty"`

	// namespaceCount is how many namespaces belong to the project.
	// +optional
	NamespaceCount int32 `json:"namespaceCount,omitempty"`

	// offeringCount is how many offerings the project may use.
	// +optional
	OfferingCount int32 `json:"offeringCount,omitempty"`

	// conditions: Ready.
	// +listType=map
	// +listMapKey=type
	// +optional
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// ProjectList is a list of Projects.
//
// +kubebuilder:object:root=true
type ProjectList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Project `json:"items"`
}
