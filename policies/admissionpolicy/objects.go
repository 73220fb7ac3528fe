package admissionpolicy

import (
	"cmp"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Objects are Params out of a fixed set of objects, as files have them. They are immutable.
type Objects struct {
	kinds map[schema.GroupVersionKind]*objectsOfKind
}

var _ Params = (*Objects)(nil)

// objectsOfKind are the objects of a kind, by namespace and name.
type objectsOfKind struct {
	namespaced bool
	objects    []object
}

// object is one object.
type object struct {
	namespace, name string
	labels          labels.Set
	content         map[string]any
}

// NewObjects takes over objects of any kinds, decoded from JSON; integers are int64. A kind is known where there is an object of it or
// its CustomResourceDefinition, and so are the core API's. It is in namespaces where the definition says so, or an object is in one;
// the core API's are but for those that are not.
func NewObjects(objects []map[string]any) *Objects {
	o := &Objects{kinds: map[schema.GroupVersionKind]*objectsOfKind{}}
	for _, content := range objects {
		apiVersion, _ := content["apiVersion"].(string)
		kind, _ := content["kind"].(string)
		metadata, _ := content["metadata"].(map[string]any)
		one := object{labels: labelsOf(metadata), content: content}
		one.namespace, _ = metadata["namespace"].(string)
		one.name, _ = metadata["name"].(string)
		of := o.kind(schema.FromAPIVersionAndKind(apiVersion, kind))
		of.objects = append(of.objects, one)
		of.namespaced = of.namespaced || one.namespace != ""
	}
	for _, content := range objects {
		o.define(content)
	}
	for _, of := range o.kinds {
		slices.SortStableFunc(of.objects, func(a, b object) int {
			return cmp.Or(cmp.Compare(a.namespace, b.namespace), cmp.Compare(a.name, b.name))
		})
	}
	return o
}

func (o *Objects) kind(kind schema.GroupVersionKind) *objectsOfKind {
	if o.kinds[kind] == nil {
		o.kinds[kind] = &objectsOfKind{}
	}
	return o.kinds[kind]
}

// define takes the scope of a kind from its CustomResourceDefinition.
func (o *Objects) define(content map[string]any) {
	if content["kind"] != "CustomResourceDefinition" {
		return
	}
	spec, _ := content["spec"].(map[string]any)
	names, _ := spec["names"].(map[string]any)
	group, _ := spec["group"].(string)
	kind, _ := names["kind"].(string)
	versions, _ := spec["versions"].([]any)
	for _, version := range versions {
		fields, _ := version.(map[string]any)
		name, _ := fields["name"].(string)
		o.kind(schema.GroupVersionKind{Group: group, Version: name, Kind: kind}).namespaced = spec["scope"] == "Namespaced"
	}
}

// Namespaced reports whether objects of the kind are in namespaces.
func (o *Objects) Namespaced(kind schema.GroupVersionKind) (bool, error) {
	if kind.Group == "" {
		switch kind.Kind {
		case "Namespace", "Node", "PersistentVolume":
			return false, nil
		}
		return true, nil
	}
	of, ok := o.kinds[kind]
	if !ok {
		return false, fmt.Errorf("there is no object of kind %s, nor its CustomResourceDefinition", kind)
	}
	return of.namespaced, nil
}

// Get yields one object, nil where there is none.
func (o *Objects) Get(kind schema.GroupVersionKind, namespace, name string) (map[string]any, error) {
	of, ok := o.kinds[kind]
	if !ok {
		return nil, nil
	}
	for i := range of.objects {
		if one := &of.objects[i]; one.name == name && one.namespace == namespace {
			return one.content, nil
		}
	}
	return nil, nil
}

// List yields the selected objects of a namespace.
func (o *Objects) List(kind schema.GroupVersionKind, namespace string, selector labels.Selector) ([]map[string]any, error) {
	of, ok := o.kinds[kind]
	if !ok {
		return nil, nil
	}
	var found []map[string]any
	for i := range of.objects {
		if one := &of.objects[i]; one.namespace == namespace && selector.Matches(one.labels) {
			found = append(found, one.content)
		}
	}
	return found, nil
}
