package controlplane

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/yaml"
)

// fieldManager signs what the control plane itself applies.
const fieldManager = "controlplane"

// customResourceDefinitions is where the API server keeps CRDs.
func customResourceDefinitions() schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}
}

// manifest is an object and where the API server keeps its kind.
type manifest struct {
	resource schema.GroupVersionResource
	object   *unstructured.Unstructured
}

// installKro applies what kro's chart consists of, but for the Deployment, and waits until kro's own
// kinds are served.
func (p *ControlPlane) installKro(ctx context.Context) error {
	client, err := dynamic.NewForConfig(p.RESTConfig())
	if err != nil {
		return err
	}
	crds, err := readCRDs(p.binaries.KroCRDs)
	if err != nil {
		return err
	}
	for _, m := range append(kroAccount(), crds...) {
		if err := m.apply(ctx, client); err != nil {
			return err
		}
	}
	for _, crd := range crds {
		if err := p.waitServed(ctx, client, crd.object); err != nil {
			return fmt.Errorf("CRD %s: %w", crd.object.GetName(), err)
		}
	}
	return nil
}

// kroAccount is kro's service account with the rights that its chart gives it by default: all.
func kroAccount() []manifest {
	return []manifest{
		newManifest(schema.GroupVersionResource{Version: "v1", Resource: "namespaces"}, "Namespace", map[string]any{
			"metadata": map[string]any{"name": KroNamespace},
		}),
		newManifest(schema.GroupVersionResource{Version: "v1", Resource: "serviceaccounts"}, "ServiceAccount", map[string]any{
			"metadata": map[string]any{"name": KroServiceAccount, "namespace": KroNamespace},
		}),
		newManifest(schema.GroupVersionResource{
			Group: "rbac.authorization.k8s.io", Version: "v1", Resource: "clusterrolebindings",
		}, "ClusterRoleBinding", map[string]any{
			"metadata": map[string]any{"name": "kro-cluster-role-binding"},
			"roleRef": map[string]any{
				"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin",
			},
			"subjects": []any{
				map[string]any{"kind": "ServiceAccount", "name": KroServiceAccount, "namespace": KroNamespace},
			},
		}),
	}
}

func newManifest(resource schema.GroupVersionResource, kind string, content map[string]any) manifest {
	object := &unstructured.Unstructured{Object: content}
	object.SetGroupVersionKind(resource.GroupVersion().WithKind(kind))
	return manifest{resource: resource, object: object}
}

// readCRDs reads a folder of files with one CustomResourceDefinition each.
func readCRDs(dir string) ([]manifest, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("no CRDs in %s: delete that folder to have them fetched again", dir)
	}
	var crds []manifest
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		object := &unstructured.Unstructured{}
		if err := yaml.Unmarshal(text, &object.Object); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		crds = append(crds, manifest{resource: customResourceDefinitions(), object: object})
	}
	return crds, nil
}

func (m manifest) apply(ctx context.Context, client dynamic.Interface) error {
	name := m.object.GetName()
	_, err := client.Resource(m.resource).Namespace(m.object.GetNamespace()).
		Apply(ctx, name, m.object, metav1.ApplyOptions{FieldManager: fieldManager, Force: true})
	if err != nil {
		return fmt.Errorf("apply %s %s: %w", m.resource.Resource, name, err)
	}
	return nil
}

// waitServed waits until a CRD is Established, and then until its objects can be listed. That comes a
// moment later, and client-go, told "too many requests" until then, would sleep for a second or two:
// hence a plain HTTP client.
func (p *ControlPlane) waitServed(ctx context.Context, client dynamic.Interface, crd *unstructured.Unstructured) error {
	err := poll(ctx, nil, func(ctx context.Context) error {
		now, err := client.Resource(customResourceDefinitions()).Get(ctx, crd.GetName(), metav1.GetOptions{})
		if err != nil {
			return err
		}
		if !hasCondition(now, "Established") {
			return errors.New("not Established")
		}
		return nil
	})
	if err != nil {
		return err
	}
	plain, err := rest.HTTPClientFor(p.admin)
	if err != nil {
		return err
	}
	for _, path := range servedPaths(crd) {
		if err := poll(ctx, nil, func(ctx context.Context) error { return getOK(ctx, plain, p.admin.Host+path) }); err != nil {
			return err
		}
	}
	return nil
}

// servedPaths are the paths of the collections that a CRD defines, one for each version served.
func servedPaths(crd *unstructured.Unstructured) []string {
	group, _, _ := unstructured.NestedString(crd.Object, "spec", "group")
	plural, _, _ := unstructured.NestedString(crd.Object, "spec", "names", "plural")
	versions, _, _ := unstructured.NestedSlice(crd.Object, "spec", "versions")
	var paths []string
	for _, v := range versions {
		version, _ := v.(map[string]any)
		if served, _ := version["served"].(bool); served {
			paths = append(paths, fmt.Sprintf("/apis/%s/%s/%s", group, version["name"], plural))
		}
	}
	return paths
}

// hasCondition tells whether the object's status has a condition of that type and status True.
func hasCondition(object *unstructured.Unstructured, kind string) bool {
	conditions, _, _ := unstructured.NestedSlice(object.Object, "status", "conditions")
	for _, c := range conditions {
		condition, _ := c.(map[string]any)
		if condition["type"] == kind && condition["status"] == "True" {
			return true
		}
	}
	return false
}
