package rego

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"

	"github.com/open-policy-agent/opa/v1/ast"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/kroguard/kroguard/policies"
	"github.com/kroguard/kroguard/policies/rego/machine"
)

// The keys of the input document. Those of review are Gatekeeper's: an AdmissionRequest and the namespace beside it.
const (
	keyReview          = "review"
	keyObject          = "object"
	keyOldObject       = "oldObject"
	keyNamespaceObject = "namespaceObject"
	keyParameters      = "parameters"
	keyProject         = "project"
	keyOffering        = "offering"
	keyInstance        = "instance"
)

// pair is a key of an object with its value.
type pair = [2]*ast.Term

// documentKey is the key of the converted input in Input.Convert.
type documentKey struct{}

// document is the part of an input document that is the same for all guardrails. It is read-only: its terms are shared by all
// evaluations of a review.
type document struct {
	// pairs are the keys of the document with their values.
	pairs []pair
	// shared is the document with the values at the prefixes.
	shared machine.Input
}

// prefixes are the paths that most policies read. They are followed once for all guardrails.
func prefixes() [][]string {
	return [][]string{
		{keyReview}, {keyReview, keyObject}, {keyReview, keyObject, "spec"}, {keyReview, keyObject, "metadata"},
		{keyReview, keyOldObject}, {keyReview, keyNamespaceObject}, {keyProject}, {keyInstance},
	}
}

// sharedDocument converts the input, once for all guardrails that judge it.
func sharedDocument(input *policies.Input) (*document, error) {
	value, err := input.Convert(documentKey{}, func() (any, error) {
		pairs, err := newPairs(input)
		if err != nil {
			return nil, err
		}
		return newDocument(pairs), nil
	})
	if err != nil {
		return nil, fmt.Errorf("converting the input: %w", err)
	}
	shared, ok := value.(*document)
	if !ok {
		return nil, fmt.Errorf("converting the input: got %T", value) // the key's type is this package's own
	}
	return shared, nil
}

func newDocument(pairs []pair) *document {
	d := &document{pairs: pairs, shared: machine.Input{Document: ast.ObjectTerm(pairs...)}}
	for _, path := range prefixes() {
		value := d.shared.Document
		for _, name := range path {
			value = field(value, name)
		}
		d.shared.Prefixes = append(d.shared.Prefixes, value)
	}
	return d
}

// field is a field of an object; nil where there is none.
func field(term *ast.Term, name string) *ast.Term {
	if term == nil {
		return nil
	}
	object, ok := term.Value.(ast.Object)
	if !ok {
		return nil
	}
	return object.Get(ast.InternedTerm(name))
}

// with is the input document of one guardrail. It shares the terms and copies only the object around them.
func (d *document) with(parameters pair) *ast.Term {
	pairs := make([]pair, 0, len(d.pairs)+1)
	return ast.ObjectTerm(append(append(pairs, d.pairs...), parameters)...)
}

func newPairs(input *policies.Input) ([]pair, error) {
	object, err := term(input.Object)
	if err != nil {
		return nil, err
	}
	review, err := newReview(input, object)
	if err != nil {
		return nil, err
	}
	instance := object
	if !sameMap(input.Instance, input.Object) {
		if instance, err = term(input.Instance); err != nil {
			return nil, err
		}
	}
	d := []pair{
		{ast.InternedTerm(keyReview), review},
		{ast.InternedTerm(keyInstance), instance},
	}
	if input.Project != nil {
		project, err := term(input.Project)
		if err != nil {
			return nil, err
		}
		d = append(d, pair{ast.InternedTerm(keyProject), project})
	}
	if input.Offering != nil {
		offering, err := term(input.Offering)
		if err != nil {
			return nil, err
		}
		d = append(d, pair{ast.InternedTerm(keyOffering), offering})
	}
	return d, nil
}

// newReview is input.review. The request's own fields take the way through JSON, so that their names and what is left out are
// what the API server sends.
func newReview(input *policies.Input, object *ast.Term) (*ast.Term, error) {
	request := *input.Request
	request.Object, request.OldObject = runtime.RawExtension{}, runtime.RawExtension{}
	oldObject, err := term(input.OldObject)
	if err != nil {
		return nil, err
	}
	decoded := []pair{{ast.InternedTerm(keyObject), object}, {ast.InternedTerm(keyOldObject), oldObject}}
	if input.Namespace != nil {
		// As its manifest reads; typed objects come without kind and apiVersion.
		namespace, err := jsonTerm(input.Namespace,
			pair{ast.InternedTerm("apiVersion"), ast.InternedTerm("v1")},
			pair{ast.InternedTerm("kind"), ast.InternedTerm("Namespace")})
		if err != nil {
			return nil, err
		}
		decoded = append(decoded, pair{ast.InternedTerm(keyNamespaceObject), namespace})
	}
	return jsonTerm(&request, decoded...)
}

// term converts a JSON object; nil becomes null.
func term(object map[string]any) (*ast.Term, error) {
	if object == nil {
		return ast.InternedNullTerm, nil
	}
	value, err := ast.InterfaceToValue(object)
	if err != nil {
		return nil, err
	}
	return ast.NewTerm(value), nil
}

// jsonTerm converts the JSON object that a Go value marshals to, with some fields set besides.
func jsonTerm(value any, fields ...pair) (*ast.Term, error) {
	text, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	parsed, err := ast.ValueFromReader(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	object, ok := parsed.(ast.Object)
	if !ok {
		return nil, fmt.Errorf("want an object, not %s", ast.ValueName(parsed))
	}
	for _, field := range fields {
		object.Insert(field[0], field[1])
	}
	return ast.NewTerm(object), nil
}

// sameMap reports whether both are one map, not merely equal ones.
func sameMap(a, b map[string]any) bool {
	return reflect.ValueOf(a).Pointer() == reflect.ValueOf(b).Pointer()
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
