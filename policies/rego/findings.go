package rego

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/kroguard/kroguard/policies"
	"github.com/kroguard/kroguard/policies/rego/machine"
)

// The rules whose elements are findings.
const (
	ruleDeny      = "deny"
	ruleViolation = "violation"
	ruleWarn      = "warn"
)

// findingRuleNames are the finding rules in the order in which they are evaluated.
func findingRuleNames() []string { return []string{ruleDeny, ruleViolation, ruleWarn} }

func isFindingRule(name string) bool { return slices.Contains(findingRuleNames(), name) }

// findingRule is a rule whose elements are findings.
type findingRule struct {
	name string
	// path is the rule's reference: data.<package>.deny
	path ast.Ref
	// location is where the rule is first defined.
	location *ast.Location
	// violations marks the rule of one of Gatekeeper's templates.
	violations bool
}

// The fields of an element. Gatekeeper has msg and details; message is what people write first.
const (
	elementMsg     = "msg"
	elementMessage = "message"
	elementField   = "field"
	elementReason  = "reason"
	elementDetails = "details"
)

// maxFindings is how many findings of one evaluation are kept; one that loops over a crafted object may yield millions, and the
// answer to a developer holds far fewer.
const maxFindings = 1000

// collector gathers the findings of one evaluation.
type collector struct {
	findings []policies.Finding
	// seen is made when there is a second finding.
	seen map[identity]bool
}

// identity is what makes two findings the same.
type identity struct {
	message, field, reason, details string
	warnOnly                        bool
}

// add adds the findings of a rule's value; nil is an undefined rule. The error, an *EvaluationError, is that of the first
// element of a wrong shape; the others are added nevertheless.
func (c *collector) add(rule *findingRule, term *ast.Term) error {
	if term == nil {
		return nil
	}
	if rule.violations {
		return c.addViolations(rule, term)
	}
	switch value := term.Value.(type) {
	case ast.Boolean:
		if value {
			c.keep(rule, policies.Finding{Message: generic(rule)})
		}
		return nil
	case ast.Set:
		if value.Len() == 0 {
			return nil
		}
		return c.addElements(rule, value.Slice())
	case *ast.Array:
		elements := make([]*ast.Term, value.Len())
		for i := range elements {
			elements[i] = value.Elem(i)
		}
		return c.addElements(rule, elements)
	default:
		return c.addElements(rule, []*ast.Term{term})
	}
}

// addUncertain adds the findings that may not hold once more is known. An error that came of what nobody can tell yet is one of them;
// one of the policy's limits stays one.
func (c *collector) addUncertain(rule *findingRule, outcome *machine.Outcome, shared *document, err error) error {
	dependsOn, before := shared.touched(outcome.Touched), len(c.findings)
	if shape := c.add(rule, outcome.Uncertain); shape != nil {
		c.keep(rule, policies.Finding{Message: shape.Error()})
	}
	if failed, ok := errors.AsType[*EvaluationError](err); ok {
		c.keep(rule, policies.Finding{Message: failed.Error()})
		err = nil
	}
	unsure(c.findings[before:], dependsOn)
	return err
}

func (c *collector) addElements(rule *findingRule, elements []*ast.Term) error {
	var first error
	for _, element := range elements {
		if len(c.findings) == maxFindings {
			return first
		}
		finding, err := newFinding(rule, element.Value)
		if err == nil {
			c.keep(rule, finding)
		} else if first == nil {
			first = err
		}
	}
	return first
}

// keep adds a finding unless an earlier one says the same.
func (c *collector) keep(rule *findingRule, finding policies.Finding) {
	finding.WarnOnly = rule.name == ruleWarn
	if len(c.findings) > 0 {
		if c.seen == nil {
			c.seen = map[identity]bool{identityOf(&c.findings[0]): true}
		}
		id := identityOf(&finding)
		if c.seen[id] {
			return
		}
		c.seen[id] = true
	}
	c.findings = append(c.findings, finding)
}

func identityOf(finding *policies.Finding) identity {
	return identity{
		message: finding.Message, field: finding.Field, reason: finding.Reason,
		details: canonical(finding.Details), warnOnly: finding.WarnOnly,
	}
}

// generic is the message of a rule that gives none.
func generic(rule *findingRule) string {
	return fmt.Sprintf("the guardrail's rule %s holds; it gives no message", rule.name)
}

// newFinding reads one element.
func newFinding(rule *findingRule, element ast.Value) (policies.Finding, error) {
	switch element := element.(type) {
	case ast.String:
		return policies.Finding{Message: message(rule, element)}, nil
	case ast.Object:
		return findingOf(rule, element)
	default:
		return policies.Finding{}, shapeError(rule, "an element is of type "+ast.ValueName(element))
	}
}

// findingOf reads an element that is an object.
func findingOf(rule *findingRule, element ast.Object) (policies.Finding, error) {
	msg := element.Get(ast.InternedTerm(elementMsg))
	if msg == nil {
		msg = element.Get(ast.InternedTerm(elementMessage))
	}
	if msg == nil {
		return policies.Finding{}, shapeError(rule, "an element is an object without "+elementMsg)
	}
	text, ok := msg.Value.(ast.String)
	if !ok {
		return policies.Finding{}, shapeError(rule, "an element's "+elementMsg+" is of type "+ast.ValueName(msg.Value))
	}
	field, err := optional(rule, element, elementField)
	if err != nil {
		return policies.Finding{}, err
	}
	reason, err := optional(rule, element, elementReason)
	if err != nil {
		return policies.Finding{}, err
	}
	finding := policies.Finding{Message: message(rule, text), Field: fieldPath(field), Reason: reason}
	if details := element.Get(ast.InternedTerm(elementDetails)); details != nil {
		finding.Details = plainDetails(details.Value)
	}
	return finding, nil
}

// optional is a string of an element; empty where there is none.
func optional(rule *findingRule, element ast.Object, key string) (string, error) {
	term := element.Get(ast.InternedTerm(key))
	if term == nil {
		return "", nil
	}
	text, ok := term.Value.(ast.String)
	if !ok {
		return "", shapeError(rule, "an element's "+key+" is of type "+ast.ValueName(term.Value))
	}
	return string(text), nil
}

// message is a policy's text as one line.
func message(rule *findingRule, text ast.String) string {
	line := strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, string(text)))
	if line == "" {
		return generic(rule)
	}
	return line
}

// fieldPath is the path with the leading dot that policies tend to leave out.
func fieldPath(path string) string {
	if path == "" || path[0] == '.' || path[0] == '[' {
		return path
	}
	return "." + path
}

// shapeError says what is wrong with a rule's value, and what it has to be.
func shapeError(rule *findingRule, what string) error {
	return errorAt(rule.location, fmt.Sprintf(
		"rule %s: %s; give a message as a string, or an object with msg and, optionally, field, reason and details", rule.name, what))
}
