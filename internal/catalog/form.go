package catalog

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"sigs.k8s.io/yaml"

	"github.com/kroguard/kroguard/internal/offering"
	"github.com/kroguard/kroguard/internal/provenance"
)

// maxFormFields bounds a form; what is beyond is written as YAML.
const maxFormFields = 500

// input is how a field is written.
type input string

const (
	inputText   input = "text"
	inputNumber input = "number"
	inputSelect input = "select"
	inputYAML   input = "yaml"
	inputGroup  input = "group"
	inputList   input = "list"
	// inputMore is a group that is folded up.
	inputMore input = "more"
)

// fewFields is how many fields of a form are shown in any case.
const fewFields = 6

// formField is a field of a form, or a group of them.
type formField struct {
	// Path is the field's, and the name of its input; ID is one that HTML takes.
	Path, ID, Label, Description string
	Input                        input
	Value                        string
	Required                     bool
	// Default is what it gets that says nothing, and Source where that comes from.
	Default, Source string
	Options         []string
	// Minimum, Maximum, Step and Pattern are attributes of the input; empty where there are none.
	Minimum, Maximum, Step, Pattern string
	// When is what has to hold for the field to matter; empty where it always does.
	When string
	// Fields are those of a group, or the elements of a list.
	Fields []formField
	// Problems are what is wrong with the value.
	Problems []string
}

// former makes forms.
type former struct {
	given    url.Values
	defaults map[string]Value
	onlyWhen map[string]string
	problems map[string][]string
	count    int
}

// fieldsOf are the fields of an offering's form, with the values that are given.
func fieldsOf(o *offering.Offering, d *Detail, given url.Values, problems map[string][]string) []formField {
	spec, ok := o.SchemaAt([]string{"spec"})
	if !ok {
		return nil
	}
	f := &former{given: given, defaults: map[string]Value{}, onlyWhen: map[string]string{}, problems: problems}
	for _, value := range d.Defaults {
		f.defaults[value.Field] = value
	}
	for _, condition := range d.OnlyWhen {
		f.onlyWhen[condition.Field] = condition.When
	}
	return f.folded(f.group(spec, "spec", o.PropertyOrder), o.PropertyOrder)
}

// folded puts those fields of a long form aside that have a default, or may be left out, and that the offering's order does not name.
func (f *former) folded(fields []formField, order []string) []formField {
	if len(fields) <= fewFields {
		return fields
	}
	var first, more []formField
	for i := range fields {
		if field := &fields[i]; field.required() || field.written() || slices.Contains(order, field.Label) {
			first = append(first, *field)
		} else {
			more = append(more, *field)
		}
	}
	if len(more) == 0 || len(first) == 0 {
		return fields
	}
	return append(first, formField{ID: "more", Label: "Advanced", Input: inputMore, Fields: more})
}

// required reports whether a field, or one in it, has to be written.
func (f *formField) required() bool {
	return f.Required || f.Input == inputGroup && slices.ContainsFunc(f.Fields, func(below formField) bool { return below.required() })
}

// written reports whether somebody has written something in it, or something is wrong.
func (f *formField) written() bool {
	return f.Value != "" || len(f.Problems) > 0 || slices.ContainsFunc(f.Fields, func(below formField) bool { return below.written() })
}

// group are the fields of an object: those that are required first, in the offering's order.
func (f *former) group(s *schema.Structural, name string, order []string) []formField {
	names := slices.SortedFunc(maps.Keys(s.Properties), byOrder(order))
	required := func(name string) bool {
		return s.ValueValidation != nil && slices.Contains(s.ValueValidation.Required, name)
	}
	slices.SortStableFunc(names, func(a, b string) int {
		if slices.Contains(order, a) || slices.Contains(order, b) || required(a) == required(b) {
			return 0
		}
		if required(a) {
			return -1
		}
		return 1
	})
	var fields []formField
	for _, property := range names {
		if f.count >= maxFormFields {
			break
		}
		child := s.Properties[property]
		below := name + strings.TrimPrefix(provenance.Format([]string{"x", property}), "x")
		fields = append(fields, f.field(&child, below, property, required(property)))
	}
	return fields
}

// field is the form's field for a schema.
func (f *former) field(s *schema.Structural, name, label string, required bool) formField {
	f.count++
	field := formField{
		Path: name, ID: idOf(name), Label: label, Description: s.Description, Required: required,
		Value: f.given.Get(name), Problems: f.problems[name], When: f.onlyWhen[name],
	}
	if known, ok := f.defaults[name]; ok {
		field.Default, field.Source = shown(known.Value), known.Source
		field.Required = false
	}
	switch kind := typeOf(s); {
	case kind == typeObject && len(s.Properties) > 0 && f.given.Get(name) == "":
		field.Input, field.Fields = inputGroup, f.group(s, name, nil)
	case kind == typeArray && isWritten(s.Items) && f.given.Get(name) == "":
		field.Input, field.Fields = inputList, f.elements(s.Items, name, label)
	default:
		f.scalar(&field, s, kind)
	}
	return field
}

// isWritten reports whether the elements of a list have inputs of their own.
func isWritten(s *schema.Structural) bool {
	switch typeOf(s) {
	case "", typeArray:
		return false
	case typeObject:
		return len(s.Properties) > 0
	default:
		return true
	}
}

// idOf is the id of a field's input: the same whatever else is in the form.
func idOf(path string) string { return "f-" + base64.RawURLEncoding.EncodeToString([]byte(path)) }

// elements are those of a list that are given, and one more.
func (f *former) elements(of *schema.Structural, name, label string) []formField {
	count := 0
	for given := range f.given {
		rest, ok := strings.CutPrefix(given, name+"[")
		digits, _, closed := strings.Cut(rest, "]")
		if i, err := strconv.Atoi(digits); ok && closed && err == nil && i < maxElements {
			count = max(count, i+1)
		}
	}
	var elements []formField
	for i := range min(count+1, maxElements) {
		if f.count >= maxFormFields {
			break
		}
		elements = append(elements, f.field(of, fmt.Sprintf("%s[%d]", name, i), fmt.Sprintf("%s %d", label, i+1), false))
	}
	return elements
}

// scalar fills in how a single value is written.
func (f *former) scalar(field *formField, s *schema.Structural, kind string) {
	v := s.ValueValidation
	if v == nil {
		v = new(schema.ValueValidation)
	}
	switch {
	case len(v.Enum) > 0:
		field.Input = inputSelect
		for i := range v.Enum {
			field.Options = append(field.Options, shown(v.Enum[i].Object))
		}
	case kind == typeBoolean:
		field.Input, field.Options = inputSelect, []string{"true", "false"}
	case kind == typeInteger || kind == typeNumber:
		field.Input, field.Step = inputNumber, "any"
		if kind == typeInteger {
			field.Step = "1"
		}
		field.Minimum, field.Maximum = bound(v.Minimum), bound(v.Maximum)
	case kind == typeString || kind == typeIntOrString:
		field.Input, field.Pattern = inputText, v.Pattern
	default:
		field.Input = inputYAML
		if all := f.given[field.Path]; len(all) > 1 {
			text, _ := yaml.Marshal(all) // texts can be written
			field.Value = string(text)
		}
	}
}

func bound(n *float64) string {
	if n == nil {
		return ""
	}
	return strconv.FormatFloat(*n, 'f', -1, 64)
}

// shown is a value as people write it.
func shown(value any) string {
	if text, ok := value.(string); ok {
		return text
	}
	text, err := json.Marshal(value)
	if err != nil {
		return fmt.Sprint(value)
	}
	return string(text)
}
