package controller

import (
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/kroguard/kroguard/internal/project"
	"github.com/kroguard/kroguard/policies/v1alpha1"
)

// claimCache keeps parsed Projects, so that a change of one parses one. It is for one goroutine. The zero value is ready to use.
type claimCache struct {
	entries map[string]parsedProject
}

// parsedProject is a Project with what it was parsed from: its spec, which the generation follows.
type parsedProject struct {
	uid        types.UID
	generation int64
	claim      *project.Claim
	problems   field.ErrorList
}

// update returns the parsed Projects, in their order, and keeps nothing of others.
func (c *claimCache) update(projects []*v1alpha1.Project) []parsedProject {
	entries := make(map[string]parsedProject, len(projects))
	parsed := make([]parsedProject, 0, len(projects))
	for _, object := range projects {
		entry, ok := c.entries[object.Name]
		if !ok || entry.uid != object.UID || entry.generation != object.Generation {
			claim, problems := project.FromProject(object)
			entry = parsedProject{uid: object.UID, generation: object.Generation, claim: claim, problems: problems}
		}
		entries[object.Name] = entry
		parsed = append(parsed, entry)
	}
	c.entries = entries
	return parsed
}
