package offering

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// deprecatedNotice is what an offering says that is deprecated without a notice of its own.
const deprecatedNotice = "This offering is deprecated."

// readDisplay reads the annotations that only decorate. What is malformed is left out.
func (p *parser) readDisplay() {
	o := p.offering
	o.Catalog = p.boolean(nameCatalog)
	o.Title = p.text(nameTitle)
	if o.Title == "" {
		o.Title = o.GVK.Kind
	}
	o.Description = p.text(nameDescription)
	o.Category = p.text(nameCategory)
	o.Icon = p.text(nameIcon)
	o.CatalogTier = p.text(nameCatalogTier)
	o.DocsURL = p.docsURL()
	o.Deprecated = p.deprecated()
	o.Tags = p.list(nameTags)
	o.PropertyOrder = p.list(namePropertyOrder)
	o.ExtendsKinds = p.list(nameExtendsKind)
	o.DeploymentModes = p.list(nameDeploymentModes)
}

func (p *parser) lookup(name string) (key, string, bool) {
	return lookup(p.annotations, name, knownNames()[name])
}

// text reads an annotation as it stands, without the white space around it.
func (p *parser) text(name string) string {
	k, value, ok := p.lookup(name)
	if !ok {
		return ""
	}
	if len(value) > maxValueBytes {
		p.found.add(k, 0, "", tooLong(value))
		return ""
	}
	return strings.TrimSpace(value)
}

func tooLong(value string) string {
	return fmt.Sprintf("the value has %d bytes; at most %d are allowed", len(value), maxValueBytes)
}

func (p *parser) boolean(name string) bool {
	k, value, ok := p.lookup(name)
	if !ok {
		return false
	}
	switch strings.TrimSpace(value) {
	case "true":
		return true
	case "false":
		return false
	}
	p.found.add(k, 0, "", fmt.Sprintf(`%s is neither "true" nor "false"`, quote(value)))
	return false
}

func (p *parser) docsURL() string {
	text := p.text(nameDocsURL)
	if text == "" {
		return ""
	}
	address, err := url.Parse(text)
	if err != nil || address.Host == "" || !slices.Contains([]string{"http", "https"}, address.Scheme) {
		k, _, _ := p.lookup(nameDocsURL)
		p.found.add(k, 0, "", fmt.Sprintf("%s is no http or https URL", quote(text)))
		return ""
	}
	return text
}

func (p *parser) deprecated() string {
	switch text := p.text(nameDeprecated); text {
	case "", "false":
		return ""
	case "true":
		return deprecatedNotice
	default:
		return text
	}
}

// list reads comma-separated text, or a YAML list of texts. Empty elements and repeated ones are left out.
func (p *parser) list(name string) []string {
	k, value, ok := p.lookup(name)
	if !ok {
		return nil
	}
	elements, faults := parseList(value)
	p.found.addFaults(k, faults)
	return elements
}

// parseList returns nil where there is no element. Elements at fault are left out.
func parseList(text string) ([]string, []fault) {
	if len(text) > maxValueBytes {
		return nil, []fault{{reason: tooLong(text)}}
	}
	trimmed := strings.TrimSpace(text)
	if !strings.HasPrefix(trimmed, "[") && !strings.HasPrefix(trimmed, "- ") && !strings.HasPrefix(trimmed, "-\n") {
		return distinct(strings.Split(trimmed, ",")), nil
	}
	value, faults := parseYAML(text)
	if value == nil {
		return nil, faults
	}
	items, ok := value.value.([]*located)
	if !ok {
		return nil, append(faults, fault{line: value.line, reason: "this is neither comma-separated text nor a YAML list"})
	}
	var elements []string
	for i, item := range items {
		element, ok := item.value.(string)
		if !ok {
			faults = append(faults, fault{item.line, fmt.Sprintf("[%d]", i), "an element must be a text: put it in quotes"})
			continue
		}
		elements = append(elements, element)
	}
	return distinct(elements), faults
}

// distinct trims elements and leaves out empty and repeated ones.
func distinct(elements []string) []string {
	var result []string
	seen := make(map[string]bool, len(elements))
	for _, element := range elements {
		if element = strings.TrimSpace(element); element != "" && !seen[element] {
			seen[element] = true
			result = append(result, element)
		}
	}
	return result
}

// quote shows a hostile value in a message: on one line, and not longer than a person reads.
func quote(value string) string {
	const longest = 80
	if len(value) > longest {
		return fmt.Sprintf("%q...", strings.ToValidUTF8(value[:longest], ""))
	}
	return fmt.Sprintf("%q", value)
}
