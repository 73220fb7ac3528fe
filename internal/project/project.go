package project

import (
	"k8s.io/apimachinery/pkg/labels"
)

// Project is a kroguard.io Project, or a Knodex one, as the pipeline reads it. It is immutable.
type Project struct {
	// Name is the Project's name.
	Name string
	// DisplayName, Owner, Contact and CostCenter are as in the spec; empty where the project gives none.
	DisplayName, Owner, Contact, CostCenter string
	// Enforced labels always follow the project; Defaults fill in where the instance has none.
	Enforced, Defaults map[string]string
	// Parameters is free JSON; never nil.
	Parameters map[string]any
	// Allow and Deny are the rules for offerings; no Allow means all.
	Allow, Deny []OfferingRule

	values map[string]any
}

// OfferingRule selects offerings; what is given must hold together.
type OfferingRule struct {
	Names      []string
	Categories []string
	// Selector matches the RGD's labels; nil matches all.
	Selector labels.Selector
}

// Values is the project as expressions and guardrails see it: name, displayName, owner, contact, costCenter, labels
// (enforced and defaults, merged) and parameters, each always there. The map is shared: read it only. A nil Project yields
// nil.
func (p *Project) Values() map[string]any {
	if p == nil {
		return nil
	}
	return p.values
}

// seal computes what is derived from the fields. Constructors call it last.
func (p *Project) seal() *Project {
	if p.Parameters == nil {
		p.Parameters = map[string]any{}
	}
	merged := make(map[string]any, len(p.Enforced)+len(p.Defaults))
	for key, value := range p.Defaults {
		merged[key] = value
	}
	for key, value := range p.Enforced {
		merged[key] = value
	}
	p.values = map[string]any{
		"name":        p.Name,
		"displayName": p.DisplayName,
		"owner":       p.Owner,
		"contact":     p.Contact,
		"costCenter":  p.CostCenter,
		"labels":      merged,
		"parameters":  p.Parameters,
	}
	return p
}
