package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"

	"go.yaml.in/yaml/v3"
)

// schemaMark begins a comment line with constraints.
const schemaMark = "@schema "

// value is one of values.yaml, with what its comment says.
type value struct {
	path, description string
	// constraints are keywords of JSON Schema.
	constraints map[string]any
	node        *yaml.Node
	children    []*value
}

// parseValues reads a values.yaml. Errors name the line.
func parseValues(text []byte) (*value, error) {
	var document yaml.Node
	if err := yaml.Unmarshal(text, &document); err != nil {
		return nil, err
	}
	if len(document.Content) != 1 || document.Content[0].Kind != yaml.MappingNode {
		return nil, errors.New("no mapping")
	}
	root := &value{node: document.Content[0]}
	return root, root.addChildren()
}

func (v *value) addChildren() error {
	for i := 0; i < len(v.node.Content); i += 2 {
		key, node := v.node.Content[i], v.node.Content[i+1]
		child := &value{path: strings.TrimPrefix(v.path+"."+key.Value, "."), node: node}
		if err := child.readComment(key.HeadComment); err != nil {
			return fmt.Errorf("line %d: %s: %w", key.Line, child.path, err)
		}
		// A mapping with constraints of its own may hold other keys than those of the default.
		if node.Kind == yaml.MappingNode && child.constraints == nil {
			if len(node.Content) == 0 {
				return fmt.Errorf("line %d: %s: an empty mapping needs a line %q that says what it may hold", key.Line, child.path, schemaMark)
			}
			if err := child.addChildren(); err != nil {
				return err
			}
		}
		v.children = append(v.children, child)
	}
	return nil
}

// readComment takes apart the comment before a value. A paragraph of its own before it belongs to the file.
func (v *value) readComment(comment string) error {
	paragraphs := strings.Split(comment, "\n\n")
	var words []string
	for line := range strings.SplitSeq(paragraphs[len(paragraphs)-1], "\n") {
		line = strings.TrimSpace(strings.TrimPrefix(line, "#"))
		constraints, ok := strings.CutPrefix(line, schemaMark)
		if !ok {
			words = append(words, line)
			continue
		}
		if err := yaml.Unmarshal([]byte(constraints), &v.constraints); err != nil {
			return fmt.Errorf("%s%s: %w", schemaMark, constraints, err)
		}
	}
	v.description = strings.TrimSpace(strings.Join(words, " "))
	return nil
}

// schema is the JSON Schema of the value.
func (v *value) schema() map[string]any {
	out := map[string]any{}
	if v.description != "" {
		out["description"] = v.description
	}
	switch v.node.Kind {
	case yaml.MappingNode:
		out["type"] = "object"
		if v.constraints == nil {
			properties := map[string]any{}
			for _, child := range v.children {
				properties[child.path[strings.LastIndex(child.path, ".")+1:]] = child.schema()
			}
			if v.path == "" {
				// Helm's own: what a parent chart may set for all.
				properties["global"] = map[string]any{"type": "object"}
			}
			out["properties"] = properties
			out["additionalProperties"] = false
		}
	case yaml.SequenceNode:
		out["type"] = "array"
	default:
		out["type"] = map[string]string{"!!int": "integer", "!!bool": "boolean", "!!float": "number"}[v.node.Tag]
		if out["type"] == "" {
			out["type"] = "string"
		}
	}
	maps.Copy(out, v.constraints)
	return out
}

// schemaJSON is the schema of all values.
func (v *value) schemaJSON() ([]byte, error) {
	schema := v.schema()
	schema["$schema"] = "http://json-schema.org/draft-07/schema#"
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	err := encoder.Encode(schema)
	return out.Bytes(), err
}

// table is the README's table, a row for each value that has no children.
func (v *value) table() string {
	out := new(strings.Builder)
	out.WriteString("| value | default | what it does |\n|---|---|---|\n")
	v.writeRows(out, "")
	return out.String()
}

// writeRows writes the rows of the value's children. A group's description leads that of its first value.
func (v *value) writeRows(out *strings.Builder, lead string) {
	for i, child := range v.children {
		description := child.description
		if i == 0 && lead != "" {
			description = strings.TrimSpace(lead + " " + description)
		}
		if len(child.children) > 0 {
			child.writeRows(out, description)
			continue
		}
		if allowed, ok := child.constraints["enum"].([]any); ok {
			description = strings.TrimSpace(description + " One of " + strings.Trim(fmt.Sprint(allowed), "[]") + ".")
		}
		fmt.Fprintf(out, "| `%s` | `%s` | %s |\n", child.path, child.defaultText(), strings.ReplaceAll(description, "|", `\|`))
	}
}

// defaultText is the default as JSON, on one line.
func (v *value) defaultText() string {
	var decoded any
	if err := v.node.Decode(&decoded); err != nil {
		return ""
	}
	text, err := json.Marshal(decoded)
	if err != nil {
		return ""
	}
	return string(text)
}

// Marks in the README around what is generated.
const (
	tableBegin = "<!-- values: generated from values.yaml -->\n"
	tableEnd   = "<!-- end of values -->"
)

func replaceTable(readme []byte, table string) ([]byte, error) {
	before, rest, found := strings.Cut(string(readme), tableBegin)
	_, after, ended := strings.Cut(rest, tableEnd)
	if !found || !ended {
		return nil, fmt.Errorf("no place for the table: it goes between %q and %q", strings.TrimSpace(tableBegin), tableEnd)
	}
	return []byte(before + tableBegin + "\n" + table + "\n" + tableEnd + after), nil
}
