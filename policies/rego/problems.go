package rego

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/kroguard/kroguard/policies"
	"github.com/kroguard/kroguard/policies/v1alpha1"
)

// The fields of a Guardrail that errors name.
const (
	regoField    = "spec.rego"
	versionField = "spec.rego.version"
	modulesField = "spec.rego.modules"
	paramsField  = "spec.params"
)

const (
	// maxProblems is how many compile errors are kept: a condition's message has 32 KiB, and nobody reads more.
	maxProblems = 50
	// maxWarnings is how many warnings status.typeChecking holds.
	maxWarnings = 32
)

// sourceField is the field of a module's text.
func sourceField(module string) string { return modulesField + "[" + module + "].source" }

// problemList collects what is wrong with a guardrail's modules.
type problemList struct {
	// order is the position of each module's text in the guardrail.
	order map[string]int
	list  policies.CompileErrors
}

func newProblems(moduleNames []string) *problemList {
	p := &problemList{order: make(map[string]int, len(moduleNames))}
	for i, name := range moduleNames {
		p.order[sourceField(name)] = i + 1 // 0 is what stands in no module
	}
	return p
}

// add adds one problem. location may be nil.
func (p *problemList) add(field string, location *ast.Location, message string) {
	problem := policies.CompileError{Field: field, Message: message}
	if location != nil {
		problem.Line, problem.Column = location.Row, location.Col
	}
	p.list = append(p.list, problem)
}

// addError adds what OPA's parser or compiler says. module is the name of the module where the error itself names none.
func (p *problemList) addError(module string, err error) {
	var list ast.Errors
	var single *ast.Error
	switch {
	case errors.As(err, &list):
	case errors.As(err, &single):
		list = ast.Errors{single}
	default:
		p.add(fieldOf(module), nil, err.Error())
		return
	}
	for _, e := range list {
		if e.Location != nil && e.Location.File != "" {
			module = e.Location.File
		}
		p.add(fieldOf(module), e.Location, explain(e))
	}
}

func fieldOf(module string) string {
	if module == "" {
		return modulesField
	}
	return sourceField(module)
}

// explain is OPA's message with the lines that explain it, if any.
func explain(err *ast.Error) string {
	message := explainUndefined(err.Message)
	if err.Details == nil {
		return message
	}
	lines := err.Details.Lines()
	if len(lines) == 0 {
		return message
	}
	return message + "\n\t" + strings.Join(lines, "\n\t")
}

// sorted are the problems in the order of the guardrail's text, each once.
func (p *problemList) sorted() policies.CompileErrors {
	slices.SortStableFunc(p.list, func(a, b policies.CompileError) int {
		return cmp.Or(
			cmp.Compare(p.order[a.Field], p.order[b.Field]),
			cmp.Compare(a.Line, b.Line),
			cmp.Compare(a.Column, b.Column),
			cmp.Compare(a.Message, b.Message),
		)
	})
	return slices.Compact(p.list)
}

// err is the problems as CompileErrors, the first maxProblems of them; nil if there are none.
func (p *problemList) err() error {
	list := p.sorted()
	if len(list) == 0 {
		return nil
	}
	if more := len(list) - maxProblems; more > 0 {
		list = append(list[:maxProblems:maxProblems], policies.CompileError{
			Field:   modulesField,
			Message: fmt.Sprintf("and %d more errors", more),
		})
	}
	return list
}

// warnings are the problems as warnings, the first maxWarnings of them.
func (p *problemList) warnings() []v1alpha1.ExpressionWarning {
	list := p.sorted()
	list = list[:min(len(list), maxWarnings)]
	var warnings []v1alpha1.ExpressionWarning
	for _, problem := range list {
		warning := problem.Message
		if problem.Line > 0 {
			warning = fmt.Sprintf("line %d, column %d: %s", problem.Line, problem.Column, problem.Message)
		}
		warnings = append(warnings, v1alpha1.ExpressionWarning{FieldRef: problem.Field, Warning: warning})
	}
	return warnings
}
