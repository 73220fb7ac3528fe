package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	jsonpatch "github.com/evanphx/json-patch/v5"
	internalv1alpha1 "github.com/kubernetes-sigs/kro/api/internal.kro.run/v1alpha1"
	krov1alpha1 "github.com/kubernetes-sigs/kro/api/v1alpha1"
	admissionv1 "k8s.io/api/admission/v1"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	runtimeschema "k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/jsonmergepatch"
	"k8s.io/client-go/discovery"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kroguard/kroguard/internal/controller"
	"github.com/kroguard/kroguard/internal/manifests"
	"github.com/kroguard/kroguard/internal/openapi"
	"github.com/kroguard/kroguard/internal/review"
	"github.com/kroguard/kroguard/policies/admissionpolicy"
	"github.com/kroguard/kroguard/policies/gatekeeper"
	"github.com/kroguard/kroguard/policies/v1alpha1"
)

// cluster is the current cluster, as a command reads it once.
type cluster struct {
	client client.Client
}

// newCluster reaches the cluster that the flags or the environment name.
func newCluster(kubeconfig string) (*cluster, *openapi.Kinds, error) {
	config, err := restConfig(kubeconfig)
	if err != nil {
		return nil, nil, fmt.Errorf("%w; or give the configuration as files, with -c", err)
	}
	scheme, err := newScheme()
	if err != nil {
		return nil, nil, err
	}
	if err := internalv1alpha1.AddToScheme(scheme); err != nil {
		return nil, nil, fmt.Errorf("building the scheme: %w", err)
	}
	c, err := client.New(config, client.Options{Scheme: scheme})
	if err != nil {
		return nil, nil, fmt.Errorf("reaching the cluster: %w", err)
	}
	discoverer, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		return nil, nil, fmt.Errorf("reaching the cluster: %w", err)
	}
	return &cluster{client: c}, openapi.New(discoverer), nil
}

// read adds the configuration of the cluster, as serve reads it.
func (c *cluster) read(ctx context.Context, kinds *openapi.Kinds, sources *policySources, into *manifests.Configuration) error {
	if _, err := kinds.Refresh(); err != nil {
		return err
	}
	into.Types = kinds
	errs := []error{
		listInto[krov1alpha1.ResourceGraphDefinitionList](ctx, c, func(l *krov1alpha1.ResourceGraphDefinitionList) { into.Offerings = pointersTo(l.Items) }),
		listInto[v1alpha1.GuardrailList](ctx, c, func(l *v1alpha1.GuardrailList) { into.Guardrails = pointersTo(l.Items) }),
		listInto[v1alpha1.GuardrailExceptionList](ctx, c, func(l *v1alpha1.GuardrailExceptionList) { into.Exceptions = pointersTo(l.Items) }),
		listInto[v1alpha1.ProjectList](ctx, c, func(l *v1alpha1.ProjectList) { into.Projects = pointersTo(l.Items) }),
		listInto[corev1.NamespaceList](ctx, c, func(l *corev1.NamespaceList) { into.Namespaces = pointersTo(l.Items) }),
		listInto[internalv1alpha1.GraphRevisionList](ctx, c, func(l *internalv1alpha1.GraphRevisionList) { into.Revisions = pointersTo(l.Items) }),
		c.readKnodex(ctx, into),
	}
	if sources.has(controller.SourceAdmissionPolicies) {
		errs = append(errs, c.readAdmissionPolicies(ctx, into))
	}
	if sources.has(controller.SourceGatekeeper) {
		errs = append(errs, c.readGatekeeper(ctx, sources.inventory, into))
	}
	return errors.Join(errs...)
}

// listInto lists one kind; one that the cluster doesn't have has no objects.
func listInto[T any, P interface {
	*T
	client.ObjectList
}](ctx context.Context, c *cluster, take func(*T)) error {
	list := new(T)
	if err := c.client.List(ctx, P(list)); err != nil {
		if meta.IsNoMatchError(err) || apierrors.IsNotFound(err) {
			return nil
		}
		return fmt.Errorf("reading the cluster's configuration: %w", err)
	}
	take(list)
	return nil
}

func (c *cluster) readKnodex(ctx context.Context, into *manifests.Configuration) (err error) {
	kind := runtimeschema.GroupVersionKind{Group: "knodex.io", Version: "v1alpha1", Kind: "Project"}
	if into.Knodex, err = c.list(ctx, kind); err != nil {
		return fmt.Errorf("reading Knodex Projects: %w", err)
	}
	return nil
}

// readAdmissionPolicies reads them, and all that may be their params.
func (c *cluster) readAdmissionPolicies(ctx context.Context, into *manifests.Configuration) error {
	err := errors.Join(
		listInto[admissionregistrationv1.ValidatingAdmissionPolicyList](ctx, c, func(l *admissionregistrationv1.ValidatingAdmissionPolicyList) {
			into.AdmissionPolicies = pointersTo(l.Items)
		}),
		listInto[admissionregistrationv1.ValidatingAdmissionPolicyBindingList](ctx, c,
			func(l *admissionregistrationv1.ValidatingAdmissionPolicyBindingList) {
				into.AdmissionBindings = pointersTo(l.Items)
			}),
	)
	if err != nil {
		return err
	}
	for _, kind := range admissionpolicy.ParamKinds(into.AdmissionPolicies, into.AdmissionBindings) {
		objects, err := c.list(ctx, kind)
		if err != nil {
			return fmt.Errorf("reading params of ValidatingAdmissionPolicies: %w", err)
		}
		if err := into.AddOthers("the cluster", objects); err != nil {
			return fmt.Errorf("reading params of ValidatingAdmissionPolicies: %w", err)
		}
	}
	return nil
}

// readGatekeeper reads Gatekeeper's templates and constraints, and all that is data.inventory.
func (c *cluster) readGatekeeper(ctx context.Context, inventory []runtimeschema.GroupVersionKind, into *manifests.Configuration) error {
	var errs []error
	list := func(group, version, kind string) []map[string]any {
		objects, err := c.list(ctx, runtimeschema.GroupVersionKind{Group: group, Version: version, Kind: kind})
		if err != nil {
			errs = append(errs, fmt.Errorf("reading Gatekeeper's policies: %w", err))
		}
		return objects
	}
	into.Templates = list(gatekeeper.TemplateGroup, "v1", gatekeeper.TemplateKind)
	into.GatekeeperConfigs = list(gatekeeper.ConfigGroup, "v1alpha1", gatekeeper.ConfigKind)
	for _, template := range into.Templates {
		if kind, _, _ := unstructured.NestedString(template, "spec", "crd", "spec", "names", "kind"); kind != "" {
			into.Constraints = append(into.Constraints, list(gatekeeper.ConstraintGroup, "v1beta1", kind)...)
		}
	}
	into.Inventory = []map[string]any{}
	for _, kind := range inventory {
		into.Inventory = append(into.Inventory, list(kind.Group, kind.Version, kind.Kind)...)
	}
	return errors.Join(errs...)
}

// list lists a kind that has no Go type here; one that the cluster doesn't have has no objects.
func (c *cluster) list(ctx context.Context, kind runtimeschema.GroupVersionKind) ([]map[string]any, error) {
	list := &unstructured.UnstructuredList{}
	list.SetGroupVersionKind(kind.GroupVersion().WithKind(kind.Kind + "List"))
	if err := c.client.List(ctx, list); err != nil && !meta.IsNoMatchError(err) && !apierrors.IsNotFound(err) {
		return nil, err
	}
	objects := make([]map[string]any, len(list.Items))
	for i := range list.Items {
		objects[i] = list.Items[i].Object
	}
	return objects, nil
}

// apply makes the request one that changes the object that is there, if there is one, as kubectl apply would.
func (c *cluster) apply(ctx context.Context, object *manifests.Object, request *review.Request) error {
	if object.Name == "" {
		return nil
	}
	live := &unstructured.Unstructured{}
	live.SetGroupVersionKind(object.Kind)
	err := c.client.Get(ctx, client.ObjectKey{Namespace: object.Namespace, Name: object.Name}, live)
	if apierrors.IsNotFound(err) || meta.IsNoMatchError(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("looking for the object in the cluster: %w", err)
	}
	current, err := live.MarshalJSON()
	if err != nil {
		return fmt.Errorf("reading the object in the cluster: %w", err)
	}
	modified, err := withManifest(object.Raw)
	if err != nil {
		return err
	}
	original := []byte(live.GetAnnotations()[corev1.LastAppliedConfigAnnotation])
	patch, err := jsonmergepatch.CreateThreeWayJSONMergePatch(original, modified, current)
	if err != nil {
		return fmt.Errorf("comparing with the object in the cluster: %w", err)
	}
	merged, err := jsonpatch.MergePatch(current, patch)
	if err != nil {
		return fmt.Errorf("changing the object in the cluster: %w", err)
	}
	changed := &unstructured.Unstructured{}
	if err := changed.UnmarshalJSON(merged); err != nil {
		return fmt.Errorf("changing the object in the cluster: %w", err)
	}
	request.Object, request.OldObject = changed.Object, live.Object
	request.Admission.Operation = admissionv1.Update
	return nil
}

// whoAmI is the user as whom the command talks to the cluster.
func (c *cluster) whoAmI(ctx context.Context) (user string, groups []string, err error) {
	review := &authenticationv1.SelfSubjectReview{}
	if err := c.client.Create(ctx, review); err != nil {
		return "", nil, fmt.Errorf("asking the cluster who you are: %w; or give --as", err)
	}
	return review.Status.UserInfo.Username, review.Status.UserInfo.Groups, nil
}

// withManifest is a manifest with the note of itself that kubectl apply makes.
func withManifest(raw []byte) ([]byte, error) {
	object := &unstructured.Unstructured{}
	if err := object.UnmarshalJSON(raw); err != nil {
		return nil, fmt.Errorf("reading the manifest: %w", err)
	}
	annotations := object.GetAnnotations()
	if annotations == nil {
		annotations = map[string]string{}
	}
	annotations[corev1.LastAppliedConfigAnnotation] = string(raw)
	object.SetAnnotations(annotations)
	return json.Marshal(object.Object)
}

// pointersTo are pointers to the items.
func pointersTo[T any](items []T) []*T {
	pointers := make([]*T, len(items))
	for i := range items {
		pointers[i] = &items[i]
	}
	return pointers
}
