package offering

import (
	"errors"
	"fmt"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/validation"
	"sigs.k8s.io/yaml"

	"github.com/kroguard/kroguard/internal/glob"
)

// restrict makes a malformed restriction fail closed: nobody may use the offering until it is put right.
func (p *parser) restrict(k key) {
	if p.offering.Restricted != "" {
		return
	}
	p.offering.Restricted = fmt.Sprintf(
		"offering %s can't be used at the moment: its %s is malformed, and says who may use it; ask the platform team",
		p.offering.Name, k.full())
}

// readProject reads the label that scopes the offering to one project.
func (p *parser) readProject() {
	k, value, ok := lookup(p.offering.Labels, nameProject, true)
	if !ok {
		return
	}
	if invalid := validation.IsDNS1123Subdomain(value); len(invalid) > 0 {
		p.found.problems = append(p.found.problems, Problem{
			Annotation: k.full(), Label: true, Reason: fmt.Sprintf("%s is no name of a project: %s", quote(value), invalid[0]),
		})
		p.restrict(k)
		return
	}
	p.offering.Project = value
}

func (p *parser) readAllowedProjects() {
	k, text, ok := p.lookup(nameAllowedProjects)
	if !ok {
		return
	}
	names, faults := parseList(text)
	if len(names) == 0 && len(faults) == 0 {
		faults = append(faults, fault{reason: "the list is empty: name projects, or leave the annotation out to allow all"})
	}
	allowed, err := compileProjects(names)
	if err != nil {
		faults = append(faults, fault{reason: err.Error()})
	}
	p.found.addFaults(k, faults)
	if len(faults) > 0 {
		p.restrict(k)
	}
	p.offering.AllowedProjects, p.offering.allowed = names, allowed
}

// compileProjects reads names of projects and globs. The error names every one that no project can match.
func compileProjects(names []string) (glob.List, error) {
	var errs []error
	for _, name := range names {
		// What is left of a glob without its wildcards must be made of a name's characters.
		if rest := strings.NewReplacer("*", "x", "?", "x").Replace(name); len(validation.IsDNS1123Subdomain(rest)) > 0 {
			errs = append(errs, fmt.Errorf("%s is neither a project's name nor a glob: lower-case letters, digits, - and ., and the wildcards * and ?", quote(name)))
		}
	}
	if len(errs) > 0 {
		return glob.List{}, errors.Join(errs...)
	}
	return glob.CompileList(names)
}

func (p *parser) readNamespaceSelector() {
	k, text, ok := p.lookup(nameNamespaceSelector)
	if !ok {
		return
	}
	selector, faults := parseSelector(text)
	if len(faults) == 0 && p.offering.ClusterScoped {
		faults = append(faults, fault{reason: "instances are cluster-scoped: they have no namespace to select"})
	}
	if len(faults) > 0 {
		p.found.addFaults(k, faults)
		p.restrict(k)
		return
	}
	p.offering.NamespaceSelector = selector
}

// parseSelector reads a label selector in the form of kubectl's -l, or a LabelSelector in YAML.
func parseSelector(text string) (labels.Selector, []fault) {
	if len(text) > maxValueBytes {
		return nil, []fault{{reason: tooLong(text)}}
	}
	selector, faults := selectorOf(text)
	if len(faults) == 0 && selector.Empty() {
		return nil, []fault{{reason: "the selector is empty: give labels, or leave the annotation out to allow all namespaces"}}
	}
	return selector, faults
}

func selectorOf(text string) (labels.Selector, []fault) {
	value, faults := parseYAML(text)
	if value == nil || len(faults) > 0 {
		return stringSelector(text)
	}
	if _, mapping := value.value.(map[string]*located); !mapping {
		return stringSelector(text)
	}
	var selector metav1.LabelSelector
	if err := yaml.UnmarshalStrict([]byte(text), &selector); err != nil {
		return nil, []fault{{line: value.line, reason: fmt.Sprintf("this is no label selector (matchLabels, matchExpressions, or text as env=prod): %v", oneLine(err))}}
	}
	compiled, err := metav1.LabelSelectorAsSelector(&selector)
	if err != nil {
		return nil, []fault{{line: value.line, reason: fmt.Sprintf("this is no label selector: %v", oneLine(err))}}
	}
	return compiled, nil
}

func stringSelector(text string) (labels.Selector, []fault) {
	selector, err := labels.Parse(strings.TrimSpace(text))
	if err != nil {
		return nil, []fault{{reason: fmt.Sprintf("this is no label selector, as env=prod,tier in (gold,silver): %v", oneLine(err))}}
	}
	return selector, nil
}

// oneLine is an error's text without line breaks.
func oneLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }
