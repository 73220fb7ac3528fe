package review

import (
	"reflect"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kroguard/kroguard/policies/v1alpha1"
)

// annotationReconcile is kro's switch for an instance's reconciliation. Taking it off makes a suspended instance expand, so
// it is a change to be judged although its key is kro's.
const annotationReconcile = "kro.run/reconcile"

// changed reports whether an UPDATE changes anything that is judged: spec, labels, annotations. What kro and kroguard
// themselves write does not count, nor does a label that has the value which the project demands (follows).
//
// Source of kro's keys: kro 0.9.4 pkg/metadata; ApplySet's: KEP-3659.
func (r *Request) changed(follows map[string]string) bool {
	if r.OldObject == nil {
		return true
	}
	if !reflect.DeepEqual(r.Object["spec"], r.OldObject["spec"]) {
		return true
	}
	now, before := metadata(r.Object), metadata(r.OldObject)
	return differ(now["labels"], before["labels"], func(key string, value any) bool {
		want, ok := follows[key]
		return bookkeeping(key) || ok && value == any(want)
	}) || differ(now["annotations"], before["annotations"], func(key string, _ any) bool {
		return bookkeepingAnnotation(key)
	})
}

// differ reports whether two string maps differ in an entry that is not ignored. ignored is asked with the new value.
func differ(now, before any, ignored func(key string, value any) bool) bool {
	a, _ := now.(map[string]any)
	b, _ := before.(map[string]any)
	for key, value := range a {
		if old, ok := b[key]; (!ok || old != value) && !ignored(key, value) {
			return true
		}
	}
	for key := range b {
		if _, ok := a[key]; !ok && !ignored(key, nil) {
			return true
		}
	}
	return false
}

// bookkeeping reports whether a label or annotation key belongs to kro or to its ApplySet.
func bookkeeping(key string) bool {
	prefix, _, ok := strings.Cut(key, "/")
	if !ok {
		return false
	}
	return prefix == "kro.run" || strings.HasSuffix(prefix, ".kro.run") || prefix == "applyset.kubernetes.io"
}

// bookkeepingAnnotation reports whether an annotation says nothing about what the user wants: kro's, ApplySet's, kubectl's
// copy of the manifest, and kroguard's record of what it injected.
func bookkeepingAnnotation(key string) bool {
	switch key {
	case annotationReconcile:
		return false
	case corev1.LastAppliedConfigAnnotation, v1alpha1.AnnotationInjected, v1alpha1.AnnotationCreatedBy:
		return true
	}
	return bookkeeping(key)
}
