package project

import (
	"errors"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// ErrNoName says that an object that should be a Knodex Project has no metadata.name.
var ErrNoName = errors.New("a Knodex Project without metadata.name")

// FromKnodex reads a Knodex Project (knodex.io/v1alpha1) from its decoded JSON. It claims the namespaces of
// spec.destinations[].namespace, names or globs; its spec.description is the display name. Knodex knows no owner, labels or
// parameters. A destination without namespace, as Argo CD's projects write them for clusters, claims nothing.
//
// The error is ErrNoName. Field errors leave out what is broken; the rest of the claim is usable.
func FromKnodex(object map[string]any) (*Claim, field.ErrorList, error) {
	name, _, _ := unstructured.NestedString(object, "metadata", "name")
	if name == "" {
		return nil, nil, ErrNoName
	}
	description, _, _ := unstructured.NestedString(object, "spec", "description")
	claim := &Claim{Project: (&Project{Name: name, DisplayName: description}).seal(), knodex: true}

	destinations, _, _ := unstructured.NestedFieldNoCopy(object, "spec", "destinations")
	list, _ := destinations.([]any)
	var errs field.ErrorList
	for i, item := range list {
		destination, _ := item.(map[string]any)
		namespace, _ := destination["namespace"].(string)
		if namespace == "" {
			continue
		}
		for _, err := range claim.addNames([]string{namespace}, field.NewPath("namespace")) {
			err.Field = field.NewPath("spec", "destinations").Index(i).Child("namespace").String()
			errs = append(errs, err)
		}
	}
	return claim, errs, nil
}
