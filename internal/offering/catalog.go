package offering

import (
	"cmp"
	"slices"
	"strings"

	runtimeschema "k8s.io/apimachinery/pkg/runtime/schema"
)

// Catalog finds offerings by the kind of an instance and by name, in constant time. It is immutable and safe for concurrent
// use; a nil Catalog is empty.
type Catalog struct {
	all       []*Offering
	byName    map[string]*Offering
	byKind    map[runtimeschema.GroupKind]*Offering
	conflicts []Conflict
}

// Conflict is one kind that several RGDs claim.
type Conflict struct {
	GroupKind runtimeschema.GroupKind
	// Winner is the RGD whose offering counts: the first by name. Losers are the others, sorted.
	Winner string
	Losers []string
}

// NewCatalog indexes offerings. Of several for the same kind, the first by name counts, whatever the order in which they are
// given; the others are still found by name. An offering without a kind is found by name only.
func NewCatalog(offerings []*Offering) *Catalog {
	c := &Catalog{
		all:    slices.Clone(offerings),
		byName: make(map[string]*Offering, len(offerings)),
		byKind: make(map[runtimeschema.GroupKind]*Offering, len(offerings)),
	}
	slices.SortFunc(c.all, func(a, b *Offering) int { return strings.Compare(a.Name, b.Name) })
	losers := map[runtimeschema.GroupKind][]string{}
	for _, o := range c.all {
		c.byName[o.Name] = o
		kind := o.GVK.GroupKind()
		switch _, taken := c.byKind[kind]; {
		case kind.Kind == "":
		case taken:
			losers[kind] = append(losers[kind], o.Name)
		default:
			c.byKind[kind] = o
		}
	}
	for kind, names := range losers {
		c.conflicts = append(c.conflicts, Conflict{GroupKind: kind, Winner: c.byKind[kind].Name, Losers: names})
	}
	slices.SortFunc(c.conflicts, func(a, b Conflict) int {
		return cmp.Or(cmp.Compare(a.GroupKind.Group, b.GroupKind.Group), cmp.Compare(a.GroupKind.Kind, b.GroupKind.Kind))
	})
	return c
}

// ByGroupKind returns the offering whose instances are of a kind, in any version.
func (c *Catalog) ByGroupKind(kind runtimeschema.GroupKind) (*Offering, bool) {
	if c == nil {
		return nil, false
	}
	o, ok := c.byKind[kind]
	return o, ok
}

// ByName returns the offering of an RGD.
func (c *Catalog) ByName(name string) (*Offering, bool) {
	if c == nil {
		return nil, false
	}
	o, ok := c.byName[name]
	return o, ok
}

// All returns all offerings, sorted by name. The slice is the caller's own.
func (c *Catalog) All() []*Offering {
	if c == nil {
		return nil
	}
	return slices.Clone(c.all)
}

// Conflicts returns the kinds that several RGDs claim, sorted. The slice must not be changed.
func (c *Catalog) Conflicts() []Conflict {
	if c == nil {
		return nil
	}
	return c.conflicts
}

// Counts reports whether instances of the kind of an RGD are the RGD's: another one may have claimed the kind before.
func (c *Catalog) Counts(name string) bool {
	o, ok := c.ByName(name)
	if !ok {
		return false
	}
	winner, _ := c.ByGroupKind(o.GVK.GroupKind())
	return winner == o
}
