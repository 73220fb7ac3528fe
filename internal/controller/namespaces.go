package controller

import (
	corev1 "k8s.io/api/core/v1"
)

// namespaceCache keeps the objects of namespaces that did not change from one snapshot to the next: what reviews remember of a
// namespace, they remember of the object. It is for one goroutine. The zero value is ready to use.
type namespaceCache struct {
	objects map[string]*corev1.Namespace
}

// update returns the namespaces, in their order, each as the object that it was last time where it is still the same. What it
// keeps are copies, so that one namespace doesn't keep the whole list that it was read with.
func (c *namespaceCache) update(namespaces []*corev1.Namespace) []*corev1.Namespace {
	objects := make(map[string]*corev1.Namespace, len(namespaces))
	stable := make([]*corev1.Namespace, 0, len(namespaces))
	for _, namespace := range namespaces {
		object, ok := c.objects[namespace.Name]
		if !ok || object.UID != namespace.UID || object.ResourceVersion != namespace.ResourceVersion {
			object = new(corev1.Namespace)
			*object = *namespace
		}
		objects[namespace.Name] = object
		stable = append(stable, object)
	}
	c.objects = objects
	return stable
}
