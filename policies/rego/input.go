package rego

import (
	"context"
	"fmt"
	"reflect"
	"sync"

	"github.com/open-policy-agent/opa/v1/ast"

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
	keyResources       = "resources"
	keyUnresolved      = "unresolved"
)

// documentKey is the key of the converted input in Input.Convert.
type documentKey struct{ marked bool }

// document is the input document, but for the parameters: the same for all guardrails that judge an input. Its parts are
// converted when a guardrail first reads them, and once; most guardrails read a little of it. Its terms are read-only, and it is
// safe for concurrent use.
type document struct {
	input    *policies.Input
	prefixes []prefix
	parts    [partCount]part
	// gatekeeper marks the document as Gatekeeper builds it; base is that of guardrails, where both have their objects in common.
	gatekeeper bool
	base       *document
	// marks stand for what nobody can tell yet; nil where the document is to be without.
	marks *marks
	// rendering is asked for where a policy reads the rendered resources.
	rendering func() (*policies.Rendering, error)
}

var _ machine.Input = (*document)(nil)

// part is a piece of the document.
type part struct {
	once sync.Once
	term *ast.Term
	err  error
}

// The parts of the document. Larger ones are made of smaller ones.
const (
	partRequest = iota
	partLabels
	partAnnotations
	partMetadata
	partSpec
	partObject
	partOldObject
	partNamespace
	partProject
	partOffering
	partInstance
	partResources
	partUnresolved
	partReview
	partWhole
	partCount
)

// prefix is a path of the document that leads to a part, or to a field of one.
type prefix struct {
	path []string
	part int
	// field is a field of the part; nil is the part itself.
	field *ast.Term
}

// prefixes are what policies read by a path that is known when they are compiled.
func prefixes() []prefix {
	request := func(name string) prefix { return prefix{[]string{keyReview, name}, partRequest, ast.StringTerm(name)} }
	object := func(part int, path ...string) prefix {
		return prefix{append([]string{keyReview, keyObject}, path...), part, nil}
	}
	return []prefix{
		object(partObject), object(partSpec, "spec"), object(partMetadata, "metadata"),
		object(partLabels, "metadata", "labels"), object(partAnnotations, "metadata", "annotations"),
		{[]string{keyReview, keyOldObject}, partOldObject, nil},
		{[]string{keyReview, keyNamespaceObject}, partNamespace, nil},
		request("uid"), request("operation"), request("kind"), request("resource"), request("name"), request("namespace"),
		request("userInfo"), request("dryRun"),
		{[]string{keyReview}, partReview, nil},
		{[]string{keyProject}, partProject, nil}, {[]string{keyOffering}, partOffering, nil}, {[]string{keyInstance}, partInstance, nil},
		{[]string{keyResources}, partResources, nil}, {[]string{keyUnresolved}, partUnresolved, nil},
	}
}

// sharedDocument is the document of an input, one for all guardrails that judge it. It is marked where the machine is to keep account
// of what nobody can tell yet.
func sharedDocument(ctx context.Context, input *policies.Input, prefixes []prefix, marked bool) (*document, error) {
	value, err := input.Convert(documentKey{marked}, func() (any, error) {
		d := &document{input: input, prefixes: prefixes, rendering: func() (*policies.Rendering, error) { return input.Rendering(ctx) }}
		if marked {
			d.marks = newMarks(input.Unresolved)
		}
		return d, nil
	})
	if err != nil {
		return nil, err
	}
	shared, ok := value.(*document)
	if !ok {
		return nil, fmt.Errorf("converting the input: got %T", value) // the key's type is this package's own
	}
	return shared, nil
}

// Document is the whole document.
func (d *document) Document() (*ast.Term, error) { return d.part(partWhole) }

// Prefix is the value at one of the prefixes; nil where there is none.
func (d *document) Prefix(i int) (*ast.Term, error) {
	at := &d.prefixes[i]
	term, err := d.part(at.part)
	if err != nil || at.field == nil {
		return term, err
	}
	return field(term, at.field), nil
}

// with is the input document of one guardrail. It shares the terms and copies only the object around them.
func (d *document) with(further ...pair) (*ast.Term, error) {
	whole, err := d.Document()
	if err != nil {
		return nil, err
	}
	object, ok := whole.Value.(ast.Object)
	if !ok {
		return nil, fmt.Errorf("the input document is of type %s", ast.ValueName(whole.Value)) // it is an object
	}
	pairs := further
	object.Foreach(func(key, value *ast.Term) { pairs = append(pairs, pair{key, value}) })
	return ast.ObjectTerm(pairs...), nil
}

// part converts a part, or yields what it was converted to.
func (d *document) part(id int) (*ast.Term, error) {
	p := &d.parts[id]
	p.once.Do(func() {
		if d.gatekeeper {
			p.term, p.err = d.gatekeeperPart(id)
		} else {
			p.term, p.err = d.convert(id)
		}
		if p.err == nil && d.marks != nil && d.base == nil {
			p.term = d.marks.put(id, p.term)
		}
		if p.err != nil {
			p.err = fmt.Errorf("converting the input: %w", p.err)
		}
	})
	return p.term, p.err
}

func (d *document) convert(id int) (*ast.Term, error) {
	in := d.input
	switch id {
	case partMetadata:
		return d.metadata()
	case partObject:
		return d.object()
	case partResources:
		return d.resources()
	case partUnresolved:
		return d.unresolved()
	case partReview:
		return d.review()
	case partWhole:
		return d.assemble(nil, []named{
			{keyReview, partReview}, {keyInstance, partInstance}, {keyProject, partProject}, {keyOffering, partOffering},
			{keyUnresolved, partUnresolved},
		})
	case partInstance:
		if sameMap(in.Instance, in.Object) {
			return d.part(partObject)
		}
		return objectTerm(in.Instance)
	default:
		return convertPart(in, id)
	}
}

// convertPart is convert for what has no parts of its own.
func convertPart(in *policies.Input, id int) (*ast.Term, error) {
	switch id {
	case partRequest:
		return requestTerm(in.Request)
	case partLabels:
		return valueTerm(metadataOf(in.Object), "labels")
	case partAnnotations:
		return valueTerm(metadataOf(in.Object), "annotations")
	case partSpec:
		return valueTerm(in.Object, "spec")
	case partOldObject:
		return objectTerm(in.OldObject)
	case partNamespace:
		return namespaceTerm(in.Namespace)
	case partProject:
		return optionalTerm(in.Project)
	default:
		return optionalTerm(in.Offering)
	}
}

// named is a part as a field of a larger one.
type named struct {
	name string
	part int
}

// assemble is an object of fields and parts; a part that is undefined is left out.
func (d *document) assemble(fields ast.Object, parts []named) (*ast.Term, error) {
	if fields == nil {
		fields = ast.NewObjectWithCapacity(len(parts))
	}
	for _, p := range parts {
		term, err := d.part(p.part)
		if err != nil {
			return nil, err
		}
		if term != nil {
			fields.Insert(ast.InternedTerm(p.name), term)
		}
	}
	return ast.NewTerm(fields), nil
}

// metadata is the object's metadata, whose labels and annotations are parts of their own.
func (d *document) metadata() (*ast.Term, error) {
	metadata, ok := d.input.Object["metadata"].(map[string]any)
	if !ok {
		return valueTerm(d.input.Object, "metadata")
	}
	fields, err := fieldsOf(metadata, "labels", "annotations")
	if err != nil {
		return nil, err
	}
	return d.assemble(fields, []named{{"labels", partLabels}, {"annotations", partAnnotations}})
}

// object is the object, whose metadata and spec are parts of their own.
func (d *document) object() (*ast.Term, error) {
	if d.input.Object == nil {
		return ast.InternedNullTerm, nil
	}
	fields, err := fieldsOf(d.input.Object, "metadata", "spec")
	if err != nil {
		return nil, err
	}
	return d.assemble(fields, []named{{"metadata", partMetadata}, {"spec", partSpec}})
}

// review is the request with the objects.
func (d *document) review() (*ast.Term, error) {
	request, err := d.part(partRequest)
	if err != nil {
		return nil, err
	}
	fields := ast.NewObject()
	if object, ok := request.Value.(ast.Object); ok {
		object.Foreach(fields.Insert)
	}
	return d.assemble(fields, []named{
		{keyObject, partObject}, {keyOldObject, partOldObject}, {keyNamespaceObject, partNamespace},
	})
}

// metadataOf is the object's metadata; nil, which reads as empty, where it has none.
func metadataOf(object map[string]any) map[string]any {
	metadata, _ := object["metadata"].(map[string]any)
	return metadata
}

// field is a field of an object; nil where there is none.
func field(term, name *ast.Term) *ast.Term {
	if term == nil {
		return nil
	}
	object, ok := term.Value.(ast.Object)
	if !ok {
		return nil
	}
	return object.Get(name)
}

// sameMap reports whether both are one map, not merely equal ones.
func sameMap(a, b map[string]any) bool {
	return reflect.ValueOf(a).Pointer() == reflect.ValueOf(b).Pointer()
}
