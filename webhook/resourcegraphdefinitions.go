package webhook

import (
	"context"
	"maps"

	krov1alpha1 "github.com/kubernetes-sigs/kro/api/v1alpha1"
	"k8s.io/apimachinery/pkg/api/equality"

	"github.com/kroguard/kroguard/internal/offering"
)

// checkResourceGraphDefinition refuses an RGD with malformed annotations, all of them at once. An update that changes neither
// annotations nor labels nor spec is let through, so that an RGD from before kroguard's time can still be touched.
func checkResourceGraphDefinition(_ context.Context, old, rgd *krov1alpha1.ResourceGraphDefinition) ([]finding, []string) {
	if old != nil && maps.Equal(old.Annotations, rgd.Annotations) && maps.Equal(old.Labels, rgd.Labels) &&
		equality.Semantic.DeepEqual(old.Spec, rgd.Spec) {
		return nil, nil
	}
	_, problems, warnings := offering.Parse(rgd)
	findings := make([]finding, len(problems))
	for i, problem := range problems {
		findings[i] = finding{field: "metadata.annotations[" + problem.Annotation + "]", message: problem.String()}
	}
	texts := make([]string, len(warnings))
	for i, warning := range warnings {
		texts[i] = string(warning)
	}
	return findings, texts
}
