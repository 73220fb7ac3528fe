package catalog

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/kroguard/kroguard/internal/offering"
)

// Manifest is the YAML of an instance: what is to be committed. Its fields are in the order in which people expect them, those of
// spec in the offering's order.
func Manifest(o *offering.Offering, instance map[string]any) ([]byte, error) {
	var out bytes.Buffer
	names := slices.SortedFunc(maps.Keys(instance), byOrder([]string{"apiVersion", "kind", "metadata", "spec"}))
	for _, name := range names {
		value := instance[name]
		object, ok := value.(map[string]any)
		order := []string{"name", "namespace"}
		if name == "spec" {
			order = o.PropertyOrder
		}
		if !ok || len(object) == 0 {
			if err := writeField(&out, "", name, value); err != nil {
				return nil, err
			}
			continue
		}
		fmt.Fprintf(&out, "%s:\n", name)
		for _, field := range slices.SortedFunc(maps.Keys(object), byOrder(order)) {
			if err := writeField(&out, "  ", field, object[field]); err != nil {
				return nil, err
			}
		}
	}
	return out.Bytes(), nil
}

// byOrder compares names: those that are listed first, in that order, then the others.
func byOrder(order []string) func(a, b string) int {
	place := func(name string) int {
		if i := slices.Index(order, name); i >= 0 {
			return i
		}
		return len(order)
	}
	return func(a, b string) int { return cmp.Or(cmp.Compare(place(a), place(b)), cmp.Compare(a, b)) }
}

func writeField(out *bytes.Buffer, indent, name string, value any) error {
	text, err := yaml.Marshal(map[string]any{name: value})
	if err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	for line := range strings.Lines(string(text)) {
		if strings.TrimSpace(line) != "" {
			out.WriteString(indent)
		}
		out.WriteString(line)
	}
	return nil
}
