package defaulting

import (
	"cmp"
	"maps"
	"slices"

	"github.com/kroguard/kroguard/internal/expression"
	"github.com/kroguard/kroguard/internal/offering"
	"github.com/kroguard/kroguard/internal/patch"
	"github.com/kroguard/kroguard/internal/provenance"
)

// Input is all that defaulting depends on. It is only read.
type Input struct {
	// Change has the object, the old object, and who wrote what. Never nil.
	Change *provenance.Change
	// Offering has the defaults; nil has none. What was injected before sticks all the same.
	Offering *offering.Offering
	// ProjectName chooses defaults.<project>; empty for none.
	ProjectName string
	// Variables are what expressions read, but for Object, which is made from Change: it lacks what kroguard writes, and has
	// each field with a default only once the default is in place.
	Variables expression.Variables
}

// Examine reads who wrote what in a request, in the light of the offering's schema, for Input. The objects are decoded JSON
// with integers as int64; oldObject is nil on CREATE, offering where the RGD is unknown. fieldManager is the request's
// options.fieldManager.
func Examine(object, oldObject map[string]any, fieldManager string, o *offering.Offering) *provenance.Change {
	request := provenance.Request{Object: object, OldObject: oldObject, FieldManager: fieldManager}
	if o != nil && o.Schema != nil {
		request.SchemaDefault = o.SchemaDefaultAt
	}
	return provenance.Examine(request)
}

// Result is what to inject.
type Result struct {
	// Injections are all fields whose value is kroguard's after this request, in path order: those injected now, and those
	// injected before which stick. Values that are in place already are among them.
	Injections []Injection
	// Skipped are the defaults that could not be injected, in path order.
	Skipped []Skipped
}

// Injection is one field whose value comes from a default.
type Injection struct {
	// Path leads from the instance's root: ["spec", "size"].
	Path []string
	// Value is a JSON value. Read only.
	Value any
	// Source is "defaults" or "defaults.<project>"; for a value that sticks, what was recorded when it was injected.
	Source string
}

// Skipped is one default that was not injected although the user didn't write the field.
type Skipped struct {
	Path   []string
	Source string
	// Reason is one line for people.
	Reason string
}

// Sets are the injections in the form that patches are made from.
func (r *Result) Sets() []patch.Set {
	sets := make([]patch.Set, len(r.Injections))
	for i, injection := range r.Injections {
		sets[i] = patch.Set{Path: injection.Path, Value: injection.Value}
	}
	return sets
}

// Claims are the injections as kroguard records them on the instance.
func (r *Result) Claims() provenance.Claims {
	claims := make(provenance.Claims, len(r.Injections))
	for _, injection := range r.Injections {
		claims[provenance.ClaimKey(injection.Path)] = injection.Source
	}
	return claims
}

// Compute decides which defaults the instance gets. It never fails: a default that can't be evaluated or would not fit the
// schema decorates nothing, and is reported as skipped.
//
// Computed again for an instance with the result in place and recorded, it yields the same result.
func Compute(in Input) *Result {
	c := &composer{change: in.Change, variables: in.Variables}
	c.keep()
	if in.Offering != nil {
		c.settle(candidates(in.Change, in.Offering.DefaultsFor(in.ProjectName)))
		c.fit(in.Offering.ValidateSpec)
	}
	slices.SortFunc(c.injections, func(a, b Injection) int { return slices.Compare(a.Path, b.Path) })
	slices.SortStableFunc(c.skipped, func(a, b Skipped) int {
		return cmp.Or(slices.Compare(a.Path, b.Path), cmp.Compare(a.Source, b.Source))
	})
	return &Result{Injections: c.injections, Skipped: c.skipped}
}

// keep holds on to what was injected before and sticks, though the default may have changed or disappeared since.
func (c *composer) keep() {
	trusted := c.change.Trusted()
	for _, key := range slices.Sorted(maps.Keys(trusted)) {
		path, err := provenance.Parse(key)
		if err != nil || path[0] != "spec" || c.change.Origin(path) != provenance.Injected {
			continue
		}
		if value, ok := patch.Get(c.change.OldObject(), path); ok {
			c.place(Injection{Path: path, Value: value, Source: trusted[key]})
		}
	}
}
