package webhook

import (
	"context"

	"k8s.io/apimachinery/pkg/api/equality"

	"github.com/kroguard/kroguard/internal/project"
	"github.com/kroguard/kroguard/policies/v1alpha1"
)

// checkProject refuses a Project whose selectors, globs or parameters can't be read.
func checkProject(_ context.Context, old, object *v1alpha1.Project) ([]finding, []string) {
	if old != nil && equality.Semantic.DeepEqual(old.Spec, object.Spec) {
		return nil, nil
	}
	_, errs := project.FromProject(object)
	findings := make([]finding, len(errs))
	for i, err := range errs {
		findings[i] = finding{field: err.Field, message: err.Error()}
	}
	return findings, nil
}
