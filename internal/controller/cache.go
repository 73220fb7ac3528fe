package controller

import (
	"fmt"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kroguard/kroguard/internal/registration"
)

// CacheOptions are the options that the manager's cache must have. Of webhook configurations only kroguard's own are watched,
// which is all that kroguard may read; what nobody looks at is not kept in memory.
func CacheOptions() cache.Options {
	own := cache.ByObject{Field: fields.OneTermEqualSelector(metav1.ObjectNameField, registration.Name)}
	return cache.Options{
		DefaultTransform: cache.TransformStripManagedFields(),
		ByObject: map[client.Object]cache.ByObject{
			&admissionregistrationv1.MutatingWebhookConfiguration{}:   own,
			&admissionregistrationv1.ValidatingWebhookConfiguration{}: own,
			newCustomResourceDefinition():                             {Transform: stripToLabels},
		},
	}
}

// newCustomResourceDefinition is the metadata of a CRD: neither its schemas nor its status matter here, and a cluster may have
// megabytes of them.
func newCustomResourceDefinition() *metav1.PartialObjectMetadata {
	crd := &metav1.PartialObjectMetadata{}
	crd.SetGroupVersionKind(apiextensionsv1.SchemeGroupVersion.WithKind("CustomResourceDefinition"))
	return crd
}

// newCustomResourceDefinitionList is a list of those.
func newCustomResourceDefinitionList() *metav1.PartialObjectMetadataList {
	crds := &metav1.PartialObjectMetadataList{}
	crds.SetGroupVersionKind(apiextensionsv1.SchemeGroupVersion.WithKind("CustomResourceDefinitionList"))
	return crds
}

// stripToLabels drops annotations, which hold the last applied CRD where it was applied by kubectl, and managedFields.
func stripToLabels(object any) (any, error) {
	accessor, err := meta.Accessor(object)
	if err != nil {
		return nil, fmt.Errorf("reading metadata: %w", err)
	}
	accessor.SetAnnotations(nil)
	accessor.SetManagedFields(nil)
	return object, nil
}
