package doctor

import (
	"context"
	"fmt"
	"slices"
	"strings"

	krov1alpha1 "github.com/kubernetes-sigs/kro/api/v1alpha1"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	runtimeschema "k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kroguard/kroguard/internal/offering"
	"github.com/kroguard/kroguard/internal/registration"
)

// Kinds of the configurations, as messages have them.
const (
	mutatingKind   = "MutatingWebhookConfiguration"
	validatingKind = "ValidatingWebhookConfiguration"
)

// hook is what a mutating and a validating webhook have in common.
type hook struct {
	configuration, name string
	client              admissionregistrationv1.WebhookClientConfig
	rules               []admissionregistrationv1.RuleWithOperations
	failurePolicy       *admissionregistrationv1.FailurePolicyType
	namespaces, objects *metav1.LabelSelector
	conditions          []admissionregistrationv1.MatchCondition
}

func (h *hook) String() string { return fmt.Sprintf("webhook %s of the %s", h.name, h.configuration) }

// hooksOf are the webhooks of both configurations, those of the mutating one first. Nil has none.
func hooksOf(
	mutating *admissionregistrationv1.MutatingWebhookConfiguration,
	validating *admissionregistrationv1.ValidatingWebhookConfiguration,
) []hook {
	var hooks []hook
	if mutating != nil {
		for i := range mutating.Webhooks {
			w := &mutating.Webhooks[i]
			hooks = append(hooks, hook{
				mutatingKind, w.Name, w.ClientConfig, w.Rules, w.FailurePolicy, w.NamespaceSelector, w.ObjectSelector, w.MatchConditions,
			})
		}
	}
	if validating != nil {
		for i := range validating.Webhooks {
			w := &validating.Webhooks[i]
			hooks = append(hooks, hook{
				validatingKind, w.Name, w.ClientConfig, w.Rules, w.FailurePolicy, w.NamespaceSelector, w.ObjectSelector, w.MatchConditions,
			})
		}
	}
	return hooks
}

func (e *examination) configurations(ctx context.Context) (string, []Finding) {
	findings := e.unreadConfigurations()
	if e.mutating == nil && e.validating == nil {
		return "", findings
	}
	needed, offerings, unread := e.needed(ctx)
	findings = append(findings, unread...)
	remedy := e.restart() + "; then " + e.logs()
	findings = append(findings, examineConfigurations(e.mutating, e.validating, e.Namespace, needed, remedy)...)
	rules := 0
	for _, h := range hooksOf(e.mutating, e.validating) {
		if h.name == registration.WebhookInstances && (h.configuration == validatingKind || e.validating == nil) {
			rules = len(h.rules)
		}
	}
	return fmt.Sprintf("%s for %s", count(rules, "rule"), count(offerings, "RGD")), findings
}

// count is "1 rule", "2 rules".
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

func (e *examination) unreadConfigurations() []Finding {
	var findings []Finding
	for _, one := range []struct {
		kind, follows string
		err           error
	}{
		{mutatingKind, "instances get no defaults and no labels", e.mutatingErr},
		{validatingKind, "nothing is judged", e.validatingErr},
	} {
		switch {
		case one.err == nil:
		case absent(one.err):
			findings = append(findings, problem("kroguard writes it when it starts: "+e.restart()+"; then "+e.logs(),
				"%s %s is not there: %s", one.kind, registration.Name, one.follows))
		default:
			resource := strings.ToLower(one.kind) + "s.admissionregistration.k8s.io"
			findings = append(findings, failure(one.err, access{verb: "get", resource: resource}))
		}
	}
	return findings
}

// needed are the kinds that need a rule, as kroguard's controller sees it, and how many RGDs there are.
func (e *examination) needed(ctx context.Context) (needed []runtimeschema.GroupResource, rgds int, findings []Finding) {
	list := &krov1alpha1.ResourceGraphDefinitionList{}
	if err := e.Client.List(ctx, list); err != nil {
		findings = append(findings, failure(err, access{verb: "list", resource: "resourcegraphdefinitions.kro.run"}))
	}
	crds := &metav1.PartialObjectMetadataList{}
	crds.SetGroupVersionKind(apiextensionsv1.SchemeGroupVersion.WithKind("CustomResourceDefinitionList"))
	if err := e.Client.List(ctx, crds); err != nil {
		findings = append(findings, failure(err, access{verb: "list", resource: "customresourcedefinitions"}))
	}
	var announced []runtimeschema.GroupResource
	for i := range list.Items {
		if o, _, _ := offering.Parse(&list.Items[i]); o != nil {
			announced = append(announced, runtimeschema.GroupResource{Group: o.GVK.Group, Resource: o.Plural})
		}
	}
	return registration.Needed(announced, crds.Items), len(list.Items), findings
}

// examineConfigurations compares the configurations with what kroguard would write to be called in the same way. One that is nil
// is somebody else's finding.
func examineConfigurations(
	mutating *admissionregistrationv1.MutatingWebhookConfiguration,
	validating *admissionregistrationv1.ValidatingWebhookConfiguration,
	namespace string, needed []runtimeschema.GroupResource, remedy string,
) []Finding {
	have := hooksOf(mutating, validating)
	options := registration.Options{
		// Which users kro runs as is kroguard's own flag. Only names of conditions are compared, so that any will do.
		KroUsers: []string{"kro"}, ExcludedNamespaces: []string{namespace},
		// Where kroguard is, is its own flag, too; which path it is called under is not.
		ClientConfig: registration.ClientConfig{URL: "https://localhost"},
	}
	if err := options.Complete(); err != nil {
		return []Finding{problem("", "%v", err)}
	}
	wantMutating, wantValidating := registration.Build(options, needed)
	var findings []Finding
	for _, want := range hooksOf(wantMutating, wantValidating) {
		if want.configuration == mutatingKind && mutating == nil || want.configuration == validatingKind && validating == nil {
			continue
		}
		at := slices.IndexFunc(have, func(h hook) bool { return h.configuration == want.configuration && h.name == want.name })
		if at < 0 {
			findings = append(findings, problem(remedy, "there is no %s", want.String()))
			continue
		}
		for _, text := range differences(&have[at], &want) {
			findings = append(findings, problem(remedy, "%s", text))
		}
	}
	return findings
}

// differences are texts about what kroguard would not have written.
func differences(have, want *hook) []string {
	var texts []string
	for _, rule := range want.rules {
		for _, resource := range rule.Resources {
			if !covered(have.rules, &rule, resource) {
				texts = append(texts, fmt.Sprintf("%s has no rule for %s: %s",
					have, resource+"."+rule.APIGroups[0], consequence(want)))
			}
		}
	}
	if have.failurePolicy == nil || *have.failurePolicy != *want.failurePolicy {
		texts = append(texts, fmt.Sprintf("%s has not failurePolicy %s", have, *want.failurePolicy))
	}
	if !equality.Semantic.DeepEqual(have.namespaces, want.namespaces) {
		texts = append(texts, fmt.Sprintf("%s selects namespaces by %q, kroguard by %q: instances in others are not seen",
			have, metav1.FormatLabelSelector(have.namespaces), metav1.FormatLabelSelector(want.namespaces)))
	}
	if !equality.Semantic.DeepEqual(have.objects, want.objects) {
		texts = append(texts, fmt.Sprintf("%s selects objects by %q, kroguard by %q: others are not seen",
			have, metav1.FormatLabelSelector(have.objects), metav1.FormatLabelSelector(want.objects)))
	}
	for _, condition := range have.conditions {
		known := func(c admissionregistrationv1.MatchCondition) bool { return c.Name == condition.Name }
		if !slices.ContainsFunc(want.conditions, known) {
			texts = append(texts, fmt.Sprintf("%s has the matchCondition %q, which is not kroguard's: what it excludes is not seen",
				have, condition.Name))
		}
	}
	if path := pathOf(&have.client); path != pathOf(&want.client) {
		texts = append(texts, fmt.Sprintf("%s is called under %q, kroguard answers under %q", have, path, pathOf(&want.client)))
	}
	return texts
}

func consequence(want *hook) string {
	switch {
	case want.name != registration.WebhookInstances:
		return "what is written there is not checked"
	case want.configuration == mutatingKind:
		return "its instances get no defaults and no labels"
	default:
		return "its instances are not judged"
	}
}

// covered reports whether a rule has all that the wanted one has for the resource.
func covered(
	rules []admissionregistrationv1.RuleWithOperations, want *admissionregistrationv1.RuleWithOperations, resource string,
) bool {
	return slices.ContainsFunc(rules, func(have admissionregistrationv1.RuleWithOperations) bool {
		return includes(have.APIGroups, want.APIGroups...) && includes(have.APIVersions, want.APIVersions...) &&
			includes(have.Resources, resource) && includesOperations(have.Operations, want.Operations) &&
			(have.Scope == nil || *have.Scope == admissionregistrationv1.AllScopes || *have.Scope == *want.Scope)
	})
}

func includes(have []string, want ...string) bool {
	return slices.Contains(have, "*") ||
		!slices.ContainsFunc(want, func(one string) bool { return !slices.Contains(have, one) })
}

func includesOperations(have, want []admissionregistrationv1.OperationType) bool {
	return slices.Contains(have, admissionregistrationv1.OperationAll) ||
		!slices.ContainsFunc(want, func(one admissionregistrationv1.OperationType) bool { return !slices.Contains(have, one) })
}

// pathOf is the path under which the API server calls.
func pathOf(config *admissionregistrationv1.WebhookClientConfig) string {
	switch {
	case config.Service != nil && config.Service.Path != nil:
		return *config.Service.Path
	case config.URL != nil:
		if _, rest, ok := strings.Cut(*config.URL, "://"); ok {
			if _, path, ok := strings.Cut(rest, "/"); ok {
				return "/" + path
			}
		}
	}
	return ""
}
