package catalog

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"github.com/kroguard/kroguard/internal/offering"
	"github.com/kroguard/kroguard/internal/review"
)

// Entity is an offering as Backstage's software catalog reads it: an API, whose definition is the schema of its instances.
type Entity struct {
	APIVersion string         `json:"apiVersion"`
	Kind       string         `json:"kind"`
	Metadata   EntityMetadata `json:"metadata"`
	Spec       EntitySpec     `json:"spec"`
}

// EntityMetadata describes an entity.
type EntityMetadata struct {
	Name        string            `json:"name"`
	Title       string            `json:"title,omitempty"`
	Description string            `json:"description,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
	Tags        []string          `json:"tags,omitempty"`
	Links       []EntityLink      `json:"links,omitempty"`
}

// EntityLink leads to more.
type EntityLink struct {
	URL   string `json:"url"`
	Title string `json:"title,omitempty"`
}

// EntitySpec is what an API is.
type EntitySpec struct {
	Type      string `json:"type"`
	Lifecycle string `json:"lifecycle"`
	Owner     string `json:"owner"`
	// Definition is an OpenAPI document, as JSON in a text.
	Definition string `json:"definition"`
}

// Entities are the offerings that are allowed in a namespace, to the caller.
func Entities(ctx context.Context, s *review.Snapshot, namespace string, caller *Caller) ([]Entity, error) {
	items, offerings, refuser := []Entity{}, published(s), s.Refuser(namespace)
	may, err := caller.mayCreate(ctx, offerings, namespace)
	if err != nil {
		return nil, err
	}
	for i, o := range offerings {
		if _, refused := refuser(o); refused || !may[i] {
			continue
		}
		entity, err := entityOf(o)
		if err != nil {
			return nil, err
		}
		items = append(items, *entity)
	}
	return items, nil
}

func entityOf(o *offering.Offering) (*Entity, error) {
	lifecycle := "production"
	if o.Deprecated != "" {
		lifecycle = "deprecated"
	}
	owner := "platform"
	if o.Project != "" {
		owner = o.Project
	}
	document := map[string]any{
		"openapi": "3.0.3",
		"info":    map[string]any{"title": o.Title, "version": o.GVK.Version},
		"paths":   map[string]any{},
	}
	if o.Schema != nil {
		document["components"] = map[string]any{"schemas": map[string]any{o.GVK.Kind: o.Schema.ToKubeOpenAPI()}}
	}
	definition, err := json.Marshal(document)
	if err != nil {
		return nil, fmt.Errorf("writing the schema of %s: %w", o.Name, err)
	}
	entity := &Entity{
		APIVersion: "backstage.io/v1alpha1", Kind: "API",
		Metadata: EntityMetadata{
			Name: o.Name, Title: o.Title, Description: o.Description, Tags: entityTags(o.Tags),
			Annotations: map[string]string{
				"kroguard.io/offering": o.Name, "kroguard.io/api": o.GVK.GroupVersion().String() + "/" + o.GVK.Kind,
			},
		},
		Spec: EntitySpec{Type: "openapi", Lifecycle: lifecycle, Owner: owner, Definition: string(definition)},
	}
	if o.DocsURL != "" {
		entity.Metadata.Links = []EntityLink{{URL: o.DocsURL, Title: "Documentation"}}
	}
	return entity, nil
}

// notInTags are characters that Backstage's tags don't have.
var notInTags = regexp.MustCompile(`[^a-z0-9+#]+`)

// entityTags are tags as Backstage takes them: letters, digits and a few signs between.
func entityTags(tags []string) []string {
	var taken []string
	for _, tag := range tags {
		if tag = strings.Trim(notInTags.ReplaceAllString(strings.ToLower(tag), "-"), "-"); tag != "" && len(tag) <= 63 {
			taken = append(taken, tag)
		}
	}
	return taken
}
