package injection_test

import (
	"github.com/kroguard/kroguard/internal/expression"
	"github.com/kroguard/kroguard/internal/injection"
	"github.com/kroguard/kroguard/internal/labeling"
	"github.com/kroguard/kroguard/internal/offering"
	"github.com/kroguard/kroguard/internal/project"
)

// setting is where an instance stands.
type setting struct {
	project  *project.Project
	offering *offering.Offering
	manager  string
}

// input is a request in the setting.
func (s setting) input(object, old map[string]any) injection.Input {
	labels := map[string]string{"env": "dev", "tier": "ns"}
	return injection.Input{
		Object: object, OldObject: old, FieldManager: s.manager, User: "jane", Project: s.project, Offering: s.offering,
		Namespace: project.Namespace{Name: "payments-dev", Labels: labels},
		Variables: expression.Variables{
			Project:   s.project.Values(),
			Namespace: map[string]any{"name": "payments-dev", "labels": map[string]any{"env": "dev", "tier": "ns"}, "annotations": map[string]any{}},
		},
		Keys: labeling.DefaultKeys(),
	}
}
