package rego

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"
	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/kroguard/kroguard/policies"
)

// ErrNoMessage marks a violation of a template of which nobody can tell what it says. Gatekeeper then judges nothing at all.
var ErrNoMessage = errors.New("the msg of a violation is no text")

// gatekeeperKey is the key of Gatekeeper's input document in Input.Convert.
type gatekeeperKey struct{ marked bool }

// documentFor is the document that guardrails, or Gatekeeper's policies, read.
func documentFor(
	ctx context.Context, gatekeeper bool, input *policies.Input, prefixes []prefix, marked bool,
) (*document, error) {
	if gatekeeper {
		return gatekeeperDocument(ctx, input, prefixes, marked)
	}
	return sharedDocument(ctx, input, prefixes, marked)
}

// gatekeeperDocument is the input document as Gatekeeper builds it, one for all its policies that judge an input. What it has in
// common with the document of guardrails is converted once for both.
func gatekeeperDocument(ctx context.Context, input *policies.Input, prefixes []prefix, marked bool) (*document, error) {
	value, err := input.Convert(gatekeeperKey{marked}, func() (any, error) {
		object, oldObject := input.Object, input.OldObject
		if input.Request.Operation == admissionv1.Delete {
			object = oldObject
		}
		d := &document{prefixes: prefixes, gatekeeper: true}
		if input.Request.Operation != admissionv1.Delete && !hasLarge(object) && !hasLarge(oldObject) {
			shared, err := sharedDocument(ctx, input, prefixes, marked)
			if err != nil {
				return nil, err
			}
			d.input, d.base, d.marks = input, shared, shared.marks
			return d, nil
		}
		if marked {
			d.marks = newMarks(input.Unresolved)
		}
		d.input = &policies.Input{
			Request: input.Request, Namespace: input.Namespace,
			Object: objectAsFloats(object), OldObject: objectAsFloats(oldObject),
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

// gatekeeperPart converts what differs from the document of guardrails: there is nothing but the review, in which the namespace is
// an empty object where there is none.
func (d *document) gatekeeperPart(id int) (*ast.Term, error) {
	switch id {
	case partRequest:
		return d.gatekeeperRequest()
	case partNamespace:
		return plainNamespaceTerm(namespaceOf(d.input))
	case partReview:
		return d.review()
	case partProject, partOffering, partInstance, partResources, partUnresolved:
		return nil, nil
	case partWhole:
		return d.assemble(nil, []named{{keyReview, partReview}})
	}
	if d.base != nil {
		return d.base.part(id)
	}
	return d.convert(id)
}

// gatekeeperRequest is the request without what NewInput filled in: an object that is no request has neither dryRun nor requestKind.
func (d *document) gatekeeperRequest() (*ast.Term, error) {
	request := *d.input.Request
	if request.RequestKind == &d.input.Request.Kind {
		request.RequestKind, request.RequestResource = nil, nil
		if request.DryRun != nil && !*request.DryRun {
			request.DryRun = nil
		}
	}
	return requestTerm(&request)
}

// namespaceOf is the namespace that the request is about; nil where there is none.
func namespaceOf(input *policies.Input) *corev1.Namespace {
	if input.Namespace == nil || input.Namespace.Name != input.Request.Namespace {
		return nil
	}
	return input.Namespace
}

// plainNamespaceTerm is the namespace as a typed client has it, without kind and apiVersion.
func plainNamespaceTerm(namespace *corev1.Namespace) (*ast.Term, error) {
	if namespace == nil {
		return ast.ObjectTerm(), nil
	}
	text, err := json.Marshal(namespace)
	if err != nil {
		return nil, err
	}
	var fields map[string]any
	if err := json.Unmarshal(text, &fields); err != nil {
		return nil, err
	}
	delete(fields, "kind")
	delete(fields, "apiVersion")
	return anyTerm(fields)
}

// addViolations adds what Gatekeeper takes for violations: each key of the rule's value that has a msg, once for each msg and details.
// Other fields do not count. A msg that is no string is an error, as is details that can't be JSON; what has no msg is none.
func (c *collector) addViolations(rule *findingRule, term *ast.Term) error {
	if term == nil {
		return nil
	}
	found := ast.NewSet()
	add := func(element *ast.Term) {
		object, ok := element.Value.(ast.Object)
		if !ok {
			return
		}
		msg := object.Get(ast.InternedTerm(elementMsg))
		if msg == nil {
			return
		}
		details := object.Get(ast.InternedTerm(elementDetails))
		if details == nil {
			details = ast.ObjectTerm()
		}
		found.Add(ast.ArrayTerm(details, msg))
	}
	switch value := term.Value.(type) {
	case ast.Set:
		value.Foreach(add)
	case ast.Object:
		value.Foreach(func(key, _ *ast.Term) { add(key) })
	}
	for _, element := range found.Slice() {
		if len(c.findings) == maxFindings {
			return nil
		}
		if err := c.addViolation(rule, element); err != nil {
			return err
		}
	}
	return nil
}

func (c *collector) addViolation(rule *findingRule, element *ast.Term) error {
	parts, ok := element.Value.(*ast.Array)
	if !ok {
		return fmt.Errorf("rule %s: an element is of type %s", rule.name, ast.ValueName(element.Value)) // it is a pair by addViolations
	}
	msg, ok := parts.Elem(1).Value.(ast.String)
	if !ok {
		return fmt.Errorf("rule %s: %w, it is of type %s", rule.name, ErrNoMessage, ast.ValueName(parts.Elem(1).Value))
	}
	finding := policies.Finding{Message: string(msg)}
	if details, ok := parts.Elem(0).Value.(ast.Object); !ok || details.Len() > 0 {
		finding.Details = plainDetails(parts.Elem(0).Value)
	}
	c.findings = append(c.findings, finding)
	return nil
}

// EngineMessage is the text of the engine's own error within err, as Gatekeeper tells it; err's own where there is none.
func EngineMessage(err error) string {
	var engineError *topdown.Error
	if errors.As(err, &engineError) {
		return engineError.Error()
	}
	return err.Error()
}

// largeInteger is from where on Go writes a float with an exponent. Gatekeeper's numbers were floats once, and a policy that prints
// them shows it: 1e+06.
const largeInteger = 1_000_000

func isLarge(n int64) bool { return n >= largeInteger || n <= -largeInteger }

// hasLarge reports whether there is an integer that Gatekeeper would write with an exponent.
func hasLarge(value any) bool {
	switch value := value.(type) {
	case int64:
		return isLarge(value)
	case map[string]any:
		for _, field := range value {
			if hasLarge(field) {
				return true
			}
		}
	case []any:
		for _, element := range value {
			if hasLarge(element) {
				return true
			}
		}
	}
	return false
}

func objectAsFloats(object map[string]any) map[string]any {
	converted, _ := asFloats(object).(map[string]any)
	return converted
}

// asFloats is decoded JSON with integers as Gatekeeper writes them. What has no large ones is returned as it is.
func asFloats(value any) any {
	switch value := value.(type) {
	case int64:
		if isLarge(value) {
			return json.Number(strconv.FormatFloat(float64(value), 'g', -1, 64))
		}
	case map[string]any:
		if !hasLarge(value) {
			return value
		}
		converted := make(map[string]any, len(value))
		for key, field := range value {
			converted[key] = asFloats(field)
		}
		return converted
	case []any:
		converted := make([]any, len(value))
		for i := range value {
			converted[i] = asFloats(value[i])
		}
		return converted
	}
	return value
}
