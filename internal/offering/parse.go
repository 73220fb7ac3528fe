package offering

import (
	"errors"
	"fmt"
	"maps"
	"strings"

	krov1alpha1 "github.com/kubernetes-sigs/kro/api/v1alpha1"
	runtimeschema "k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kroguard/kroguard/internal/expression"
)

// maxExpressions bounds the expressions in all annotations of one RGD, which is parsed within an admission request. Compiling
// one takes about a tenth of a millisecond, and some ten at worst.
const maxExpressions = 500

// Parse reads an RGD. It returns what is wrong with it, all at once and in a stable order, and what its author should know.
// The Offering is never nil and usable even where there are Problems, as the package comment says. Parse neither keeps nor
// changes the RGD, which must not be nil.
func Parse(rgd *krov1alpha1.ResourceGraphDefinition) (*Offering, []Problem, []Warning) {
	p := &parser{
		offering:    &Offering{Name: rgd.Name, Labels: maps.Clone(rgd.Labels)},
		annotations: rgd.Annotations,
	}
	p.readSchema(rgd.Spec.Schema)
	p.checkNames()
	p.readDisplay()
	p.readProject()
	p.readAllowedProjects()
	p.readNamespaceSelector()
	p.readDefaults()
	p.readLabels()
	p.offering.values = p.offering.newValues()
	return p.offering, p.found.sorted(), p.found.warnings
}

// parser reads one RGD.
type parser struct {
	offering    *Offering
	annotations map[string]string
	found       findings
	// expressions counts what looks like an expression in the annotations read so far.
	expressions int
	// environment is built when the first expression is met: most RGDs have none.
	environment *expression.Environment
}

// readSchema fills in what comes from the RGD's spec.schema.
func (p *parser) readSchema(s *krov1alpha1.Schema) {
	if s == nil || s.Kind == "" || s.APIVersion == "" {
		p.found.problems = append(p.found.problems, Problem{
			Path:   "spec.schema",
			Reason: "an offering needs kind and apiVersion of its instances",
		})
		p.offering.Restricted = fmt.Sprintf("%s is no offering: its ResourceGraphDefinition names no kind", p.offering.Name)
		return
	}
	group := s.Group
	if group == "" {
		group = krov1alpha1.KRODomainName
	}
	p.offering.GVK = runtimeschema.GroupVersionKind{Group: group, Version: s.APIVersion, Kind: s.Kind}
	p.offering.ClusterScoped = s.Scope == krov1alpha1.ResourceScopeCluster
	p.offering.Plural = pluralOf(p.offering.GVK)

	instances, err := newInstanceSchema(p.offering.GVK, s)
	if err != nil {
		p.found.warnings = append(p.found.warnings, Warning(fmt.Sprintf(
			"spec.schema can't be read, so defaults are not checked against it: %v", err)))
		return
	}
	p.offering.instances = instances
	p.offering.Schema = instances.structural
}

// compile compiles a value. Errors are reported at path, and yield nil.
func (p *parser) compile(k key, path string, value *located) *expression.Template {
	plain := value.json()
	if !expression.HasExpression(plain) {
		return expression.Constant(plain)
	}
	if p.environment == nil {
		environment, err := expression.NewEnvironment(p.offering.Schema)
		if err != nil {
			p.found.add(k, value.line, path, err.Error())
			return nil
		}
		p.environment = environment
	}
	template, err := p.environment.Compile(plain)
	if err != nil {
		p.addErrors(k, path, value, err)
		return nil
	}
	return template
}

// addErrors reports errors of a template at their lines in the annotation.
func (p *parser) addErrors(k key, path string, value *located, err error) {
	var places expression.Errors
	if !errors.As(err, &places) {
		p.found.add(k, value.line, path, err.Error())
		return
	}
	parts := value.parts("")
	for _, place := range places {
		line, reason := value.line, place.Message
		if at := parts[place.Path]; at != nil {
			line = at.lineOf(place.Line)
		}
		if place.Column > 0 {
			reason = fmt.Sprintf("column %d of the text: %s", place.Column, reason)
		}
		p.found.add(k, line, join(path, place.Path), reason)
	}
}

// yaml reads an annotation's value as YAML and reports what is wrong with it. It returns nil for an empty value, and false
// where nothing of it can be used.
func (p *parser) yaml(k key, text string) (*located, bool) {
	p.expressions += strings.Count(text, "${")
	if p.expressions > maxExpressions {
		p.found.add(k, 0, "", fmt.Sprintf("the annotations of a ResourceGraphDefinition may have at most %d expressions", maxExpressions))
		return nil, false
	}
	value, faults := parseYAML(text)
	p.found.addFaults(k, faults)
	return value, value != nil || len(faults) == 0
}

// join appends a path below a value to the value's own path.
func join(path, below string) string {
	if below == "" || strings.HasPrefix(below, "[") {
		return path + below
	}
	return expression.Child(path, below)
}
