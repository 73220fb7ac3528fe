package controller

import (
	"maps"
	"slices"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	runtimeschema "k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kroguard/kroguard/internal/registration"
	"github.com/kroguard/kroguard/internal/telemetry"
)

// configurations are both webhook configurations. A nil one does not exist.
type configurations struct {
	mutating   *admissionregistrationv1.MutatingWebhookConfiguration
	validating *admissionregistrationv1.ValidatingWebhookConfiguration
}

// registered are the resources with a rule in both, and in at least one.
func (c configurations) registered() (both, either []runtimeschema.GroupResource) {
	return registration.Registered(c.mutating, c.validating)
}

// build makes the configurations for the resources; the mutating one goes with the validating one that there is.
func (c configurations) build(options registration.Options, resources []runtimeschema.GroupResource) configurations {
	mutating, validating := registration.Build(options, resources)
	if options.Owner != nil && c.validating != nil {
		registration.OwnedBy(mutating, c.validating)
	}
	return configurations{mutating: mutating, validating: validating}
}

// desired are the configurations as they should be: what kroguard decides about is as built, labels and annotations of others
// stay. An object that is as it should be already is nil in the result, one that doesn't exist has no resourceVersion.
func (c configurations) desired(built configurations) configurations {
	mutating, validating := built.mutating, built.validating
	var next configurations
	switch have := c.mutating; {
	case have == nil:
		next.mutating = mutating
	case !equality.Semantic.DeepEqual(have.Webhooks, mutating.Webhooks) || !hasMeta(&have.ObjectMeta, &mutating.ObjectMeta):
		next.mutating = have.DeepCopy()
		next.mutating.Webhooks = mutating.Webhooks
		setMeta(&next.mutating.ObjectMeta, &mutating.ObjectMeta)
	}
	switch have := c.validating; {
	case have == nil:
		next.validating = validating
	case !equality.Semantic.DeepEqual(have.Webhooks, validating.Webhooks) || !hasMeta(&have.ObjectMeta, &validating.ObjectMeta):
		next.validating = have.DeepCopy()
		next.validating.Webhooks = validating.Webhooks
		setMeta(&next.validating.ObjectMeta, &validating.ObjectMeta)
	}
	return next
}

// caBundle is the PEM bundle that a webhook has; nil where there is none.
func (c configurations) caBundle() []byte {
	if c.validating == nil || len(c.validating.Webhooks) == 0 {
		return nil
	}
	return c.validating.Webhooks[0].ClientConfig.CABundle
}

// none reports whether neither exists.
func (c configurations) none() bool { return c.mutating == nil && c.validating == nil }

// upToDate reports whether there is nothing to write.
func (c configurations) upToDate() bool { return c.none() }

// objects are those that exist, the validating one first: it fails closed.
func (c configurations) objects() []client.Object {
	var objects []client.Object
	if c.validating != nil {
		objects = append(objects, c.validating)
	}
	if c.mutating != nil {
		objects = append(objects, c.mutating)
	}
	return objects
}

// drift says what somebody else did to a configuration that is about to be written, with c being what was in place before and
// built what should be now. It is none where there was nothing before, or where what should be has changed since.
func (c configurations) drift(object client.Object, built configurations) (telemetry.DriftReason, bool) {
	var known, same bool
	switch object.(type) {
	case *admissionregistrationv1.MutatingWebhookConfiguration:
		known, same = c.mutating != nil, equality.Semantic.DeepEqual(c.mutating, built.mutating)
	case *admissionregistrationv1.ValidatingWebhookConfiguration:
		known, same = c.validating != nil, equality.Semantic.DeepEqual(c.validating, built.validating)
	}
	switch {
	case !known:
		return "", false
	case object.GetResourceVersion() == "":
		return telemetry.DriftDeleted, true
	}
	return telemetry.DriftChanged, same
}

// hasMeta reports whether labels, annotations and owners have what they should.
func hasMeta(have, want *metav1.ObjectMeta) bool {
	return includes(have.Labels, want.Labels) && includes(have.Annotations, want.Annotations) &&
		equality.Semantic.DeepEqual(have.OwnerReferences, owners(have, want))
}

// setMeta adds labels, annotations and owners.
func setMeta(to, want *metav1.ObjectMeta) {
	to.Labels = merged(to.Labels, want.Labels)
	to.Annotations = merged(to.Annotations, want.Annotations)
	to.OwnerReferences = owners(to, want)
}

// owners are those that an object has, with the ones that it should have in place of others of their kind: an owner of an earlier
// installation that is gone would have the garbage collector delete the object.
func owners(have, want *metav1.ObjectMeta) []metav1.OwnerReference {
	if len(want.OwnerReferences) == 0 {
		return have.OwnerReferences
	}
	kept := slices.DeleteFunc(slices.Clone(have.OwnerReferences), func(owner metav1.OwnerReference) bool {
		return slices.ContainsFunc(want.OwnerReferences, func(wanted metav1.OwnerReference) bool { return owner.Kind == wanted.Kind })
	})
	return append(kept, want.OwnerReferences...)
}

func includes(have, want map[string]string) bool {
	for key, value := range want {
		if actual, ok := have[key]; !ok || actual != value {
			return false
		}
	}
	return true
}

func merged(have, want map[string]string) map[string]string {
	out := make(map[string]string, len(have)+len(want))
	maps.Copy(out, have)
	maps.Copy(out, want)
	return out
}
