package project

import (
	"cmp"
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/labels"

	"github.com/kroguard/kroguard/policies/v1alpha1"
)

// LabelKnodexProject on a namespace is read where it lacks kroguard's own label.
const LabelKnodexProject = "knodex.io/project"

// Namespace is what the index needs of a namespace.
type Namespace struct {
	Name   string
	Labels map[string]string
}

// Resolution says to which project a namespace belongs. At most one field is set; none where it belongs to no project.
type Resolution struct {
	// Project owns the namespace.
	Project *Project
	// Conflict are the names, sorted, of the projects that claim the namespace with equal right. Instances there are refused.
	Conflict []string
	// Missing is the project that the namespace's label names and that doesn't exist. Instances there are refused.
	Missing string
}

// Conflict is a namespace that several projects claim with equal right.
type Conflict struct {
	Namespace string
	// Projects are their names, sorted.
	Projects []string
}

// Index resolves namespaces. It is immutable and safe for concurrent use; NewIndex makes one. A nil Index knows no project.
type Index struct {
	projects  map[string]*Project
	resolved  map[string]Resolution
	owned     map[string][]string
	conflicts map[string][]Conflict

	byName   map[string][]*Project
	patterns []*Claim
}

// NewIndex resolves all the namespaces. Of two claims for projects of one name kroguard's own wins over a Knodex one, and the
// first over the second. The order of claims and namespaces makes no other difference.
func NewIndex(claims []*Claim, namespaces []Namespace) *Index {
	ix := &Index{
		projects:  make(map[string]*Project, len(claims)),
		resolved:  make(map[string]Resolution, len(namespaces)),
		owned:     make(map[string][]string),
		conflicts: make(map[string][]Conflict),
		byName:    make(map[string][]*Project),
	}
	for _, claim := range distinct(claims) {
		ix.add(claim)
	}
	for _, namespace := range namespaces {
		ix.resolved[namespace.Name] = ix.compute(namespace.Name, namespace.Labels)
	}
	ix.report()
	return ix
}

// distinct returns the claims that count, sorted by project name.
func distinct(claims []*Claim) []*Claim {
	sorted := slices.Clone(claims)
	slices.SortStableFunc(sorted, func(a, b *Claim) int {
		if c := cmp.Compare(a.Project.Name, b.Project.Name); c != 0 || a.knodex == b.knodex {
			return c
		}
		if b.knodex {
			return -1
		}
		return 1
	})
	return slices.CompactFunc(sorted, func(a, b *Claim) bool { return a.Project.Name == b.Project.Name })
}

// add enters a claim; claims come in the order of their projects' names.
func (ix *Index) add(claim *Claim) {
	ix.projects[claim.Project.Name] = claim.Project
	for _, name := range claim.names {
		if !slices.Contains(ix.byName[name], claim.Project) {
			ix.byName[name] = append(ix.byName[name], claim.Project)
		}
	}
	if len(claim.globs) > 0 || claim.selector != nil {
		ix.patterns = append(ix.patterns, claim)
	}
}

// Resolve says to which project a namespace belongs. A namespace that the index was built with is one map lookup, and its
// labels are those that it was built with; the labels given count for one that is newer than the index.
func (ix *Index) Resolve(namespace string, labels map[string]string) Resolution {
	if ix == nil {
		return Resolution{}
	}
	if resolution, ok := ix.resolved[namespace]; ok {
		return resolution
	}
	return ix.compute(namespace, labels)
}

// compute applies the rules in their order of precedence: label, exact name, glob, selector.
func (ix *Index) compute(namespace string, set map[string]string) Resolution {
	if name := cmp.Or(set[v1alpha1.LabelProject], set[LabelKnodexProject]); name != "" {
		if project, ok := ix.projects[name]; ok {
			return Resolution{Project: project}
		}
		return Resolution{Missing: name}
	}
	if named := ix.byName[namespace]; len(named) > 0 {
		return decide(named)
	}
	if matched := ix.matching(func(c *Claim) bool { return c.matchesGlob(namespace) }); len(matched) > 0 {
		return decide(matched)
	}
	return decide(ix.matching(func(c *Claim) bool { return c.matchesSelector(labels.Set(set)) }))
}

// matching returns the projects, by name, whose claim satisfies the condition.
func (ix *Index) matching(condition func(*Claim) bool) []*Project {
	var matched []*Project
	for _, claim := range ix.patterns {
		if condition(claim) {
			matched = append(matched, claim.Project)
		}
	}
	return matched
}

// decide yields a project that claims alone, or the conflict of several.
func decide(claimants []*Project) Resolution {
	switch len(claimants) {
	case 0:
		return Resolution{}
	case 1:
		return Resolution{Project: claimants[0]}
	}
	names := make([]string, len(claimants))
	for i, project := range claimants {
		names[i] = project.Name
	}
	return Resolution{Conflict: names}
}

// report collects, for status, what each project owns and which namespaces it does not get. A name that two projects spell
// out is a conflict even before the namespace exists.
func (ix *Index) report() {
	conflicts := map[string][]string{}
	for name, claimants := range ix.byName {
		if _, known := ix.resolved[name]; !known && len(claimants) > 1 {
			conflicts[name] = decide(claimants).Conflict
		}
	}
	for _, namespace := range slices.Sorted(maps.Keys(ix.resolved)) {
		switch resolution := ix.resolved[namespace]; {
		case resolution.Project != nil:
			ix.owned[resolution.Project.Name] = append(ix.owned[resolution.Project.Name], namespace)
		case len(resolution.Conflict) > 0:
			conflicts[namespace] = resolution.Conflict
		}
	}
	for _, namespace := range slices.Sorted(maps.Keys(conflicts)) {
		conflict := Conflict{Namespace: namespace, Projects: conflicts[namespace]}
		for _, name := range conflict.Projects {
			ix.conflicts[name] = append(ix.conflicts[name], conflict)
		}
	}
}

// ByName returns the project of that name, or nil.
func (ix *Index) ByName(name string) *Project {
	if ix == nil {
		return nil
	}
	return ix.projects[name]
}

// Projects returns all projects, sorted by name.
func (ix *Index) Projects() []*Project {
	if ix == nil {
		return nil
	}
	projects := make([]*Project, 0, len(ix.projects))
	for _, name := range slices.Sorted(maps.Keys(ix.projects)) {
		projects = append(projects, ix.projects[name])
	}
	return projects
}

// Namespaces returns the names of the existing namespaces that belong to a project, sorted. Read only.
func (ix *Index) Namespaces(project string) []string {
	if ix == nil {
		return nil
	}
	return ix.owned[project]
}

// Conflicts returns the conflicts that a project is part of, sorted by namespace. Read only.
func (ix *Index) Conflicts(project string) []Conflict {
	if ix == nil {
		return nil
	}
	return ix.conflicts[project]
}
