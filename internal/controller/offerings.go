package controller

import (
	"maps"

	krov1alpha1 "github.com/kubernetes-sigs/kro/api/v1alpha1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kroguard/kroguard/internal/offering"
)

// offeringCache keeps parsed offerings, so that a change of one RGD parses one RGD. It is for one goroutine. The zero value is
// ready to use.
type offeringCache struct {
	entries map[string]parsedOffering
}

// parsedOffering is an offering with what it was parsed from. An RGD has a status subresource, so that its generation changes
// with the spec; labels and annotations have no generation. kro's own writes to status change neither.
type parsedOffering struct {
	uid         types.UID
	generation  int64
	labels      map[string]string
	annotations map[string]string

	offering *offering.Offering
	problems []offering.Problem
}

// malformed is an RGD that was found to have problems.
type malformed struct {
	rgd      *krov1alpha1.ResourceGraphDefinition
	problems []offering.Problem
}

// update returns the offerings of the RGDs, in their order, and those RGDs with problems that were not known before. It keeps
// nothing of RGDs that are gone, and of the others no more than their metadata.
func (c *offeringCache) update(rgds []*krov1alpha1.ResourceGraphDefinition) ([]*offering.Offering, []malformed) {
	entries := make(map[string]parsedOffering, len(rgds))
	offerings := make([]*offering.Offering, 0, len(rgds))
	var found []malformed
	for _, rgd := range rgds {
		entry, ok := c.entries[rgd.Name]
		if !ok || !entry.isOf(rgd) {
			entry = parse(rgd)
			if len(entry.problems) > 0 {
				found = append(found, malformed{rgd: rgd, problems: entry.problems})
			}
		}
		entries[rgd.Name] = entry
		offerings = append(offerings, entry.offering)
	}
	c.entries = entries
	return offerings, found
}

func parse(rgd *krov1alpha1.ResourceGraphDefinition) parsedOffering {
	parsed, problems, _ := offering.Parse(rgd)
	return parsedOffering{
		uid: rgd.UID, generation: rgd.Generation, labels: rgd.Labels, annotations: rgd.Annotations,
		offering: parsed, problems: problems,
	}
}

func (p *parsedOffering) isOf(rgd *krov1alpha1.ResourceGraphDefinition) bool {
	return p.uid == rgd.UID && p.generation == rgd.Generation &&
		maps.Equal(p.labels, rgd.Labels) && maps.Equal(p.annotations, rgd.Annotations)
}
