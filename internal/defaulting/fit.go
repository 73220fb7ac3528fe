package defaulting

import (
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/kroguard/kroguard/internal/patch"
)

// fit takes back the injections that make an object invalid which wasn't: those that an error names, or all where none is.
// The user shall not get an error for a field that the user didn't write.
func (c *composer) fit(validate func(map[string]any) field.ErrorList) {
	if !slices.ContainsFunc(c.injections, c.changes) {
		return
	}
	object := c.change.Object()
	var known map[string]bool
	for slices.ContainsFunc(c.injections, c.changes) {
		errs := validate(patch.Apply(object, (&Result{Injections: c.injections}).Sets()))
		if len(errs) > 0 && known == nil {
			known = identities(validate(object))
		}
		errs = slices.DeleteFunc(errs, func(err *field.Error) bool { return known[identity(err)] })
		if len(errs) == 0 {
			return
		}
		c.takeBack(errs)
	}
}

// changes reports whether an injection puts something in place that isn't there.
func (c *composer) changes(injection Injection) bool {
	value, ok := patch.Get(c.change.Object(), injection.Path)
	return !ok || !patch.Equal(value, injection.Value)
}

// takeBack drops the injections that are at fault for the errors; at least one.
func (c *composer) takeBack(errs field.ErrorList) {
	fault := map[int]string{}
	for _, err := range errs {
		for i, injection := range c.injections {
			if c.causes(injection, tokens(err.Field)) {
				fault[i] = err.Error()
			}
		}
	}
	var left []Injection
	for i, injection := range c.injections {
		reason, found := fault[i]
		if len(fault) == 0 && c.changes(injection) {
			reason, found = errs[0].Error(), true
		}
		if found {
			c.skip(injection.Path, injection.Source, "the instance would be invalid: "+reason)
			continue
		}
		left = append(left, injection)
	}
	c.injections = left
}

// identities are the errors that an object has anyway.
func identities(errs field.ErrorList) map[string]bool {
	known := make(map[string]bool, len(errs))
	for _, err := range errs {
		known[identity(err)] = true
	}
	return known
}

// identity tells errors apart by type and field: values and messages may name what else changed.
func identity(err *field.Error) string { return string(err.Type) + " " + err.Field }

// causes reports whether an injection can be the reason for an error at a place: it made what is there, or changed something
// in it.
func (c *composer) causes(injection Injection, place []string) bool {
	if len(place) == 0 || !c.changes(injection) {
		return false
	}
	made := injection.Path
	for depth := 1; depth < len(made); depth++ {
		if _, ok := patch.Get(c.change.Object(), made[:depth]); !ok {
			made = made[:depth]
		}
	}
	return leads(made, place) || leads(place, injection.Path)
}

// tokens splits a field.Path's text, spec.list[0].name or spec.map[key], into its parts. A key with a bracket in it is cut
// wrongly, which at worst relates the error to no injection.
func tokens(path string) []string {
	var out []string
	for path != "" {
		if rest, ok := strings.CutPrefix(path, "["); ok {
			key, after, _ := strings.Cut(rest, "]")
			out, path = append(out, key), after
			continue
		}
		path = strings.TrimPrefix(path, ".")
		end := strings.IndexAny(path, ".[")
		if end < 0 {
			end = len(path)
		}
		if end > 0 {
			out = append(out, path[:end])
		}
		path = path[end:]
	}
	return out
}
