package rego

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/open-policy-agent/opa/v1/ast"
	admissionv1 "k8s.io/api/admission/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"

	"github.com/kroguard/kroguard/policies"
)

// pair is a key of an object with its value.
type pair = [2]*ast.Term

// objectTerm converts a JSON object; nil becomes null.
func objectTerm(object map[string]any) (*ast.Term, error) {
	if object == nil {
		return ast.InternedNullTerm, nil
	}
	return anyTerm(object)
}

// optionalTerm converts a JSON object; nil is undefined.
func optionalTerm(object map[string]any) (*ast.Term, error) {
	if object == nil {
		return nil, nil
	}
	return anyTerm(object)
}

// valueTerm converts a field of a JSON object; nil where there is none.
func valueTerm(object map[string]any, name string) (*ast.Term, error) {
	value, ok := object[name]
	if !ok {
		return nil, nil
	}
	return anyTerm(value)
}

func anyTerm(value any) (*ast.Term, error) {
	converted, err := ast.InterfaceToValue(value)
	if err != nil {
		return nil, err
	}
	return ast.NewTerm(converted), nil
}

// fieldsOf converts a JSON object without some of its fields.
//
//nolint:ireturn // OPA keeps its objects to itself
func fieldsOf(object map[string]any, without ...string) (ast.Object, error) {
	fields := ast.NewObjectWithCapacity(len(object))
	for name, value := range object {
		if slices.Contains(without, name) {
			continue
		}
		term, err := anyTerm(value)
		if err != nil {
			return nil, err
		}
		fields.Insert(ast.InternedTerm(name), term)
	}
	return fields, nil
}

// requestTerm is the AdmissionRequest without its objects, as its JSON reads.
func requestTerm(request *admissionv1.AdmissionRequest) (*ast.Term, error) {
	options := ast.InternedNullTerm
	if len(request.Options.Raw) > 0 {
		parsed, err := ast.ValueFromReader(bytes.NewReader(request.Options.Raw))
		if err != nil {
			return nil, fmt.Errorf("the request's options: %w", err)
		}
		options = ast.NewTerm(parsed)
	}
	fields := []pair{
		{ast.InternedTerm("uid"), ast.StringTerm(string(request.UID))},
		{ast.InternedTerm("kind"), kindTerm(request.Kind.Group, request.Kind.Version, request.Kind.Kind)},
		{ast.InternedTerm("resource"), resourceTerm(request.Resource.Group, request.Resource.Version, request.Resource.Resource)},
		{ast.InternedTerm("operation"), ast.InternedTerm(string(request.Operation))},
		{ast.InternedTerm("userInfo"), userTerm(&request.UserInfo)},
		{ast.InternedTerm("options"), options},
	}
	for _, text := range []struct{ name, value string }{
		{"subResource", request.SubResource}, {"requestSubResource", request.RequestSubResource},
		{"name", request.Name}, {"namespace", request.Namespace},
	} {
		if text.value != "" {
			fields = append(fields, stringField(text.name, text.value))
		}
	}
	if kind := request.RequestKind; kind != nil {
		fields = append(fields, pair{ast.InternedTerm("requestKind"), kindTerm(kind.Group, kind.Version, kind.Kind)})
	}
	if resource := request.RequestResource; resource != nil {
		fields = append(fields, pair{
			ast.InternedTerm("requestResource"), resourceTerm(resource.Group, resource.Version, resource.Resource),
		})
	}
	if request.DryRun != nil {
		fields = append(fields, pair{ast.InternedTerm("dryRun"), ast.InternedTerm(*request.DryRun)})
	}
	return ast.ObjectTerm(fields...), nil
}

func stringField(name, value string) pair {
	return pair{ast.InternedTerm(name), ast.InternedTerm(value)}
}

func kindTerm(group, version, kind string) *ast.Term {
	return ast.ObjectTerm(stringField("group", group), stringField("version", version), stringField("kind", kind))
}

func resourceTerm(group, version, resource string) *ast.Term {
	return ast.ObjectTerm(stringField("group", group), stringField("version", version), stringField("resource", resource))
}

func userTerm(user *authenticationv1.UserInfo) *ast.Term {
	var fields []pair
	if user.Username != "" {
		fields = append(fields, stringField("username", user.Username))
	}
	if user.UID != "" {
		fields = append(fields, stringField("uid", user.UID))
	}
	if len(user.Groups) > 0 {
		fields = append(fields, pair{ast.InternedTerm("groups"), textsTerm(user.Groups)})
	}
	if len(user.Extra) > 0 {
		extra := make([]pair, 0, len(user.Extra))
		for key, values := range user.Extra {
			texts := ast.InternedNullTerm
			if values != nil {
				texts = textsTerm(values)
			}
			extra = append(extra, pair{ast.StringTerm(key), texts})
		}
		fields = append(fields, pair{ast.InternedTerm("extra"), ast.ObjectTerm(extra...)})
	}
	return ast.ObjectTerm(fields...)
}

func textsTerm(texts []string) *ast.Term {
	terms := make([]*ast.Term, len(texts))
	for i, text := range texts {
		terms[i] = ast.InternedTerm(text)
	}
	return ast.ArrayTerm(terms...)
}

// namespaceTerm is the namespace as its manifest reads; typed objects come without kind and apiVersion. No namespace is undefined.
func namespaceTerm(namespace *corev1.Namespace) (*ast.Term, error) {
	if namespace == nil {
		return nil, nil
	}
	text, err := json.Marshal(namespace)
	if err != nil {
		return nil, err
	}
	parsed, err := ast.ValueFromReader(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	object, ok := parsed.(ast.Object)
	if !ok {
		return nil, fmt.Errorf("a namespace is of type %s", ast.ValueName(parsed)) // it is an object
	}
	object.Insert(ast.InternedTerm("apiVersion"), ast.InternedTerm("v1"))
	object.Insert(ast.InternedTerm("kind"), ast.InternedTerm("Namespace"))
	return ast.NewTerm(object), nil
}

// parseParameters converts spec.params to the pair of the input document; {} where there are none. The error is a
// CompileErrors.
func parseParameters(params *apiextensionsv1.JSON) (pair, error) {
	key := ast.InternedTerm(keyParameters)
	if params == nil || len(params.Raw) == 0 {
		return pair{key, ast.ObjectTerm()}, nil
	}
	invalid := func(reason string) error {
		return policies.CompileErrors{{Field: paramsField, Message: reason}}
	}
	if !json.Valid(params.Raw) {
		return pair{}, invalid("the parameters are no JSON")
	}
	value, err := ast.ValueFromReader(bytes.NewReader(params.Raw))
	if err != nil {
		return pair{}, invalid(err.Error())
	}
	switch value.(type) {
	case ast.Null:
		value = ast.NewObject()
	case ast.Object:
	default:
		return pair{}, invalid("the parameters are of type " + ast.ValueName(value) + ": give an object")
	}
	return pair{key, ast.NewTerm(value)}, nil
}
