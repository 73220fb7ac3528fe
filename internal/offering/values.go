package offering

// Values is the offering as guardrails and expressions see it: name, title, description, category, tags, labels, kind, group,
// version, catalog, deprecated. All keys are always there. It is computed once and must not be changed.
func (o *Offering) Values() map[string]any { return o.values }

func (o *Offering) newValues() map[string]any {
	tags := make([]any, len(o.Tags))
	for i, tag := range o.Tags {
		tags[i] = tag
	}
	labels := make(map[string]any, len(o.Labels))
	for name, value := range o.Labels {
		labels[name] = value
	}
	return map[string]any{
		"name":        o.Name,
		"title":       o.Title,
		"description": o.Description,
		"category":    o.Category,
		"tags":        tags,
		"labels":      labels,
		"kind":        o.GVK.Kind,
		"group":       o.GVK.Group,
		"version":     o.GVK.Version,
		"catalog":     o.Catalog,
		"deprecated":  o.Deprecated,
	}
}
