package docs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	runtimeschema "k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kroguard/kroguard/internal/patch"
	"github.com/kroguard/kroguard/internal/review"
	"github.com/kroguard/kroguard/policies"
)

// The request in which examples are applied.
const (
	uid  = types.UID("705ab4f5-6393-11e8-b7cc-42010a800002")
	user = "jane"
)

// errNoOffering says that no RGD of the page or of the samples generates an instance's kind.
var errNoOffering = errors.New("no ResourceGraphDefinition here generates this kind")

// apply sends an instance through kroguard as the API server does when a user runs kubectl apply: with the schema's defaults
// and the annotation of the manifest in place, then mutated, then judged. It returns the instance as it would be stored.
func apply(ctx context.Context, snapshot *review.Snapshot, instance map[string]any) (map[string]any, *review.Decision, error) {
	object := runtime.DeepCopyJSON(instance)
	request, err := newRequest(object)
	if err != nil {
		return nil, nil, err
	}
	found, ok := snapshot.Offerings.ByGroupKind(request.GroupVersionKind().GroupKind())
	if !ok {
		return nil, nil, errNoOffering
	}
	manifest, err := json.Marshal(instance)
	if err != nil {
		return nil, nil, err
	}
	defaulting.Default(object, found.Schema)
	request.Object = patch.Apply(object, []patch.Set{{Path: manifestPath(), Value: string(manifest)}})

	mutation := snapshot.Mutate(request)
	if errs := found.ValidateSpec(mutation.Object); len(errs) > 0 {
		return nil, nil, errs.ToAggregate()
	}
	request.Object = mutation.Object
	return mutation.Object, snapshot.Validate(ctx, request, nil, time.Now()), nil
}

// stored is an instance as a page shows it: without the manifest that kubectl adds.
func stored(object map[string]any) map[string]any {
	shown := runtime.DeepCopyJSON(object)
	if metadata, ok := shown["metadata"].(map[string]any); ok {
		if annotations, ok := metadata["annotations"].(map[string]any); ok {
			delete(annotations, corev1.LastAppliedConfigAnnotation)
		}
	}
	return shown
}

func manifestPath() []string {
	return []string{"metadata", "annotations", corev1.LastAppliedConfigAnnotation}
}

// newRequest is the request that creates an instance.
func newRequest(object map[string]any) (*review.Request, error) {
	raw, err := json.Marshal(object)
	if err != nil {
		return nil, err
	}
	var meta metav1.PartialObjectMetadata
	if err := json.Unmarshal(raw, &meta); err != nil {
		return nil, err
	}
	gvk := runtimeschema.FromAPIVersionAndKind(meta.APIVersion, meta.Kind)
	kind := metav1.GroupVersionKind{Group: gvk.Group, Version: gvk.Version, Kind: gvk.Kind}
	resource := metav1.GroupVersionResource{Group: gvk.Group, Version: gvk.Version, Resource: strings.ToLower(gvk.Kind) + "s"}
	return review.NewRequest(&admissionv1.AdmissionRequest{
		UID: uid, Kind: kind, Resource: resource, RequestKind: &kind, RequestResource: &resource,
		Name: meta.Name, Namespace: meta.Namespace, Operation: admissionv1.Create, DryRun: new(bool),
		UserInfo: authenticationv1.UserInfo{Username: user, Groups: []string{"developers", "system:authenticated"}},
		Options:  runtime.RawExtension{Raw: []byte(`{"apiVersion":"meta.k8s.io/v1","kind":"CreateOptions","fieldManager":"kubectl-client-side-apply"}`)},
		Object:   runtime.RawExtension{Raw: raw},
	})
}

// judged is what kroguard says of an instance: why it is refused, and what it warns of.
func judged(decision *review.Decision) (refusals, warnings []string) {
	for i := range decision.Verdict.Denied {
		refusals = append(refusals, decision.Verdict.Denied[i].String())
	}
	return refusals, decision.Warnings
}

// compileErrors are the places in an error of the compiler; nil for none.
func compileErrors(err error) policies.CompileErrors {
	if err == nil {
		return nil
	}
	if found, ok := errors.AsType[policies.CompileErrors](err); ok {
		return found
	}
	return policies.CompileErrors{{Field: "spec", Message: fmt.Sprint(err)}}
}
