package catalog

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"sigs.k8s.io/yaml"

	"github.com/kroguard/kroguard/internal/offering"
	"github.com/kroguard/kroguard/internal/spelling"
)

// Bounds of what is written in a query.
const (
	maxValues   = 1000
	maxElements = 1000
	maxDepth    = 20
)

// FieldError is what is wrong with a field.
type FieldError struct {
	// Field is its path: spec.size. It is empty where the whole is wrong.
	Field   string `json:"field,omitempty"`
	Message string `json:"message"`
}

// ValuesError are the values that are wrong, in the order of their names.
type ValuesError []FieldError

// Error says all of it.
func (e ValuesError) Error() string {
	parts := make([]string, len(e))
	for i := range e {
		parts[i] = strings.TrimPrefix(e[i].Field+": "+e[i].Message, ": ")
	}
	return strings.Join(parts, "; ")
}

// ParseValues makes a spec of values by path, as spec.logging.level, spec.ports[0].name or spec.labels["a.b"], each written as a text:
// what it means is told by the offering's schema. Several values of one path are an array; objects and arrays may be written as JSON
// or YAML. The error is a ValuesError.
func ParseValues(o *offering.Offering, values map[string][]string) (map[string]any, error) {
	spec := map[string]any{}
	var problems ValuesError
	if len(values) > maxValues {
		return nil, ValuesError{{Message: fmt.Sprintf("there are %d values, %d are the most", len(values), maxValues)}}
	}
	root, _ := o.SchemaAt([]string{"spec"})
	if root == nil {
		return nil, ValuesError{{Message: fmt.Sprintf("the schema of offering %s can't be read: nobody can tell what its fields are", o.Name)}}
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		path, err := parsePath(name)
		if err == nil && !writable(append([]string{name}, values[name]...)) {
			err = errors.New("it has characters that YAML can't have")
		}
		if err == nil {
			err = put(spec, root, path, values[name])
		}
		if err != nil {
			problems = append(problems, FieldError{Field: name, Message: err.Error()})
		}
	}
	if problems != nil {
		return nil, problems
	}
	closed, _ := withoutGaps(spec).(map[string]any) // it is an object
	return closed, nil
}

// gap is an element of an array that nobody has written.
type gap struct{}

// withoutGaps leaves elements out that nobody has written.
func withoutGaps(value any) any {
	switch value := value.(type) {
	case map[string]any:
		for name := range value {
			value[name] = withoutGaps(value[name])
		}
	case []any:
		written := []any{}
		for _, element := range value {
			if _, isGap := element.(gap); !isGap {
				written = append(written, withoutGaps(element))
			}
		}
		return written
	}
	return value
}

// writable reports whether texts can be in a manifest.
func writable(texts []string) bool {
	return !slices.ContainsFunc(texts, func(text string) bool {
		return !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool {
			return unicode.IsControl(r) && r != '\n' && r != '\t' || r == '\ufeff' || r == '\ufffe' || r == '\uffff'
		})
	})
}

// step is a part of a path: a field, or an index where field is empty.
type step struct {
	field string
	index int
}

// pathToken is a step of a path: .name, [0] or ["quoted"].
var pathToken = regexp.MustCompile(`^(?:\.([A-Za-z0-9_$-]+)|\[(\d{1,9})\]|\[("(?:[^"\\]|\\.)*")\])`)

// parsePath reads a path that begins with spec.
func parsePath(text string) ([]step, error) {
	rest, ok := strings.CutPrefix(text, "spec")
	if !ok || rest == "" || rest[0] != '.' && rest[0] != '[' {
		return nil, errors.New("a value is of a field of spec, as spec.size")
	}
	var path []step
	for rest != "" {
		found := pathToken.FindStringSubmatch(rest)
		if found == nil {
			return nil, fmt.Errorf("%q is no path of a field: write it as spec.ports[0].name, and a name with dots as [\"a.b\"]", text)
		}
		next := step{field: found[1]}
		switch {
		case found[2] != "":
			next.index, _ = strconv.Atoi(found[2])
			if next.index >= maxElements {
				return nil, fmt.Errorf("there are %d elements at most", maxElements)
			}
		case found[3] != "":
			name, err := strconv.Unquote(found[3])
			if err != nil {
				return nil, fmt.Errorf("%s is no quoted name", found[3])
			}
			next.field = name
		}
		if path = append(path, next); len(path) > maxDepth {
			return nil, fmt.Errorf("it is deeper than %d levels", maxDepth)
		}
		rest = rest[len(found[0]):]
	}
	return path, nil
}

// put writes a value into an object whose schema is s; nil is anything.
func put(object map[string]any, s *schema.Structural, path []step, texts []string) error {
	first := path[0]
	if first.field == "" {
		return errors.New("it is an object, and no array")
	}
	of, err := fieldOf(s, first.field)
	if err != nil {
		return err
	}
	value, err := within(object[first.field], of, path[1:], texts)
	if err != nil {
		return err
	}
	object[first.field] = value
	return nil
}

// within is the value of a field with another value in it.
func within(have any, s *schema.Structural, rest []step, texts []string) (any, error) {
	switch {
	case len(rest) == 0:
		return convert(s, texts)
	case rest[0].field != "":
		return withinObject(have, s, rest, texts)
	default:
		return withinArray(have, s, rest, texts)
	}
}

func withinObject(have any, s *schema.Structural, rest []step, texts []string) (any, error) {
	object, ok := have.(map[string]any)
	if !ok && have != nil {
		return nil, errors.New("it has a value of its own already")
	}
	if object == nil {
		object = map[string]any{}
	}
	if kind := typeOf(s); kind != "" && kind != typeObject {
		return nil, fmt.Errorf("it is of type %s, and has no fields", kind)
	}
	return object, put(object, s, rest, texts)
}

func withinArray(have any, s *schema.Structural, rest []step, texts []string) (any, error) {
	elements, ok := have.([]any)
	if kind := typeOf(s); !ok && have != nil || kind != "" && kind != typeArray {
		return nil, errors.New("it is no array")
	}
	for len(elements) <= rest[0].index {
		elements = append(elements, gap{})
	}
	var of *schema.Structural
	if s != nil {
		of = s.Items
	}
	before := elements[rest[0].index]
	if _, isGap := before.(gap); isGap {
		before = nil
	}
	value, err := within(before, of, rest[1:], texts)
	elements[rest[0].index] = value
	return elements, err
}

// The types of a schema.
const (
	typeObject  = "object"
	typeArray   = "array"
	typeString  = "string"
	typeBoolean = "boolean"
	typeInteger = "integer"
	typeNumber  = "number"

	typeIntOrString = "integer or string"
)

// typeOf is a schema's type; "" is any.
func typeOf(s *schema.Structural) string {
	switch {
	case s == nil:
		return ""
	case s.XIntOrString:
		return typeIntOrString
	default:
		return s.Type
	}
}

// fieldOf is the schema of a field; nil where anything goes.
func fieldOf(s *schema.Structural, name string) (*schema.Structural, error) {
	switch {
	case s == nil:
		return nil, nil
	case s.AdditionalProperties != nil:
		return s.AdditionalProperties.Structural, nil
	}
	if property, ok := s.Properties[name]; ok {
		return &property, nil
	}
	if s.XPreserveUnknownFields {
		return nil, nil
	}
	message := "there is no field " + strconv.Quote(name)
	if near, ok := spelling.Nearest(name, slices.Sorted(maps.Keys(s.Properties))); ok {
		message += "; did you mean " + near + "?"
	}
	return nil, errors.New(message)
}

// convert is what texts mean by the schema.
func convert(s *schema.Structural, texts []string) (any, error) {
	kind := typeOf(s)
	if kind != typeArray || len(texts) == 1 && strings.HasPrefix(strings.TrimSpace(texts[0]), "[") {
		return scalar(kind, texts[len(texts)-1])
	}
	if len(texts) > maxElements {
		return nil, fmt.Errorf("there are %d elements at most", maxElements)
	}
	elements := make([]any, len(texts))
	for i := range texts {
		var err error
		if elements[i], err = convert(s.Items, texts[i:i+1]); err != nil {
			return nil, err
		}
	}
	return elements, nil
}

// scalar is what one text means.
func scalar(kind, text string) (any, error) {
	switch kind {
	case typeString:
		return text, nil
	case typeBoolean:
		value, err := strconv.ParseBool(text)
		if err != nil {
			return nil, fmt.Errorf("%q is neither true nor false", text)
		}
		return value, nil
	case typeInteger:
		value, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("%q is no integer", text)
		}
		return value, nil
	case typeNumber:
		value, err := strconv.ParseFloat(text, 64)
		if err != nil || math.IsInf(value, 0) || math.IsNaN(value) {
			return nil, fmt.Errorf("%q is no number", text)
		}
		return value, nil
	case typeIntOrString:
		if value, err := strconv.ParseInt(text, 10, 64); err == nil {
			return value, nil
		}
		return text, nil
	default:
		return structured(kind, text)
	}
}

// structured is an object, an array or anything.
func structured(kind, text string) (any, error) {
	value, err := decoded(text)
	if err != nil {
		return nil, err
	}
	_, isObject := value.(map[string]any)
	_, isArray := value.([]any)
	if kind == typeObject && !isObject || kind == typeArray && !isArray {
		return nil, fmt.Errorf("it is no %s, as JSON or YAML", kind)
	}
	return value, nil
}

// decoded reads JSON or YAML.
func decoded(text string) (any, error) {
	var value map[string]any
	raw, err := yaml.YAMLToJSON([]byte("value: " + strings.ReplaceAll(text, "\n", "\n  ")))
	if err == nil {
		err = unmarshal(raw, &value)
	}
	if err != nil {
		return nil, fmt.Errorf("it is neither JSON nor YAML: %w", err)
	}
	return value["value"], nil
}
