package admissionpolicy

import (
	"errors"
	"fmt"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kroguard/kroguard/policies"
)

// Params looks params up, at each evaluation. It asks no API server: a watched cache or files answer. Objects are decoded from JSON,
// integers int64, and nobody changes one that it has yielded; they have an apiVersion and a kind. It is safe for concurrent use.
type Params interface {
	// Namespaced reports whether objects of the kind are in namespaces; the error says that nobody knows the kind.
	Namespaced(kind schema.GroupVersionKind) (bool, error)
	// Get yields one object, nil where there is none. The namespace is empty for kinds that are in none.
	Get(kind schema.GroupVersionKind, namespace, name string) (map[string]any, error)
	// List yields the selected objects of a namespace, or of a kind that is in none, in the order of their names.
	List(kind schema.GroupVersionKind, namespace string, selector labels.Selector) ([]map[string]any, error)
}

// paramRef is how a binding finds params. It is immutable.
type paramRef struct {
	// kind is empty where the policy has no paramKind.
	kind schema.GroupVersionKind
	// none says that params are null: the policy has no paramKind, or the binding no paramRef.
	none            bool
	namespace, name string
	selector        labels.Selector
	// require says that it is an error where there are none.
	require bool
	lookup  Params
}

// errNoParams is what an API server says.
var errNoParams = errors.New("no params found for policy binding with `Deny` parameterNotFoundAction")

// isKnown reports whether there is such a kind at all, which matters even where the binding has no paramRef.
func (p *paramRef) isKnown() bool {
	if p.kind.Empty() {
		return true
	}
	if p.lookup == nil {
		return false
	}
	_, err := p.lookup.Namespaced(p.kind)
	return err == nil
}

// find yields the params for a request; none where the binding then says nothing. An error is one of configuration.
func (p *paramRef) find(r *request) ([]map[string]any, error) {
	if !p.isKnown() {
		return nil, fmt.Errorf("failed to configure policy: failed to find resource referenced by paramKind: '%v'", p.kind)
	}
	if p.none {
		return []map[string]any{nil}, nil
	}
	found, err := p.findKnown(r)
	if _, ok := errors.AsType[notYetError](err); err != nil && !ok {
		return nil, fmt.Errorf("failed to configure binding: %w", err)
	}
	return found, err
}

func (p *paramRef) findKnown(r *request) ([]map[string]any, error) {
	namespace, err := p.namespaceFor(r)
	if err != nil {
		return nil, err
	}
	found, err := p.lookUp(namespace)
	if err != nil {
		return nil, err
	}
	if len(found) == 0 && p.require {
		return nil, errNoParams
	}
	return found, nil
}

func (p *paramRef) lookUp(namespace string) ([]map[string]any, error) {
	if p.selector != nil {
		return p.lookup.List(p.kind, namespace, p.selector)
	}
	object, err := p.lookup.Get(p.kind, namespace, p.name)
	if err != nil || object == nil {
		return nil, err
	}
	return []map[string]any{object}, nil
}

// namespaceFor is where params are looked for: in the namespace that the binding names, else in the request's.
func (p *paramRef) namespaceFor(r *request) (string, error) {
	namespaced, err := p.lookup.Namespaced(p.kind)
	switch {
	case err != nil:
		return "", err
	case !namespaced && p.namespace != "":
		return "", errors.New("paramRef.namespace must not be provided for a cluster-scoped `paramKind`")
	case !namespaced:
		return "", nil
	case p.namespace != "":
		return p.namespace, nil
	case r.placeUnknown || r.isNamespace && r.nameUnknown:
		return "", notYetError("its params are looked for in a namespace that can't be told yet")
	case r.attributes.GetNamespace() == "":
		return "", errors.New("cannot use namespaced paramRef in policy binding that matches cluster-scoped resources")
	default:
		return r.attributes.GetNamespace(), nil
	}
}

// compileParamRef compiles how a binding finds the params of a policy.
func compileParamRef(
	kind *admissionregistrationv1.ParamKind, ref *admissionregistrationv1.ParamRef, lookup Params,
) (paramRef, policies.CompileErrors) {
	if kind == nil {
		return paramRef{none: true}, nil
	}
	fail := func(field, message string) (paramRef, policies.CompileErrors) {
		return paramRef{}, policies.CompileErrors{{Field: field, Message: message}}
	}
	group, err := schema.ParseGroupVersion(kind.APIVersion)
	if err != nil {
		return fail("spec.paramKind.apiVersion", err.Error())
	}
	if ref == nil {
		return paramRef{none: true, kind: group.WithKind(kind.Kind), lookup: lookup}, nil
	}
	p := paramRef{
		kind: group.WithKind(kind.Kind), namespace: ref.Namespace, name: ref.Name, lookup: lookup,
		require: ref.ParameterNotFoundAction != nil && *ref.ParameterNotFoundAction == admissionregistrationv1.DenyAction,
	}
	switch {
	case ref.Name != "" && ref.Selector != nil:
		return fail("binding spec.paramRef", "name and selector are mutually exclusive")
	case ref.Selector != nil:
		if p.selector, err = metav1.LabelSelectorAsSelector(ref.Selector); err != nil {
			return fail("binding spec.paramRef.selector", err.Error())
		}
	case ref.Name == "":
		return fail("binding spec.paramRef", "one of name or selector must be provided")
	}
	return p, nil
}
