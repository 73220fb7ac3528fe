package offering

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/kroguard/kroguard/internal/expression"
)

const (
	// maxValueBytes bounds one annotation's value. All annotations of an object together have at most 256 KiB
	// (k8s.io/apimachinery/pkg/api/validation.TotalAnnotationSizeLimitB).
	maxValueBytes = 64 << 10
	// maxValueDepth bounds how deep a value nests, far beyond any real spec.
	maxValueDepth = 48
)

// located is a JSON value that knows where it stands in the annotation.
type located struct {
	// value is nil, string, bool, int64, float64, []*located or map[string]*located.
	value any
	// keys are the keys of a map in the order of the text.
	keys []string
	// line counts from 1 within the annotation's value.
	line int
	// block is true for a literal block ("|"), whose lines are those of the text, beginning one line further down.
	block bool
}

// fault is one thing wrong with a value's YAML.
type fault struct {
	line         int
	path, reason string
}

// parseYAML reads one YAML document of plain JSON values. It returns nil for an empty document. What is wrong is returned as
// faults, all of them, and left out of the value.
func parseYAML(text string) (*located, []fault) {
	if len(text) > maxValueBytes {
		return nil, []fault{{reason: fmt.Sprintf("the value has %d bytes; at most %d are allowed", len(text), maxValueBytes)}}
	}
	decoder := yaml.NewDecoder(bytes.NewReader([]byte(text)))
	var document, more yaml.Node
	if err := decoder.Decode(&document); errors.Is(err, io.EOF) {
		return nil, nil
	} else if err != nil {
		return nil, []fault{yamlFault(err)}
	}
	if err := decoder.Decode(&more); err == nil {
		return nil, []fault{{line: more.Line, reason: "there is a second YAML document; only one is allowed"}}
	} else if !errors.Is(err, io.EOF) {
		return nil, []fault{yamlFault(err)}
	}
	if len(document.Content) == 0 {
		return nil, nil
	}
	var r yamlReader
	value := r.read(document.Content[0], "", 0)
	if value != nil && value.value == nil && document.Content[0].Value == "" {
		return nil, r.faults // only comments
	}
	return value, r.faults
}

// yamlFault takes the line out of an error of the YAML library, which has it in its text only.
func yamlFault(err error) fault {
	match := regexp.MustCompile(`(?s)^yaml: (?:line (\d+): )?(.*)$`).FindStringSubmatch(err.Error())
	if match == nil {
		return fault{reason: "the value is no YAML: " + err.Error()}
	}
	line, _ := strconv.Atoi(match[1]) // 0 where there is none
	return fault{line: line, reason: "the value is no YAML: " + match[2]}
}

// yamlReader turns YAML nodes into located values.
type yamlReader struct {
	faults []fault
}

func (r *yamlReader) fail(n *yaml.Node, path, reason string) *located {
	r.faults = append(r.faults, fault{n.Line, path, reason})
	return nil
}

// read returns nil where the node is at fault.
func (r *yamlReader) read(n *yaml.Node, path string, depth int) *located {
	switch {
	case depth > maxValueDepth:
		return r.fail(n, path, fmt.Sprintf("the value nests deeper than %d levels", maxValueDepth))
	case n.Kind == yaml.AliasNode, n.Anchor != "":
		return r.fail(n, path, "YAML anchors and aliases are not allowed: write the value out")
	}
	switch n.Kind {
	case yaml.MappingNode:
		return r.mapping(n, path, depth)
	case yaml.SequenceNode:
		return r.sequence(n, path, depth)
	case yaml.ScalarNode:
		return r.scalar(n, path)
	}
	return r.fail(n, path, "this is no YAML value")
}

func (r *yamlReader) mapping(n *yaml.Node, path string, depth int) *located {
	if tag := n.ShortTag(); tag != "!!map" {
		return r.fail(n, path, fmt.Sprintf("the YAML tag %s is not allowed", tag))
	}
	fields := make(map[string]*located, len(n.Content)/2)
	result := &located{value: fields, line: n.Line}
	for i := 0; i+1 < len(n.Content); i += 2 {
		name, ok := r.key(n.Content[i], path)
		if !ok {
			continue
		}
		child := expression.Child(path, name)
		if _, twice := fields[name]; twice {
			r.fail(n.Content[i], child, "the key is given twice")
			continue
		}
		value := r.read(n.Content[i+1], child, depth+1)
		if value == nil {
			continue
		}
		if _, text := value.value.(string); !text {
			value.line = n.Content[i].Line // people look for a nested value at its key
		}
		fields[name] = value
		result.keys = append(result.keys, name)
	}
	return result
}

func (r *yamlReader) key(n *yaml.Node, path string) (string, bool) {
	switch {
	case n.Kind == yaml.AliasNode, n.Anchor != "", n.Kind == yaml.ScalarNode && n.ShortTag() == "!!merge":
		r.fail(n, path, "YAML anchors, aliases and merge keys are not allowed: write the value out")
	case n.Kind != yaml.ScalarNode:
		r.fail(n, path, "a key must be a text")
	case n.ShortTag() != "!!str":
		r.fail(n, path, fmt.Sprintf("the key %s is no text: put it in quotes", n.Value))
	case n.Value == "":
		r.fail(n, path, "a key is empty")
	case strings.Contains(n.Value, "${"):
		r.fail(n, path, "a key takes no expressions")
	default:
		return n.Value, true
	}
	return "", false
}

func (r *yamlReader) sequence(n *yaml.Node, path string, depth int) *located {
	if tag := n.ShortTag(); tag != "!!seq" {
		return r.fail(n, path, fmt.Sprintf("the YAML tag %s is not allowed", tag))
	}
	items := make([]*located, 0, len(n.Content))
	for i, item := range n.Content {
		if value := r.read(item, expression.Index(path, i), depth+1); value != nil {
			items = append(items, value)
		}
	}
	return &located{value: items, line: n.Line}
}

func (r *yamlReader) scalar(n *yaml.Node, path string) *located {
	result := &located{line: n.Line, block: n.Style&yaml.LiteralStyle != 0}
	switch tag := n.ShortTag(); tag {
	case "!!str", "!!timestamp": // JSON has no timestamps: they are text
		result.value = n.Value
	case "!!null":
	case "!!bool":
		var value bool
		if err := n.Decode(&value); err != nil {
			return r.fail(n, path, fmt.Sprintf("%s is no boolean", n.Value))
		}
		result.value = value
	case "!!int":
		var value int64
		if err := n.Decode(&value); err != nil {
			return r.fail(n, path, fmt.Sprintf("%s is beyond the range of a 64-bit integer", n.Value))
		}
		result.value = value
	case "!!float":
		var value float64
		if err := n.Decode(&value); err != nil || math.IsNaN(value) || math.IsInf(value, 0) {
			return r.fail(n, path, fmt.Sprintf("%s is no JSON number", n.Value))
		}
		result.value = value
	default:
		return r.fail(n, path, fmt.Sprintf("the YAML tag %s is not allowed", tag))
	}
	return result
}

// json returns the plain value.
func (l *located) json() any {
	switch v := l.value.(type) {
	case []*located:
		result := make([]any, len(v))
		for i := range v {
			result[i] = v[i].json()
		}
		return result
	case map[string]*located:
		result := make(map[string]any, len(v))
		for name, field := range v {
			result[name] = field.json()
		}
		return result
	}
	return l.value
}

// parts are the value and all values within it, by path as expression.Child and Index write it; at is the value's own.
func (l *located) parts(at string) map[string]*located {
	parts := map[string]*located{}
	l.addParts(at, parts)
	return parts
}

func (l *located) addParts(at string, parts map[string]*located) {
	parts[at] = l
	switch v := l.value.(type) {
	case []*located:
		for i := range v {
			v[i].addParts(expression.Index(at, i), parts)
		}
	case map[string]*located:
		for name, field := range v {
			field.addParts(expression.Child(at, name), parts)
		}
	}
}

// lineOf is the line in the annotation of a line in a text, both from 1.
func (l *located) lineOf(inText int) int {
	if l.block && inText > 0 {
		return l.line + inText
	}
	return l.line
}
