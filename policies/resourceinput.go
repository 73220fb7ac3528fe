package policies

import (
	"context"
	"sync/atomic"

	admissionv1 "k8s.io/api/admission/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Renderer tells what an instance expands into, and of the cluster what judging that takes.
type Renderer interface {
	// Render yields what the instance expands into; the error says why that can't be told.
	Render(ctx context.Context) (*Rendering, error)
	// RenderOld is Render for the instance before an UPDATE. It is not asked on CREATE.
	RenderOld(ctx context.Context) (*Rendering, error)
	// Namespace yields a namespace by name; nil where it is unknown. The same object for the same namespace is what makes it fast.
	Namespace(name string) *corev1.Namespace
	// Applier is who creates the resources: kro.
	Applier() authenticationv1.UserInfo
}

// resourceInputs are the rendered resources as guardrails see them, and as policies do.
type resourceInputs struct {
	rendering *Rendering
	// ofUser and ofApplier are parallel to the resources: as if the instance's user asked for them, and as kro will. They are nil
	// until one is needed, and for what isn't judged.
	ofUser, ofApplier []atomic.Pointer[Input]
	// old are the resources of the instance before an UPDATE.
	old map[resourceKey]*RenderedResource
}

// resourceKey tells whether two rendered resources are the same object.
type resourceKey struct {
	group, kind, namespace, name string
}

func keyOfResource(r *RenderedResource) resourceKey {
	return resourceKey{
		group: r.GVK.Group, kind: r.GVK.Kind,
		namespace: stringAt(r.Object, "metadata", "namespace"), name: stringAt(r.Object, "metadata", "name"),
	}
}

// Rendering is all that the instance expands into, rendered when first asked for. The error says why that can't be told.
func (in *Input) Rendering(ctx context.Context) (*Rendering, error) {
	inputs, err := in.resources(ctx)
	if err != nil {
		return nil, err
	}
	return inputs.rendering, nil
}

// resources are the rendered resources, rendered when first asked for.
func (in *Input) resources(ctx context.Context) (*resourceInputs, error) {
	if in.parent != nil {
		return in.parent.resources(ctx)
	}
	in.rendered.once.Do(func() {
		if in.renderer == nil {
			in.rendered.err = errNotRendered
			return
		}
		in.rendered.value, in.rendered.err = in.render(ctx)
	})
	return in.rendered.value, in.rendered.err
}

func (in *Input) render(ctx context.Context) (_ *resourceInputs, err error) {
	defer recoverAs(&err, "rendering the instance")
	rendering, err := in.renderer.Render(ctx)
	if err != nil {
		return nil, err
	}
	inputs := &resourceInputs{
		rendering: rendering,
		ofUser:    make([]atomic.Pointer[Input], len(rendering.Resources)),
		ofApplier: make([]atomic.Pointer[Input], len(rendering.Resources)),
	}
	if in.Request.Operation != admissionv1.Update {
		return inputs, nil
	}
	// What the instance was may not be renderable any more, with the RGD of today. All its resources are new then.
	if old, err := in.renderer.RenderOld(ctx); err == nil {
		inputs.old = make(map[resourceKey]*RenderedResource, len(old.Resources))
		for i := range old.Resources {
			// Rules that compare with the former state must not be told that a field was absent which nobody knows.
			if r := &old.Resources[i]; r.State == ResourceResolved {
				inputs.old[keyOfResource(r)] = r
			}
		}
	}
	return inputs, nil
}

// forUser is the input of the i-th rendered resource, as if the user of the instance created it.
func (in *Input) forUser(inputs *resourceInputs, i int) *Input {
	return once(&inputs.ofUser[i], func() *Input { return in.ofResource(inputs, i, in.Request.UserInfo) })
}

// forApplier is the input of the i-th rendered resource, as kro will create it.
func (in *Input) forApplier(inputs *resourceInputs, i int) *Input {
	return once(&inputs.ofApplier[i], func() *Input { return in.ofResource(inputs, i, in.renderer.Applier()) })
}

// once yields the value that is there, or makes it.
func once(place *atomic.Pointer[Input], build func() *Input) *Input {
	if known := place.Load(); known != nil {
		return known
	}
	if built := build(); place.CompareAndSwap(nil, built) {
		return built
	}
	return place.Load()
}

// ofResource is the input of the i-th rendered resource. It is created where nothing says that it was there before.
func (in *Input) ofResource(inputs *resourceInputs, i int, user authenticationv1.UserInfo) *Input {
	resource := &inputs.rendering.Resources[i]
	request := &admissionv1.AdmissionRequest{
		UID:       in.Request.UID,
		Kind:      metav1.GroupVersionKind(resource.GVK),
		Resource:  metav1.GroupVersionResource(resource.Resource),
		Name:      stringAt(resource.Object, "metadata", "name"),
		Namespace: stringAt(resource.Object, "metadata", "namespace"),
		Operation: admissionv1.Create,
		UserInfo:  user,
		DryRun:    in.Request.DryRun,
	}
	options := InputOptions{
		Request:  request,
		Object:   resource.Object,
		Instance: in.Instance, Unresolved: resource.Unresolved,
		OfferingName: in.OfferingName, Offering: in.Offering,
		ProjectName: in.ProjectName, Project: in.Project,
		Authorizer: in.Authorizer,
	}
	if old, existed := inputs.old[keyOfResource(resource)]; existed {
		request.Operation, options.OldObject = admissionv1.Update, old.Object
	}
	switch {
	case resource.GVK.Group == corev1.GroupName && resource.GVK.Kind == "Namespace":
		// An API server calls a namespace that is created the request's, and has no object for it.
		request.Namespace = request.Name
	case request.Namespace != "":
		options.Namespace = in.namespaceOf(request.Namespace)
	}
	input := NewInput(options)
	input.parent = in
	return input
}

// namespaceOf is a namespace by name. One that nobody knows, since it is created together with what goes into it, has its name and
// the label that Kubernetes gives it.
func (in *Input) namespaceOf(name string) *corev1.Namespace {
	if in.Namespace != nil && in.Namespace.Name == name {
		return in.Namespace
	}
	if namespace := in.renderer.Namespace(name); namespace != nil {
		return namespace
	}
	return &corev1.Namespace{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Namespace"},
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{corev1.LabelMetadataName: name}},
	}
}
