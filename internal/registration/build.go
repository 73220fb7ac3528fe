package registration

import (
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	runtimeschema "k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/utils/ptr"

	"github.com/kroguard/kroguard/policies/v1alpha1"
)

// Labels and annotations of both configurations.
const (
	labelName = "app.kubernetes.io/name"
	// annotationEnforcer keeps the admissions enforcer of Azure Kubernetes Service from rewriting the configurations without
	// end: it adds namespace selectors that the controller would take out again.
	annotationEnforcer = "admissions.enforcer/disabled"
)

// Build returns both configurations: what the API server sends to kroguard, for the instances of the given resources and for
// the static kinds. The options must be complete. Duplicates among the resources, those of group kro.run (which has a static
// rule) and those of reserved groups don't matter; nor does their order.
func Build(options Options, resources []runtimeschema.GroupResource) (
	*admissionregistrationv1.MutatingWebhookConfiguration, *admissionregistrationv1.ValidatingWebhookConfiguration,
) {
	meta := metav1.ObjectMeta{
		Name:        Name,
		Labels:      map[string]string{labelName: Name},
		Annotations: map[string]string{annotationEnforcer: "true"},
	}
	mutating := &admissionregistrationv1.MutatingWebhookConfiguration{
		TypeMeta: metav1.TypeMeta{
			APIVersion: admissionregistrationv1.SchemeGroupVersion.String(), Kind: "MutatingWebhookConfiguration",
		},
		ObjectMeta: *meta.DeepCopy(),
		Webhooks:   []admissionregistrationv1.MutatingWebhook{mutateInstances(&options, resources)},
	}
	validating := &admissionregistrationv1.ValidatingWebhookConfiguration{
		TypeMeta: metav1.TypeMeta{
			APIVersion: admissionregistrationv1.SchemeGroupVersion.String(), Kind: "ValidatingWebhookConfiguration",
		},
		ObjectMeta: *meta.DeepCopy(),
		Webhooks: []admissionregistrationv1.ValidatingWebhook{
			validateInstances(&options, resources),
			validateResourceGraphDefinitions(&options),
			validateCustomResourceDefinitions(&options, WebhookCustomResourceDefinitions, LabelOwned),
			validateCustomResourceDefinitions(&options, WebhookInternalCustomResourceDefinitions, LabelInternalOwned),
			validateOwn(&options, WebhookGuardrails, PathValidateGuardrails, "guardrails"),
			validateOwn(&options, WebhookGuardrailExceptions, PathValidateGuardrailExceptions, "guardrailexceptions"),
			validateOwn(&options, WebhookProjects, PathValidateProjects, "projects"),
		},
	}
	if options.Owner != nil {
		validating.OwnerReferences = []metav1.OwnerReference{*options.Owner}
	}
	return mutating, validating
}

// OwnedBy has the garbage collector remove the mutating configuration once the validating one is gone, and not before: an instance
// whose labels are not written is refused.
func OwnedBy(mutating *admissionregistrationv1.MutatingWebhookConfiguration, validating *admissionregistrationv1.ValidatingWebhookConfiguration) {
	mutating.OwnerReferences = []metav1.OwnerReference{{
		APIVersion: admissionregistrationv1.SchemeGroupVersion.String(), Kind: "ValidatingWebhookConfiguration",
		Name: validating.Name, UID: validating.UID,
	}}
}

// mutateInstances fails open: without defaults and labels the validating webhook still decides about the final state. It is
// called again when another webhook changes the object after it.
func mutateInstances(options *Options, resources []runtimeschema.GroupResource) admissionregistrationv1.MutatingWebhook {
	return admissionregistrationv1.MutatingWebhook{
		Name:                    WebhookInstances,
		ClientConfig:            options.webhookClientConfig(PathMutateInstances),
		Rules:                   instanceRules(resources),
		FailurePolicy:           ptr.To(admissionregistrationv1.Ignore),
		MatchPolicy:             ptr.To(admissionregistrationv1.Equivalent),
		NamespaceSelector:       namespaceSelector(options),
		ObjectSelector:          &metav1.LabelSelector{},
		SideEffects:             ptr.To(admissionregistrationv1.SideEffectClassNone),
		TimeoutSeconds:          ptr.To(options.TimeoutSeconds),
		AdmissionReviewVersions: []string{"v1"},
		ReinvocationPolicy:      ptr.To(admissionregistrationv1.IfNeededReinvocationPolicy),
		MatchConditions:         instanceConditions(options),
	}
}

// validateInstances fails closed: an instance that can't be judged is not let in.
func validateInstances(options *Options, resources []runtimeschema.GroupResource) admissionregistrationv1.ValidatingWebhook {
	webhook := validatingWebhook(options, WebhookInstances, PathValidateInstances, admissionregistrationv1.Fail)
	webhook.Rules = instanceRules(resources)
	webhook.NamespaceSelector = namespaceSelector(options)
	webhook.MatchConditions = instanceConditions(options)
	// Breaking the glass makes an Event.
	webhook.SideEffects = ptr.To(admissionregistrationv1.SideEffectClassNoneOnDryRun)
	return webhook
}

// validateResourceGraphDefinitions fails open: kro itself updates RGDs and must never be wedged, and a malformed annotation that
// gets in is dealt with when it is read.
func validateResourceGraphDefinitions(options *Options) admissionregistrationv1.ValidatingWebhook {
	webhook := validatingWebhook(options, WebhookResourceGraphDefinitions, PathValidateResourceGraphDefinitions,
		admissionregistrationv1.Ignore)
	webhook.Rules = []admissionregistrationv1.RuleWithOperations{
		rule(KroGroup, "v1alpha1", admissionregistrationv1.ClusterScope, resourceGraphDefinitions),
	}
	if len(options.KroUsers) > 0 {
		webhook.MatchConditions = append(webhook.MatchConditions, notKroBookkeeping(options.KroUsers))
	}
	return webhook
}

// validateCustomResourceDefinitions fails closed: a CRD that kro generates is not served before its instances are judged. One
// label selector can't say "this label or that one", so there is a webhook for each label; no other CRD is intercepted.
func validateCustomResourceDefinitions(options *Options, name, label string) admissionregistrationv1.ValidatingWebhook {
	webhook := validatingWebhook(options, name, PathValidateCustomResourceDefinitions, admissionregistrationv1.Fail)
	webhook.ObjectSelector = &metav1.LabelSelector{MatchLabels: map[string]string{label: "true"}}
	webhook.Rules = []admissionregistrationv1.RuleWithOperations{
		rule(apiextensionsv1.GroupName, "v1", admissionregistrationv1.ClusterScope, "customresourcedefinitions"),
	}
	return webhook
}

// validateOwn fails open: kroguard's configuration can be changed while it is down, and an object that would have been refused
// shows a condition.
func validateOwn(options *Options, name, path, plural string) admissionregistrationv1.ValidatingWebhook {
	webhook := validatingWebhook(options, name, path, admissionregistrationv1.Ignore)
	webhook.Rules = []admissionregistrationv1.RuleWithOperations{
		rule(v1alpha1.GroupName, v1alpha1.GroupVersion.Version, admissionregistrationv1.ClusterScope, plural),
	}
	return webhook
}

// validatingWebhook has what all validating webhooks have in common. Rules are the caller's.
func validatingWebhook(
	options *Options, name, path string, failurePolicy admissionregistrationv1.FailurePolicyType,
) admissionregistrationv1.ValidatingWebhook {
	return admissionregistrationv1.ValidatingWebhook{
		Name:                    name,
		ClientConfig:            options.webhookClientConfig(path),
		FailurePolicy:           ptr.To(failurePolicy),
		MatchPolicy:             ptr.To(admissionregistrationv1.Equivalent),
		NamespaceSelector:       &metav1.LabelSelector{},
		ObjectSelector:          &metav1.LabelSelector{},
		SideEffects:             ptr.To(admissionregistrationv1.SideEffectClassNone),
		TimeoutSeconds:          ptr.To(options.TimeoutSeconds),
		AdmissionReviewVersions: []string{"v1"},
		MatchConditions:         []admissionregistrationv1.MatchCondition{notBeingDeleted()},
	}
}

// instanceConditions are the conditions on instances, cheapest first.
func instanceConditions(options *Options) []admissionregistrationv1.MatchCondition {
	conditions := []admissionregistrationv1.MatchCondition{notResourceGraphDefinition(), notBeingDeleted()}
	if len(options.KroUsers) > 0 {
		conditions = append(conditions, notKroBookkeeping(options.KroUsers))
	}
	return conditions
}

// namespaceSelector excludes namespaces by the label that the API server itself gives every namespace. Cluster-scoped objects
// match any namespace selector.
func namespaceSelector(options *Options) *metav1.LabelSelector {
	return &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{
		Key:      corev1.LabelMetadataName,
		Operator: metav1.LabelSelectorOpNotIn,
		Values:   options.excludedNamespaces(),
	}}}
}
