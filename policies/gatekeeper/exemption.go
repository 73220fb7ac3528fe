package gatekeeper

import (
	"fmt"
	"slices"

	"github.com/kroguard/kroguard/policies"
)

// The kind of Gatekeeper's configuration. Only the one of this name counts.
const (
	ConfigGroup = "config.gatekeeper.sh"
	ConfigKind  = "Config"

	configName = "config"
)

// ignoreLabel is on namespaces that Gatekeeper's webhook is not asked about.
const ignoreLabel = "admission.gatekeeper.sh/ignore"

// exemptions are the namespaces that Gatekeeper's webhook leaves alone.
type exemptions []wildcard

// newExemptions reads Gatekeeper's Configs, decoded from JSON.
func newExemptions(configs []map[string]any) (exemptions, error) {
	var list exemptions
	for _, object := range configs {
		var config struct {
			Metadata struct {
				Name string `json:"name"`
			} `json:"metadata"`
			Spec struct {
				Match []struct {
					ExcludedNamespaces []wildcard `json:"excludedNamespaces"`
					Processes          []string   `json:"processes"`
				} `json:"match"`
			} `json:"spec"`
		}
		if err := convert(object, &config); err != nil {
			return nil, fmt.Errorf("reading Gatekeeper's Config: %w", err)
		}
		if config.Metadata.Name != configName {
			continue
		}
		for _, m := range config.Spec.Match {
			if slices.Contains(m.Processes, "*") || slices.Contains(m.Processes, "webhook") {
				list = append(list, m.ExcludedNamespaces...)
			}
		}
	}
	return list, nil
}

// cover reports whether Gatekeeper would not be asked about the object of an input.
func (e exemptions) cover(in *policies.Input) bool {
	name, labels := in.Request.Namespace, map[string]string(nil)
	if o := metaOf(in.Object); o.isNamespace {
		name, labels = o.name, o.labels
	} else if name != "" && in.Namespace != nil {
		labels = in.Namespace.Labels
	}
	if name == "" {
		return false
	}
	_, ignored := labels[ignoreLabel]
	return ignored || anyMatches(e, name)
}
