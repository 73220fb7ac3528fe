package defaulting

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/kroguard/kroguard/internal/expression"
	"github.com/kroguard/kroguard/internal/patch"
	"github.com/kroguard/kroguard/internal/provenance"
)

// maxRounds bounds how often expressions that refer to other defaults are evaluated anew. Defaults that build on each other
// do so over two or three steps; each round costs the evaluation of all that still wait.
const maxRounds = 16

// composer collects the injections of one instance.
type composer struct {
	change     *provenance.Change
	variables  expression.Variables
	injections []Injection
	skipped    []Skipped

	// base is the object without the fields that wait for their default; nil until an expression asks for it.
	base map[string]any
	// view is base with the injections so far; nil where it has to be made anew.
	view map[string]any
}

// settle evaluates defaults until nothing more can be placed. An expression may refer to other fields with defaults: it then
// succeeds in the round after they are in place. Once no round gets further, the weaker alternatives have their turn.
func (c *composer) settle(all []candidate) {
	pending := all
	for rounds := 1; len(pending) > 0; rounds++ {
		waiting := c.round(all, pending)
		if len(waiting) == len(pending) || rounds%maxRounds == 0 {
			waiting = c.fallBack(waiting)
		}
		pending = waiting
	}
}

// round evaluates the strongest alternative of each candidate and returns those that have no value yet but may get one.
func (c *composer) round(all, pending []candidate) []candidate {
	var waiting []candidate
	for _, candidate := range pending {
		for len(candidate.alternatives) > 0 {
			best := candidate.alternatives[0]
			value, ok, err := c.evaluate(all, best.value)
			if ok && err == nil {
				c.offer(candidate.path, value, best.source)
				break
			}
			candidate.failure = err
			if best.value.ReadsObject() {
				waiting = append(waiting, candidate)
				break
			}
			candidate = c.giveUp(candidate)
		}
	}
	return waiting
}

// fallBack gives up the strongest alternative of each candidate, and returns those that have another.
func (c *composer) fallBack(waiting []candidate) []candidate {
	var left []candidate
	for _, candidate := range waiting {
		if candidate = c.giveUp(candidate); len(candidate.alternatives) > 0 {
			left = append(left, candidate)
		}
	}
	return left
}

// giveUp takes the strongest alternative away. No failure is no value, which is how an expression says that there is no
// default; it is not reported.
func (c *composer) giveUp(candidate candidate) candidate {
	if candidate.failure != nil && c.change.Origin(candidate.path) == provenance.Open {
		c.skip(candidate.path, candidate.alternatives[0].source, candidate.failure.Error())
	}
	candidate.alternatives, candidate.failure = candidate.alternatives[1:], nil
	return candidate
}

// evaluate yields a template's value over the object as it is by now.
func (c *composer) evaluate(all []candidate, template *expression.Template) (any, bool, error) {
	variables := c.variables
	variables.Object = nil
	if template.ReadsObject() {
		if c.base == nil {
			c.base = hideOpen(c.change, all)
		}
		if c.view == nil {
			c.view = patch.Apply(c.base, (&Result{Injections: c.injections}).Sets())
		}
		variables.Object = c.view
	}
	return template.Evaluate(variables)
}

func (c *composer) skip(path []string, source, reason string) {
	c.skipped = append(c.skipped, Skipped{Path: path, Source: source, Reason: strings.Join(strings.Fields(reason), " ")})
}

// offer places a value where the user left room for it: objects field by field, everything else whole.
func (c *composer) offer(path []string, value any, source string) {
	if fields, ok := value.(map[string]any); ok && len(fields) > 0 {
		for _, key := range slices.Sorted(maps.Keys(fields)) {
			c.offer(append(slices.Clip(path), key), fields[key], source)
		}
		return
	}
	if value == nil || c.change.Origin(path) != provenance.Open {
		return
	}
	present, ok := patch.Get(c.change.Object(), path)
	claim := c.change.Incoming()[provenance.ClaimKey(path)]
	switch {
	case isObject(value) && isObject(present):
		// An empty object adds nothing to one that is there. It may be kroguard's own, which other defaults have filled.
		if claim != source {
			return
		}
		value = present
	case ok && claim != "" && (claim != source || !patch.Equal(present, value)):
		// Somebody says that kroguard wrote this, or changed it since.
		return
	}
	c.place(Injection{Path: path, Value: value, Source: source})
}

// place adds an injection unless what is there, or was placed before, has another shape.
func (c *composer) place(injection Injection) {
	if slices.ContainsFunc(c.injections, injection.covered) {
		return
	}
	if reason := c.obstacle(injection); reason != "" {
		c.skip(injection.Path, injection.Source, reason)
		return
	}
	c.injections = append(c.injections, injection)
	c.view = nil
}

// covered reports whether a stronger injection has the field already, or, for an object, gives it fields.
func (i Injection) covered(stronger Injection) bool {
	return slices.Equal(i.Path, stronger.Path) || isObject(i.Value) && leads(i.Path, stronger.Path)
}

// obstacle says why a value has no place at a path; empty where it has.
func (c *composer) obstacle(injection Injection) string {
	path := injection.Path
	for depth := 1; depth < len(path); depth++ {
		value, ok := patch.Get(c.change.Object(), path[:depth])
		if !ok {
			break
		}
		if !isObject(value) {
			return fmt.Sprintf("%s is %s here, which has no fields", provenance.Format(path[:depth]), kindOf(value))
		}
	}
	if present, _ := patch.Get(c.change.Object(), path); isObject(present) && !isObject(injection.Value) {
		return fmt.Sprintf("%s is an object here, and the default is %s", provenance.Format(path), kindOf(injection.Value))
	}
	for _, other := range c.injections {
		if leads(path, other.Path) || leads(other.Path, path) && !isObject(other.Value) {
			return fmt.Sprintf("%s has a value from %s, which has another shape", provenance.Format(other.Path), other.Source)
		}
	}
	return ""
}

// leads reports whether a path leads to another, or to the same.
func leads(path, to []string) bool { return len(path) <= len(to) && slices.Equal(path, to[:len(path)]) }

func isObject(value any) bool {
	_, ok := value.(map[string]any)
	return ok
}

// kindOf names the JSON type of a value in a sentence.
func kindOf(value any) string {
	switch value.(type) {
	case nil:
		return "null"
	case []any:
		return "an array"
	case map[string]any:
		return "an object"
	case string:
		return "a string"
	case bool:
		return "a boolean"
	}
	return "a number"
}
