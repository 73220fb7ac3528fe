// Package sets holds the policies and objects that engines are compared on, as data: each policy once in Rego and once in
// CEL, with parameters, from which every engine's own form is generated. So no engine is given a policy that was written
// better for it than for the others.
//
// A folder is a set: object.yaml is what is judged, as the API server sends it, and each folder in it is a policy. In
// params.yaml $n is replaced by the number of the cycle: the first guardrails have it as 0, and once all policies were used
// they are used again with 1. It must not make a policy heavier: no bounds of repetitions in patterns, which are compiled anew
// by engines that do not know the pattern.
package sets

import (
	"embed"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"

	admissionv1 "k8s.io/api/admission/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"

	"github.com/kroguard/kroguard/policies/v1alpha1"
)

//go:embed instance workload
var files embed.FS

// Set is a set of policies and the object that they judge. It is read-only.
type Set struct {
	// Object is the object as JSON.
	Object []byte
	// Kind and Resource are the object's.
	Kind     metav1.GroupVersionKind
	Resource metav1.GroupVersionResource
	// Policies are the policies, by name.
	Policies []Policy
}

// Policy is a policy in both languages.
type Policy struct {
	// Name is that of its folder.
	Name string
	// Package is the name of the Rego module's package.
	Package string
	// Rego is a module in Rego v1 with the rule violation, as Gatekeeper and kroguard both read it.
	Rego string
	// CEL is the same as validations that read params.
	CEL v1alpha1.CELPolicy

	params string
}

// Entry is a policy with parameters.
type Entry struct {
	*Policy
	// Name is unique among the entries.
	Name string
	// Params is a JSON object.
	Params []byte
}

// Instance are policies on a kro instance.
func Instance() (*Set, error) {
	return load("instance", metav1.GroupVersionKind{Group: "kro.run", Version: "v1alpha1", Kind: "WebApp"},
		metav1.GroupVersionResource{Group: "kro.run", Version: "v1alpha1", Resource: "webapps"})
}

// Workload are heavier policies, on the Pods of a Deployment.
func Workload() (*Set, error) {
	return load("workload", metav1.GroupVersionKind{Group: "apps", Version: "v1", Kind: "Deployment"},
		metav1.GroupVersionResource{Group: "apps", Version: "v1", Resource: "deployments"})
}

func load(folder string, kind metav1.GroupVersionKind, resource metav1.GroupVersionResource) (*Set, error) {
	object, err := files.ReadFile(path.Join(folder, "object.yaml"))
	if err != nil {
		return nil, err
	}
	set := &Set{Kind: kind, Resource: resource}
	if set.Object, err = yaml.YAMLToJSON(object); err != nil {
		return nil, fmt.Errorf("%s/object.yaml: %w", folder, err)
	}
	entries, err := files.ReadDir(folder)
	if err != nil {
		return nil, err
	}
	for _, entry := range entries {
		if !entry.IsDir() {
			continue
		}
		policy, err := loadPolicy(path.Join(folder, entry.Name()))
		if err != nil {
			return nil, err
		}
		set.Policies = append(set.Policies, *policy)
	}
	return set, nil
}

func loadPolicy(folder string) (*Policy, error) {
	policy := &Policy{Name: path.Base(folder)}
	for name, use := range map[string]func(text []byte) error{
		"policy.rego":     policy.setRego,
		"policy.cel.yaml": func(text []byte) error { return yaml.UnmarshalStrict(text, &policy.CEL) },
		"params.yaml":     func(text []byte) error { policy.params = string(text); return nil },
	} {
		text, err := fs.ReadFile(files, path.Join(folder, name))
		if err != nil {
			return nil, err
		}
		if err := use(text); err != nil {
			return nil, fmt.Errorf("%s/%s: %w", folder, name, err)
		}
	}
	return policy, nil
}

func (p *Policy) setRego(text []byte) error {
	p.Rego = string(text)
	first, _, _ := strings.Cut(p.Rego, "\n")
	name, ok := strings.CutPrefix(first, "package ")
	if !ok {
		return fmt.Errorf("the first line names no package: %q", first)
	}
	p.Package = name
	return nil
}

// RegoIn is the Rego module in a package of another name.
func (p *Policy) RegoIn(name string) string {
	return strings.Replace(p.Rego, "package "+p.Package, "package "+name, 1)
}

// Without is the set without some policies.
func (s *Set) Without(names ...string) *Set {
	reduced := *s
	reduced.Policies = slices.DeleteFunc(slices.Clone(s.Policies), func(p Policy) bool { return slices.Contains(names, p.Name) })
	return &reduced
}

// Cycle yields n entries: the policies in turn, again and again, each time with other parameters.
func (s *Set) Cycle(n int) ([]Entry, error) {
	entries := make([]Entry, n)
	for i := range entries {
		policy := &s.Policies[i%len(s.Policies)]
		cycle := strconv.Itoa(i / len(s.Policies))
		params, err := yaml.YAMLToJSON([]byte(strings.ReplaceAll(policy.params, "$n", cycle)))
		if err != nil {
			return nil, fmt.Errorf("%s/params.yaml: %w", policy.Name, err)
		}
		entries[i] = Entry{Policy: policy, Name: policy.Name + "-" + cycle, Params: params}
	}
	return entries, nil
}

// Request is the admission request by which the object is created.
func (s *Set) Request() *admissionv1.AdmissionRequest {
	return &admissionv1.AdmissionRequest{
		UID:             "705ab4f5-6393-11e8-b7cc-42010a800002",
		Kind:            s.Kind,
		Resource:        s.Resource,
		RequestKind:     &s.Kind,
		RequestResource: &s.Resource,
		Name:            "shop",
		Namespace:       "payments-prod",
		Operation:       admissionv1.Create,
		UserInfo: authenticationv1.UserInfo{
			Username: "jane@example.com",
			Groups:   []string{"developers", "team-payments", "system:authenticated"},
		},
		Object:  runtime.RawExtension{Raw: s.Object},
		DryRun:  new(bool),
		Options: runtime.RawExtension{Raw: []byte(`{"kind":"CreateOptions","apiVersion":"meta.k8s.io/v1","fieldManager":"kubectl"}`)},
	}
}

// Namespace is the namespace of the object.
func (*Set) Namespace() *corev1.Namespace {
	return &corev1.Namespace{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Namespace"},
		ObjectMeta: metav1.ObjectMeta{
			Name:   "payments-prod",
			Labels: map[string]string{"env": "prod", "kubernetes.io/metadata.name": "payments-prod"},
		},
		Status: corev1.NamespaceStatus{Phase: corev1.NamespaceActive},
	}
}
