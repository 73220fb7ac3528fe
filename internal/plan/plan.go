// Package plan says what would become of an instance if it were applied: what admission would make of it, what it would expand
// into, and whether it would be let in. It asks the same pipeline as the webhooks, so that they can't disagree.
package plan

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apiserver/pkg/authorization/authorizer"

	"github.com/kroguard/kroguard/internal/review"
	"github.com/kroguard/kroguard/policies"
)

// Plan is what would become of one instance.
type Plan struct {
	// Source is where the instance is from.
	Source string `json:"source,omitempty"`
	// Offering and Project are empty where there is none.
	Offering string `json:"offering,omitempty"`
	Project  string `json:"project,omitempty"`
	// Submitted is the instance as it was written, Admitted with defaults and labels, those of its CustomResourceDefinition included.
	Submitted map[string]any `json:"-"`
	Admitted  map[string]any `json:"instance"`
	// Skipped are the defaults and labels that could not be injected.
	Skipped []review.Skipped `json:"skipped,omitempty"`
	// Resources are what it would expand into; RenderError why that can't be told.
	Resources   []Resource `json:"resources"`
	RenderError string     `json:"renderError,omitempty"`
	// Allowed says that it would be let in. Message is the refusal, and Warnings are what the user would be told, as an API server
	// would say it.
	Allowed  bool             `json:"allowed"`
	Message  string           `json:"message,omitempty"`
	Warnings []string         `json:"warnings,omitempty"`
	Verdict  policies.Verdict `json:"verdict"`
}

// Resource is a rendered resource as JSON.
type Resource struct {
	Node       string                 `json:"node"`
	State      policies.ResourceState `json:"state"`
	Reason     string                 `json:"reason,omitempty"`
	APIVersion string                 `json:"apiVersion"`
	Kind       string                 `json:"kind"`
	Offering   string                 `json:"offering,omitempty"`
	Unresolved []Unresolved           `json:"unresolved,omitempty"`
	Object     map[string]any         `json:"object,omitempty"`
}

// Unresolved is a field that nobody can tell yet.
type Unresolved struct {
	Path        string   `json:"path"`
	Expressions []string `json:"expressions,omitempty"`
	WaitsFor    []string `json:"waitsFor,omitempty"`
}

// Make plans the request of an instance that somebody wrote. Rights answer CEL's authorizer calls and may be nil; now is the time by
// which exceptions expire.
func Make(
	ctx context.Context, snapshot *review.Snapshot, written *review.Request, rights authorizer.Authorizer, now time.Time,
) (*Plan, error) {
	request, err := received(snapshot, written)
	if err != nil {
		return nil, err
	}
	mutation := snapshot.Mutate(request)
	request.Object = mutation.Object
	decision := snapshot.Validate(ctx, request, rights, now)
	plan := &Plan{
		Submitted: forPeople(written.Object), Admitted: forPeople(mutation.Object), Skipped: mutation.Skipped,
		Allowed: decision.Verdict.Allowed(), Message: policies.Render(decision.Verdict.Denied),
		Warnings: decision.Warnings, Verdict: decision.Verdict, Resources: []Resource{},
	}
	plan.Offering, plan.Project = snapshot.Place(request)
	plan.render(ctx, snapshot, request)
	return plan, nil
}

// render notes what the request expands into, or why nobody can tell.
func (p *Plan) render(ctx context.Context, snapshot *review.Snapshot, request *review.Request) {
	rendering, err := snapshot.Render(ctx, request)
	if err != nil {
		p.RenderError = err.Error()
		return
	}
	for i := range rendering.Resources {
		p.Resources = append(p.Resources, resourceOf(&rendering.Resources[i]))
	}
}

// received is the request as kroguard receives it of one that was written: with the defaults of the CustomResourceDefinition, and with
// what kubectl apply notes of the manifest, which tells the one from the other. Whatever else says so is left as it is.
func received(snapshot *review.Snapshot, written *review.Request) (*review.Request, error) {
	request := *written
	text, err := json.Marshal(written.Object)
	if err != nil {
		return nil, fmt.Errorf("writing the manifest: %w", err)
	}
	if request.Object, err = decode(text); err != nil {
		return nil, err
	}
	snapshot.Default(&request)
	if metadata, ok := request.Object["metadata"].(map[string]any); ok && metadata["managedFields"] == nil {
		annotations, _ := metadata["annotations"].(map[string]any)
		if annotations == nil {
			annotations = map[string]any{}
			metadata["annotations"] = annotations
		}
		if annotations[corev1.LastAppliedConfigAnnotation] == nil {
			annotations[corev1.LastAppliedConfigAnnotation] = string(text)
		}
	}
	return &request, nil
}

// forPeople is the object without managedFields and without kubectl's note of the manifest.
func forPeople(object map[string]any) map[string]any {
	metadata, _ := object["metadata"].(map[string]any)
	annotations, _ := metadata["annotations"].(map[string]any)
	if annotations[corev1.LastAppliedConfigAnnotation] == nil && metadata["managedFields"] == nil {
		return object
	}
	object, metadata, annotations = maps.Clone(object), maps.Clone(metadata), maps.Clone(annotations)
	delete(metadata, "managedFields")
	delete(annotations, corev1.LastAppliedConfigAnnotation)
	metadata["annotations"] = annotations
	if len(annotations) == 0 {
		delete(metadata, "annotations")
	}
	object["metadata"] = metadata
	return object
}

func resourceOf(r *policies.RenderedResource) Resource {
	resource := Resource{
		Node: r.Node, State: r.State, Reason: r.Reason, APIVersion: r.GVK.GroupVersion().String(), Kind: r.GVK.Kind,
		Offering: r.Offering, Object: r.Object,
	}
	for i := range r.Unresolved {
		field := &r.Unresolved[i]
		resource.Unresolved = append(resource.Unresolved, Unresolved{
			Path: field.Path.String(), Expressions: field.Expressions, WaitsFor: field.WaitsFor,
		})
	}
	return resource
}
