package doctor

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kroguard/kroguard/internal/registration"
	"github.com/kroguard/kroguard/policies/v1alpha1"
)

// slowAnswer is what a round trip may take without a warning; each request for an instance pays for two. The API server waits
// registration.MaxTimeoutSeconds.
const slowAnswer = time.Second

// brokenExpression is one that no version of CEL compiles.
const brokenExpression = "object.spec.replicas <="

// call has the API server call kroguard, by a dry run that only kroguard refuses: of a Guardrail that does not compile. The
// webhook of Guardrails fails open, so that one which is accepted was not seen by kroguard.
func (e *examination) call(ctx context.Context) (string, []Finding) {
	guardrail := &v1alpha1.Guardrail{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "kroguard-doctor-"},
		Spec: v1alpha1.GuardrailSpec{CEL: &v1alpha1.CELPolicy{
			Validations: []v1alpha1.CELValidation{{Expression: brokenExpression}},
		}},
	}
	begin := time.Now()
	err := e.Client.Create(ctx, guardrail, client.DryRunAll)
	took := time.Since(begin)
	if err != nil || ctx.Err() != nil {
		return examineCall(err, took)
	}
	why := e.whyUnreachable(ctx)
	switch {
	case why != "":
	case e.validating != nil && !hasHook(e.validating, registration.WebhookGuardrails), absent(e.validatingErr):
		why = "it is not told to, by the ValidatingWebhookConfiguration"
	default:
		why = "it does not say why"
	}
	return "", []Finding{problem(
		fmt.Sprintf("kubectl -n %s get pods,endpointslices; %s; a network policy or firewall may keep the API server from reaching it",
			e.Namespace, e.logs()),
		"the API server does not reach kroguard: it accepted, in a dry run, a Guardrail that does not compile: %s", why)}
}

// examineCall reads the API server's answer.
func examineCall(err error, took time.Duration) (string, []Finding) {
	wanted := access{verb: "create", resource: "guardrails.kroguard.io"}
	if err == nil {
		return "", []Finding{failure(context.DeadlineExceeded, wanted)}
	}
	text := err.Error()
	denied := strings.Contains(text, `admission webhook "`) || strings.Contains(text, "ValidatingAdmissionPolicy '")
	switch {
	case strings.Contains(text, `admission webhook "`+registration.WebhookGuardrails+`" denied`):
		took = took.Round(time.Millisecond)
		answered := fmt.Sprintf("kroguard answered through the API server in %s", took)
		if took > slowAnswer {
			return answered, []Finding{warning("look at kroguard's CPU and at the network between: kubectl top pods",
				"the answer took %s: every request for an instance waits for two of them", took)}
		}
		return answered, nil
	case denied:
		return "", []Finding{skipped("let pass what is named kroguard-doctor-*", "something else refused it first: %s", text)}
	case apierrors.IsForbidden(err):
		return "", []Finding{skipped(wanted.ask(), "you may not %s, not even as a dry run", wanted)}
	default:
		return "", []Finding{failure(err, wanted)}
	}
}

func hasHook(configuration *admissionregistrationv1.ValidatingWebhookConfiguration, name string) bool {
	return slices.ContainsFunc(configuration.Webhooks, func(w admissionregistrationv1.ValidatingWebhook) bool {
		return w.Name == name
	})
}

// whyUnreachable is what the API server says of a webhook that fails closed, and that sees no other CRDs than those labeled as
// kro's; "" where it says nothing, or where the person may not create CRDs.
func (e *examination) whyUnreachable(ctx context.Context) string {
	const group = "doctor.kroguard.example.com"
	crd := &apiextensionsv1.CustomResourceDefinition{
		ObjectMeta: metav1.ObjectMeta{Name: "probes." + group, Labels: map[string]string{registration.LabelOwned: "true"}},
		Spec: apiextensionsv1.CustomResourceDefinitionSpec{
			Group: group, Scope: apiextensionsv1.NamespaceScoped,
			Names: apiextensionsv1.CustomResourceDefinitionNames{Plural: "probes", Singular: "probe", Kind: "Probe"},
			Versions: []apiextensionsv1.CustomResourceDefinitionVersion{{
				Name: "v1", Served: true, Storage: true,
				Schema: &apiextensionsv1.CustomResourceValidation{OpenAPIV3Schema: &apiextensionsv1.JSONSchemaProps{
					Type: "object", XPreserveUnknownFields: ptr.To(true),
				}},
			}},
		},
	}
	err := e.Client.Create(ctx, crd, client.DryRunAll)
	if err == nil {
		return ""
	}
	if _, reason, ok := strings.Cut(err.Error(), "failed calling webhook "); ok {
		return "failed calling webhook " + reason
	}
	return ""
}
