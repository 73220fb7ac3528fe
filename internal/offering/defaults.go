package offering

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/kroguard/kroguard/internal/expression"
	"github.com/kroguard/kroguard/internal/spelling"
)

// fieldSpec is the field that defaults are merged under.
const fieldSpec = "spec"

// DefaultsFor returns the defaults for instances of a project, the strongest first. An empty project gets those for all.
func (o *Offering) DefaultsFor(project string) []*Defaults {
	var result []*Defaults
	if own := o.ProjectDefaults[project]; own != nil && project != "" {
		result = append(result, own)
	}
	if o.Defaults != nil {
		result = append(result, o.Defaults)
	}
	return result
}

// readDefaults reads the defaults for all projects and those of single ones.
func (p *parser) readDefaults() {
	for _, full := range slices.Sorted(maps.Keys(p.annotations)) {
		name, ok := strings.CutPrefix(full, prefix)
		if !ok {
			continue
		}
		k := key{prefix, name}
		if name == nameDefaults {
			p.offering.Defaults = p.defaults(k, p.annotations[full])
			continue
		}
		project, ok := strings.CutPrefix(name, projectDefaults)
		if !ok {
			continue
		}
		if invalid := validation.IsDNS1123Subdomain(project); len(invalid) > 0 {
			p.found.add(k, 0, "", fmt.Sprintf("%s is no name of a project: %s", quote(project), invalid[0]))
			continue
		}
		if defaults := p.defaults(k, p.annotations[full]); defaults != nil {
			if p.offering.ProjectDefaults == nil {
				p.offering.ProjectDefaults = map[string]*Defaults{}
			}
			p.offering.ProjectDefaults[project] = defaults
		}
	}
}

// defaults reads one annotation. It returns nil where that gives no usable field.
func (p *parser) defaults(k key, text string) *Defaults {
	value, ok := p.yaml(k, text)
	if !ok || value == nil {
		return nil
	}
	fields, ok := value.value.(map[string]*located)
	if !ok {
		p.found.add(k, value.line, "", "the value must be a mapping of spec fields to their defaults, as size: small")
		return nil
	}
	spec, _ := p.offering.SchemaAt([]string{fieldSpec})
	if nested, only := fields[fieldSpec]; only && len(fields) == 1 {
		if _, known, _ := fieldSchema(spec, fieldSpec); !known {
			p.found.add(k, nested.line, fieldSpec,
				`defaults are merged under spec already: leave the line "spec:" out and write its fields at the top`)
			return nil
		}
	}
	r := defaultsReader{parser: p, key: k}
	r.fields(value.keys, fields, spec, []string{fieldSpec})
	if len(r.result) == 0 {
		return nil
	}
	slices.SortFunc(r.result, func(a, b Default) int { return slices.Compare(a.Path, b.Path) })
	return &Defaults{Source: k.name, Fields: r.result}
}

// defaultsReader splits one annotation into fields.
type defaultsReader struct {
	*parser
	key    key
	result []Default
}

// fields reads the fields of an object, in the order of the text. The schema is nil where anything goes.
func (r *defaultsReader) fields(names []string, values map[string]*located, s *schema.Structural, path []string) {
	for _, name := range names {
		value := values[name]
		at := append(slices.Clone(path), name)
		child, known, candidates := fieldSchema(s, name)
		if !known {
			r.found.add(r.key, value.line, strings.Join(at, "."), unknownField(name, candidates))
			continue
		}
		r.field(value, child, at)
	}
}

func (r *defaultsReader) field(value *located, s *schema.Structural, path []string) {
	at := strings.Join(path, ".")
	if value.value == nil {
		r.found.add(r.key, value.line, at, "null is no default: leave the field out")
		return
	}
	if nested, ok := value.value.(map[string]*located); ok && len(nested) > 0 && takesObject(s) {
		r.fields(value.keys, nested, s, path)
		return
	}
	template := r.compile(r.key, at, value)
	if template == nil || !r.fits(value, template, s, at) {
		return
	}
	r.result = append(r.result, Default{Path: path, Value: template})
	r.warnShadowed(path)
}

// fits reports what of a value doesn't go into the field.
func (r *defaultsReader) fits(value *located, template *expression.Template, s *schema.Structural, path string) bool {
	before := len(r.found.problems)
	if found := template.Check(s); len(found) > 0 {
		r.addErrors(r.key, path, value, found)
	}
	c := checker{found: &r.found, key: r.key}
	c.check(value, s, path)
	return len(r.found.problems) == before
}

// warnShadowed warns where the schema's own default hides the project's. The empty object that kro gives the parents of
// defaulted fields hides nothing.
func (r *defaultsReader) warnShadowed(path []string) {
	value, ok := r.offering.SchemaDefaultAt(path)
	if !ok {
		return
	}
	if object, ok := value.(map[string]any); ok && len(object) == 0 {
		return
	}
	at := strings.Join(path, ".")
	r.found.warnings = append(r.found.warnings, Warning(fmt.Sprintf(
		"%s: %s has default= in the schema, which applies before admission: on a plain create or PUT it looks like the user's own "+
			"value and wins over this default. Remove default= from the schema.", r.key.full(), at)))
}

// takesObject reports whether a field takes an object, or anything.
func takesObject(s *schema.Structural) bool {
	return s == nil || s.Type == "object" || s.Type == "" && !s.XIntOrString
}

// unknownField says that a field is unknown, and which one may be meant.
func unknownField(name string, candidates []string) string {
	if near, ok := spelling.Nearest(name, candidates); ok {
		return fmt.Sprintf("the schema has no field %s; did you mean %s?", quote(name), near)
	}
	return fmt.Sprintf("the schema has no field %s", quote(name))
}
