package render

import (
	internalv1alpha1 "github.com/kubernetes-sigs/kro/api/internal.kro.run/v1alpha1"
	krov1alpha1 "github.com/kubernetes-sigs/kro/api/v1alpha1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Definitions are RGDs as kro reconciles instances with them: with the spec of the newest verified GraphRevision, where there is one,
// since an edit of an RGD that doesn't verify changes nothing; else with their own. counts tells the RGDs that instances are of.
func Definitions(
	rgds []*krov1alpha1.ResourceGraphDefinition, revisions []*internalv1alpha1.GraphRevision, counts func(name string) bool,
) []Definition {
	newest := map[string]*internalv1alpha1.GraphRevision{}
	for _, revision := range revisions {
		name := revision.Spec.Snapshot.Name
		if known := newest[name]; verified(revision) && (known == nil || known.Spec.Revision < revision.Spec.Revision) {
			newest[name] = revision
		}
	}
	definitions := make([]Definition, 0, len(rgds))
	for _, rgd := range rgds {
		if !counts(rgd.Name) {
			continue
		}
		definition := Definition{Name: rgd.Name, Spec: rgd.Spec}
		if revision := newest[rgd.Name]; revision != nil {
			definition.Spec = revision.Spec.Snapshot.Spec
		}
		definitions = append(definitions, definition)
	}
	return definitions
}

func verified(revision *internalv1alpha1.GraphRevision) bool {
	for i := range revision.Status.Conditions {
		condition := &revision.Status.Conditions[i]
		if condition.Type == internalv1alpha1.GraphRevisionConditionTypeGraphVerified {
			return condition.Status == metav1.ConditionTrue
		}
	}
	return false
}
