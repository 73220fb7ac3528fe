package labeling

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/kroguard/kroguard/internal/expression"
	"github.com/kroguard/kroguard/internal/offering"
	"github.com/kroguard/kroguard/internal/project"
)

// sourced is a label value and what it comes from. An empty value is none.
type sourced struct {
	value, source string
}

// sources knows where the labels of an instance come from.
type sources struct {
	in       *Input
	derived  map[string]string
	template map[string]*expression.Template
	object   map[string]any
	skipped  []Skipped
}

func newSources(in *Input) *sources {
	s := &sources{in: in, derived: derived(in.Project, in.Keys), template: map[string]*expression.Template{}}
	if in.Offering != nil {
		for _, label := range in.Offering.LabelTemplates {
			s.template[label.Key] = label.Value
		}
	}
	return s
}

// derived are the labels that the fields of a project stand for.
func derived(p *project.Project, keys Keys) map[string]string {
	if p == nil {
		return nil
	}
	return map[string]string{
		keys.Team:       p.Owner,
		keys.Owner:      cmp.Or(p.Contact, p.Owner),
		keys.CostCenter: p.CostCenter,
		keys.PartOf:     p.Name,
	}
}

// keys are all labels that the instance may get where nobody demands them, sorted.
func (s *sources) keys() []string {
	k := s.in.Keys
	keys := []string{k.Team, k.Owner, k.CostCenter, k.Env, k.Department, k.App, k.PartOf}
	if s.in.Project != nil {
		for key := range s.in.Project.Defaults {
			keys = append(keys, key)
		}
	}
	for key := range s.template {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return slices.DeleteFunc(slices.Compact(keys), func(key string) bool { return key == "" || reserved(key) })
}

// lookup yields a label from its strongest source: the namespace's label of the same key, what the project gives by default,
// what the project's fields stand for, what the RGD says, and for the app the instance's name.
func (s *sources) lookup(key string) sourced {
	if value := s.in.Namespace.Labels[key]; value != "" {
		return sourced{value, "namespace " + s.in.Namespace.Name}
	}
	if p := s.in.Project; p != nil {
		if value := MakeValue(cmp.Or(p.Defaults[key], s.derived[key])); value != "" {
			return sourced{value, sourceProject(p)}
		}
	}
	if value := s.evaluate(key); value != "" {
		return sourced{value, sourceOffering(s.in.Offering)}
	}
	if key == s.in.Keys.App {
		return sourced{MakeValue(instanceName(s.in.Object)), "instance"}
	}
	return sourced{}
}

// evaluate yields the RGD's value for a label. A template that fails is skipped.
func (s *sources) evaluate(key string) string {
	template := s.template[key]
	if template == nil {
		return ""
	}
	variables := s.in.Variables
	if s.object == nil {
		s.object = s.in.Change.View(s.in.Object)
	}
	variables.Object = s.object
	value, ok, err := template.Evaluate(variables)
	if err == nil && ok {
		var text string
		if text, err = labelText(value); err == nil {
			return MakeValue(text)
		}
	}
	if err != nil {
		s.skipped = append(s.skipped, Skipped{key, sourceOffering(s.in.Offering), strings.Join(strings.Fields(err.Error()), " ")})
	}
	return ""
}

// labelText writes a scalar as text.
func labelText(value any) (string, error) {
	switch value.(type) {
	case map[string]any, []any:
		return "", fmt.Errorf("the value of a label is a text, not %T", value)
	}
	return fmt.Sprint(value), nil
}

// instanceName is the instance's name; before the API server has chosen one, what it is to be generated from.
func instanceName(object map[string]any) string {
	metadata, _ := object["metadata"].(map[string]any)
	if name, _ := metadata["name"].(string); name != "" {
		return name
	}
	prefix, _ := metadata["generateName"].(string)
	return strings.TrimRight(prefix, "-")
}

func sourceProject(p *project.Project) string    { return "project " + p.Name }
func sourceOffering(o *offering.Offering) string { return "offering " + o.Name }
