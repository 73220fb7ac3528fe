package offering

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/kroguard/kroguard/internal/expression"
)

// readLabels reads the annotation kroguard.io/labels: a mapping of label keys to texts or expressions.
func (p *parser) readLabels() {
	k, text, ok := p.lookup(nameLabels)
	if !ok {
		return
	}
	value, ok := p.yaml(k, text)
	if !ok || value == nil {
		return
	}
	labels, ok := value.value.(map[string]*located)
	if !ok {
		p.found.add(k, value.line, "", "the value must be a mapping of label keys to values, as team: payments")
		return
	}
	for _, name := range value.keys {
		if template := p.label(k, name, labels[name]); template != nil {
			p.offering.LabelTemplates = append(p.offering.LabelTemplates, LabelTemplate{Key: name, Value: template})
		}
	}
	slices.SortFunc(p.offering.LabelTemplates, func(a, b LabelTemplate) int { return strings.Compare(a.Key, b.Key) })
}

// label reads one label. It returns nil where that is malformed.
func (p *parser) label(k key, name string, value *located) *expression.Template {
	if reason := illegalLabelKey(name); reason != "" {
		p.found.add(k, value.line, name, reason)
		return nil
	}
	text, ok := value.value.(string)
	if !ok {
		p.found.add(k, value.line, name, fmt.Sprintf("a label's value is a string, not %s%s", typeOf(value.value), hint(labelSchema(), typeOf(value.value))))
		return nil
	}
	if !expression.HasExpression(text) {
		if invalid := validation.IsValidLabelValue(text); len(invalid) > 0 {
			p.found.add(k, value.line, name, fmt.Sprintf("%s is no label value: %s", quote(text), invalid[0]))
			return nil
		}
	}
	template := p.compile(k, name, value)
	if template == nil {
		return nil
	}
	if found := template.Check(labelSchema()); len(found) > 0 {
		p.addErrors(k, name, value, found)
		return nil
	}
	return template
}

// labelSchema is the schema of a label's value.
func labelSchema() *schema.Structural {
	return &schema.Structural{Generic: schema.Generic{Type: "string"}}
}

// illegalLabelKey says why a label may not be set; empty where it may.
func illegalLabelKey(name string) string {
	if invalid := validation.IsQualifiedName(name); len(invalid) > 0 {
		return fmt.Sprintf("%s is no label key: %s", quote(name), invalid[0])
	}
	if name == "app.kubernetes.io/managed-by" {
		return "this label belongs to the tool that manages the instance"
	}
	domain, _, qualified := strings.Cut(name, "/")
	if !qualified {
		return ""
	}
	for _, owner := range []string{"kro.run", "applyset.kubernetes.io", "kroguard.io"} {
		if domain == owner || strings.HasSuffix(domain, "."+owner) {
			return fmt.Sprintf("labels of %s are written by those who own that domain", owner)
		}
	}
	return ""
}
