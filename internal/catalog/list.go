package catalog

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/kroguard/kroguard/internal/offering"
	"github.com/kroguard/kroguard/internal/review"
)

const (
	// DefaultLimit is how many entries a page of a list has where nobody says otherwise.
	DefaultLimit = 100
	// MaxLimit is how many it has at most.
	MaxLimit = 1000
)

// ErrContinue marks a continue token that is none.
var ErrContinue = errors.New("the continue token is none that a list has given")

// Offering is an offering as a list shows it.
type Offering struct {
	Name        string   `json:"name"`
	Title       string   `json:"title"`
	Description string   `json:"description,omitempty"`
	Category    string   `json:"category,omitempty"`
	Tags        []string `json:"tags"`
	Icon        string   `json:"icon,omitempty"`
	DocsURL     string   `json:"docsURL,omitempty"`
	// Deprecated is the notice; empty where the offering is not deprecated.
	Deprecated string `json:"deprecated,omitempty"`
	API        API    `json:"api"`
	// Allowed says that instances may be created here. Reasons say why not.
	Allowed bool     `json:"allowed"`
	Reasons []string `json:"reasons,omitempty"`
}

// API is the kind of an offering's instances.
type API struct {
	Group   string `json:"group"`
	Version string `json:"version"`
	Kind    string `json:"kind"`
	Plural  string `json:"plural"`
	// Scope is Namespaced or Cluster.
	Scope string `json:"scope"`
}

// Query selects offerings. What is given must hold together.
type Query struct {
	// All asks for those, too, that are not allowed.
	All bool
	// Category, Tag and Kind are equal to the offering's; upper and lower case don't matter.
	Category, Tag, Kind string
	// Text is contained in the name, title, description, category, a tag or the kind, word by word.
	Text string
	// Limit is the size of a page; 0 is DefaultLimit.
	Limit int
	// Continue is where to go on: the token of the page before.
	Continue string
}

// List is a page of offerings, by name. Its token leads to the next page; it is empty on the last.
type List struct {
	Items    []Offering `json:"items"`
	Continue string     `json:"continue,omitempty"`
}

// Offerings lists the catalog of a namespace. An offering that the caller may not create is as if it were not there. The error is
// ErrContinue, or says why nobody can tell what the caller may.
func Offerings(ctx context.Context, s *review.Snapshot, namespace string, query *Query, caller *Caller) (*List, error) {
	after, err := decodeContinue(query.Continue)
	if err != nil {
		return nil, err
	}
	limit := query.Limit
	if limit <= 0 {
		limit = DefaultLimit
	}
	limit = min(limit, MaxLimit)
	wanted := query.filter()
	rest := slices.DeleteFunc(published(s), func(o *offering.Offering) bool { return o.Name <= after || !wanted(o) })
	list, refuser := &List{Items: make([]Offering, 0, min(limit, len(rest)))}, s.Refuser(namespace)
	for len(rest) > 0 {
		some := rest[:min(len(rest), limit+1)]
		rest = rest[len(some):]
		may, err := caller.mayCreate(ctx, some, namespace)
		if err != nil {
			return nil, err
		}
		for i, o := range some {
			entry := summary(o, refuser)
			if !may[i] || !entry.Allowed && !query.All {
				continue
			}
			if len(list.Items) == limit {
				list.Continue = encodeContinue(list.Items[limit-1].Name)
				return list, nil
			}
			list.Items = append(list.Items, entry)
		}
	}
	return list, nil
}

// published are the offerings that are in the catalog, by name. Of several for one kind the first counts.
func published(s *review.Snapshot) []*offering.Offering {
	return slices.DeleteFunc(s.Offerings.All(), func(o *offering.Offering) bool { return !o.Catalog || !s.Offerings.Counts(o.Name) })
}

// find yields an offering of the catalog that the caller may create. The error is ErrNotFound, or says why nobody can tell.
func find(ctx context.Context, s *review.Snapshot, namespace, name string, caller *Caller) (*offering.Offering, error) {
	o, ok := s.Offerings.ByName(name)
	if !ok || !o.Catalog || !s.Offerings.Counts(name) {
		return nil, fmt.Errorf("%w: %q", ErrNotFound, name)
	}
	may, err := caller.mayCreate(ctx, []*offering.Offering{o}, namespace)
	if err != nil {
		return nil, err
	}
	if !may[0] {
		return nil, fmt.Errorf("%w: %q", ErrNotFound, name)
	}
	return o, nil
}

func summary(o *offering.Offering, refuser func(*offering.Offering) (string, bool)) Offering {
	entry := Offering{
		Name: o.Name, Title: o.Title, Description: o.Description, Category: o.Category, Tags: o.Tags,
		Icon: o.Icon, DocsURL: o.DocsURL, Deprecated: o.Deprecated,
		API:     API{Group: o.GVK.Group, Version: o.GVK.Version, Kind: o.GVK.Kind, Plural: o.Plural, Scope: "Namespaced"},
		Allowed: true,
	}
	if o.ClusterScoped {
		entry.API.Scope = "Cluster"
	}
	if entry.Tags == nil {
		entry.Tags = []string{}
	}
	if reason, refused := refuser(o); refused {
		entry.Allowed, entry.Reasons = false, []string{reason}
	}
	return entry
}

// filter is what an offering must meet.
func (q *Query) filter() func(*offering.Offering) bool {
	words := strings.Fields(strings.ToLower(q.Text))
	return func(o *offering.Offering) bool {
		if q.Category != "" && !strings.EqualFold(o.Category, q.Category) || q.Kind != "" && !strings.EqualFold(o.GVK.Kind, q.Kind) ||
			q.Tag != "" && !slices.ContainsFunc(o.Tags, func(tag string) bool { return strings.EqualFold(tag, q.Tag) }) {
			return false
		}
		if len(words) == 0 {
			return true
		}
		text := strings.ToLower(strings.Join(append([]string{o.Name, o.Title, o.Description, o.Category, o.GVK.Kind}, o.Tags...), "\n"))
		return !slices.ContainsFunc(words, func(word string) bool { return !strings.Contains(text, word) })
	}
}

// A token is the name of the last entry: lists are in the order of names, so that nothing is shown twice or left out where an
// offering comes or goes in between.
func encodeContinue(name string) string {
	return base64.RawURLEncoding.EncodeToString([]byte("v1:" + name))
}

func decodeContinue(token string) (string, error) {
	if token == "" {
		return "", nil
	}
	text, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		return "", ErrContinue
	}
	name, ok := strings.CutPrefix(string(text), "v1:")
	if !ok {
		return "", ErrContinue
	}
	return name, nil
}
