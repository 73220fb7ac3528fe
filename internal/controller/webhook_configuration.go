package controller

import (
	"maps"

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

// desired are the configurations as they should be: what kroguard decides about is as built, labels and annotations of others
// stay. An object that is as it should be already is nil in the result, one that doesn't exist has no resourceVersion.
func (c configurations) desired(options registration.Options, resources []runtimeschema.GroupResource) configurations {
	mutating, validating := registration.Build(options, resources)
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

// upToDate reports whether there is nothing to write.
func (c configurations) upToDate() bool { return c.mutating == nil && c.validating == nil }

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

// hasMeta reports whether labels and annotations have what they should.
func hasMeta(have, want *metav1.ObjectMeta) bool {
	return includes(have.Labels, want.Labels) && includes(have.Annotations, want.Annotations)
}

// setMeta adds labels and annotations.
func setMeta(to, want *metav1.ObjectMeta) {
	to.Labels = merged(to.Labels, want.Labels)
	to.Annotations = merged(to.Annotations, want.Annotations)
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
