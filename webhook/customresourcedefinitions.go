package webhook

import (
	"context"
	"fmt"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	runtimeschema "k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"
)

// RuleEnsurer makes sure that the API server calls kroguard for a resource.
type RuleEnsurer interface {
	// EnsureRule returns once the webhook configurations in force have a rule for the resource; it writes them where they
	// lack it, unless dryRun. An error means that it can't be said yet.
	EnsureRule(ctx context.Context, resource runtimeschema.GroupResource, dryRun bool) error
}

// checkCustomResourceDefinition lets a CRD that kro generates in only once instances of it would be judged: so not even the
// first instance of a brand-new RGD gets in unjudged. kro retries what is refused here.
func checkCustomResourceDefinition(rules RuleEnsurer) check[*apiextensionsv1.CustomResourceDefinition] {
	return func(ctx context.Context, _, crd *apiextensionsv1.CustomResourceDefinition) ([]finding, []string) {
		dryRun := false
		if request, err := admission.RequestFromContext(ctx); err == nil && request.DryRun != nil {
			dryRun = *request.DryRun
		}
		resource := runtimeschema.GroupResource{Group: crd.Spec.Group, Resource: crd.Spec.Names.Plural}
		if err := rules.EnsureRule(ctx, resource, dryRun); err != nil {
			return []finding{{
				field:   "spec.names.plural",
				message: fmt.Sprintf("instances of %s would not be judged yet: %v; kro tries again by itself", resource, err),
			}}, nil
		}
		return nil, nil
	}
}
