package controller

import (
	runtimeschema "k8s.io/apimachinery/pkg/runtime/schema"
)

// +kubebuilder:rbac:groups=knodex.io,resources=projects,verbs=list;watch

// knodexCRD is the CRD of the Knodex Project.
const knodexCRD = "projects.knodex.io"

func knodexKind() runtimeschema.GroupVersionKind {
	return runtimeschema.GroupVersionKind{Group: "knodex.io", Version: "v1alpha1", Kind: "Project"}
}
