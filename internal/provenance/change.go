// Package provenance tells who wrote a field of an instance: the user, the schema, or kroguard. Defaults, labels and what an
// UPDATE may change all rest on it.
//
// CRD defaults are applied before any webhook runs, so that a field is present says little. What tells are server-side
// apply's managedFields, the manifest that client-side apply leaves in an annotation, on UPDATE the old object, and kroguard's
// own record, the annotation kroguard.io/injected. Where none of them tells, a present field counts as the user's.
package provenance

import (
	"github.com/kroguard/kroguard/internal/patch"
)

// Request is what provenance is read from. Objects are decoded JSON with integers as int64; they are only read.
type Request struct {
	// Object is the instance as it arrived.
	Object map[string]any
	// OldObject is the instance before an UPDATE; nil on CREATE.
	OldObject map[string]any
	// FieldManager is the request's options.fieldManager; empty for none. Without it no request is a server-side apply.
	FieldManager string
	// SchemaDefault yields the value that the schema alone gives a field. A nil function: the schema
	// is unknown, and may have given any.
	SchemaDefault func(path []string) (any, bool)
}

// Change answers who wrote what in one request. It is immutable and safe for concurrent use.
type Change struct {
	request Request
	owners  ownership
	applied manifest
	// trusted are the claims of the old object: kroguard wrote them, or was down when somebody else did. incoming are those of
	// the object, which users can write: each has to be verified.
	trusted, incoming Claims
}

// Origin says whose a field is, and so what may be done to it.
type Origin int

const (
	// Open fields are nobody's: a default may be put there.
	Open Origin = iota
	// Written fields are the user's, absent ones too where the user wrote null.
	Written
	// Settled fields are as they were before the UPDATE, and stay so.
	Settled
	// Injected fields hold the old object's value, which kroguard injected: it sticks.
	Injected
)

// Examine reads the provenance of a request.
func Examine(request Request) *Change {
	return &Change{
		request:  request,
		owners:   readOwnership(request.Object, request.FieldManager),
		applied:  readManifest(request.Object, request.OldObject),
		trusted:  ReadClaims(request.OldObject),
		incoming: ReadClaims(request.Object),
	}
}

// Object is the instance as it arrived. Read only.
func (c *Change) Object() map[string]any { return c.request.Object }

// OldObject is the instance before an UPDATE, nil on CREATE. Read only.
func (c *Change) OldObject() map[string]any { return c.request.OldObject }

// Creates reports whether the request is a CREATE.
func (c *Change) Creates() bool { return c.request.OldObject == nil }

// Trusted are the claims of the old object. Read only.
func (c *Change) Trusted() Claims { return c.trusted }

// Incoming are the claims of the object as it arrived: a user's invention, or what kroguard itself wrote a moment ago where the
// API server calls it again. Read only.
func (c *Change) Incoming() Claims { return c.incoming }

// Refuted are the incoming claims that an outcome does not bear out: they aren't among the claims that it records.
func (c *Change) Refuted(outcome Claims) Claims {
	var refuted Claims
	for key, source := range c.incoming {
		if _, ok := outcome[key]; ok {
			continue
		}
		if refuted == nil {
			refuted = Claims{}
		}
		refuted[key] = source
	}
	return refuted
}

// Without is the same change, read without some of the incoming claims.
func (c *Change) Without(refuted Claims) *Change {
	left := *c
	left.incoming = make(Claims, len(c.incoming))
	for key, source := range c.incoming {
		if _, ok := refuted[key]; !ok {
			left.incoming[key] = source
		}
	}
	return &left
}

// Origin says whose the field at a path is. The path leads through objects: ["spec", "size"], ["metadata", "labels", "team"].
//
// A field that only an incoming claim speaks for is Open: the caller takes the claim as true if it would inject the same
// value from the same source, and otherwise leaves the value to whoever put it there.
func (c *Change) Origin(path []string) Origin {
	if c.Creates() {
		return c.onCreate(path)
	}
	return c.onUpdate(path)
}

func (c *Change) onCreate(path []string) Origin {
	value, present := patch.Get(c.request.Object, path)
	claimed := present && c.claims(c.incoming, path)
	var written bool
	switch {
	case c.owners.byRequest:
		written = owns(c.owners.applied, c.request.Object, path)
	case c.applied.fields != nil:
		written = c.applied.says(path) != silent
	default:
		written = present && !claimed
	}
	// A value that neither the applier nor the schema nor kroguard put there is somebody else's decision: another webhook's,
	// or that of a backup which restores an object together with an old manifest.
	if written || present && !claimed && !c.maybeSchema(path, value) {
		return Written
	}
	return Open
}

func (c *Change) onUpdate(path []string) Origin {
	if c.Declared(path) {
		return Written
	}
	now, present := patch.Get(c.request.Object, path)
	before, had := patch.Get(c.request.OldObject, path)
	same := present == had && patch.Equal(now, before)
	switch {
	case had && c.claims(c.trusted, path):
		if present && !same && c.changedByUser(path, now) {
			return Written
		}
		return Injected
	case present && c.claims(c.incoming, path):
		return Open
	case same:
		return Settled
	case present && c.changedByUser(path, now):
		return Written
	}
	return Open
}

// Declared reports whether the applied configuration that the request brings has the field, whatever its value was before.
// Without one, nothing is declared.
func (c *Change) Declared(path []string) bool {
	if c.owners.byRequest {
		return owns(c.owners.applied, c.request.Object, path)
	}
	said := c.applied.says(path)
	if c.applied.fresh {
		return said != silent
	}
	// A stale manifest says null for a field that is gone: applied again, it has just removed the field.
	if said != nulled {
		return false
	}
	value, present := patch.Get(c.request.Object, path)
	return !present || value == nil
}

// changedByUser decides for a field that is present, differs from before and isn't declared. Where the request lists what it
// writes, the schema may have filled a field that the request gave up; otherwise a present field counts as the user's.
func (c *Change) changedByUser(path []string, now any) bool {
	switch {
	case c.owners.byRequest:
		return owns(c.owners.updated, c.request.Object, path) || !c.maybeSchema(path, now)
	case c.applied.fresh:
		return !c.maybeSchema(path, now)
	}
	return true
}

// maybeSchema reports whether the schema can have given the field this value. Labels and annotations have no defaults.
func (c *Change) maybeSchema(path []string, value any) bool {
	if path[0] != rootSpec {
		return false
	}
	if c.request.SchemaDefault == nil {
		return true
	}
	filled, ok := c.request.SchemaDefault(path)
	return ok && patch.Equal(filled, value)
}

// claims reports whether claims speak for the field.
func (c *Change) claims(claims Claims, path []string) bool {
	if len(claims) == 0 {
		return false
	}
	_, ok := claims[ClaimKey(path)]
	return ok
}
