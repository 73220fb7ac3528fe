package doctor

import (
	"context"
	"fmt"
	"strings"
	"sync"

	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
)

// reviewsAtOnce bounds the questions that the API server is asked at the same time.
const reviewsAtOnce = 8

// neededRules are what kroguard's ClusterRole grants, config/rbac/role.yaml.
func neededRules() []rbacv1.PolicyRule {
	read := []string{"list", "watch"}
	configurations := []string{"mutatingwebhookconfigurations", "validatingwebhookconfigurations"}
	return []rbacv1.PolicyRule{
		{APIGroups: []string{""}, Resources: []string{"namespaces"}, Verbs: read},
		{APIGroups: []string{"admissionregistration.k8s.io"}, Resources: configurations, Verbs: []string{"create"}},
		{
			APIGroups: []string{"admissionregistration.k8s.io"}, Resources: configurations, ResourceNames: []string{"kroguard"},
			Verbs: []string{"get", "list", "update", "watch"},
		},
		{APIGroups: []string{"apiextensions.k8s.io"}, Resources: []string{"customresourcedefinitions"}, Verbs: read},
		{APIGroups: []string{"authentication.k8s.io"}, Resources: []string{"tokenreviews"}, Verbs: []string{"create"}},
		{APIGroups: []string{"authorization.k8s.io"}, Resources: []string{"subjectaccessreviews"}, Verbs: []string{"create"}},
		{APIGroups: []string{"events.k8s.io"}, Resources: []string{"events"}, Verbs: []string{"create", "patch"}},
		{APIGroups: []string{"internal.kro.run"}, Resources: []string{"graphrevisions"}, Verbs: read},
		{APIGroups: []string{"knodex.io"}, Resources: []string{"projects"}, Verbs: read},
		{APIGroups: []string{"kro.run"}, Resources: []string{"resourcegraphdefinitions"}, Verbs: read},
		{APIGroups: []string{"kroguard.io"}, Resources: []string{"guardrailexceptions", "guardrails", "projects"}, Verbs: read},
		{
			APIGroups: []string{"kroguard.io"},
			Resources: []string{"guardrailexceptions/status", "guardrails/status", "projects/status"}, Verbs: []string{"patch"},
		},
		{
			APIGroups: []string{"rbac.authorization.k8s.io"}, Resources: []string{"clusterroles"}, ResourceNames: []string{"kroguard"},
			Verbs: []string{"get"},
		},
	}
}

// neededNamespacedRules are what kroguard needs in its own namespace, whoever issues its certificate.
func neededNamespacedRules(secret string) []rbacv1.PolicyRule {
	return []rbacv1.PolicyRule{
		{APIGroups: []string{""}, Resources: []string{"secrets"}, ResourceNames: []string{secret}, Verbs: []string{"list", "watch"}},
	}
}

// rights are the single rights that rules grant.
func rights(rules []rbacv1.PolicyRule, namespace string) []authorizationv1.ResourceAttributes {
	var all []authorizationv1.ResourceAttributes
	for _, rule := range rules {
		names := rule.ResourceNames
		if len(names) == 0 {
			names = []string{""}
		}
		for _, group := range rule.APIGroups {
			for _, resource := range rule.Resources {
				resource, subresource, _ := strings.Cut(resource, "/")
				for _, verb := range rule.Verbs {
					for _, name := range names {
						all = append(all, authorizationv1.ResourceAttributes{
							Namespace: namespace, Verb: verb, Group: group, Resource: resource, Subresource: subresource, Name: name,
						})
					}
				}
			}
		}
	}
	return all
}

// describe is a right without its verb.
func describe(right *authorizationv1.ResourceAttributes) string {
	text := right.Resource
	if right.Group != "" {
		text += "." + right.Group
	}
	if right.Subresource != "" {
		text += "/" + right.Subresource
	}
	if right.Name != "" {
		text += " named " + right.Name
	}
	if right.Namespace != "" {
		text += " in " + right.Namespace
	}
	return text
}

// rights finds out what kroguard may not do that it must.
func (e *examination) rights(ctx context.Context) (string, []Finding) {
	user := "system:serviceaccount:" + e.Namespace + ":" + e.ServiceAccount
	groups := []string{"system:serviceaccounts", "system:serviceaccounts:" + e.Namespace, "system:authenticated"}
	wanted := append(rights(neededRules(), ""), rights(neededNamespacedRules(e.SecretName), e.Namespace)...)
	missing, err := lacking(ctx, wanted, func(ctx context.Context, right *authorizationv1.ResourceAttributes) (bool, error) {
		review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
			ResourceAttributes: right, User: user, Groups: groups,
		}}
		err := e.Client.Create(ctx, review)
		return review.Status.Allowed, err
	})
	if err != nil {
		return "", []Finding{failure(err, access{verb: "create", resource: "subjectaccessreviews.authorization.k8s.io"})}
	}
	return fmt.Sprintf("ServiceAccount %s/%s may do all that it must", e.Namespace, e.ServiceAccount), examineRights(missing, user)
}

// examineRights has one finding for each kind, with all the verbs.
func examineRights(missing []authorizationv1.ResourceAttributes, user string) []Finding {
	var order []string
	verbs := map[string][]string{}
	for i := range missing {
		what := describe(&missing[i])
		if verbs[what] == nil {
			order = append(order, what)
		}
		verbs[what] = append(verbs[what], missing[i].Verb)
	}
	var findings []Finding
	for _, what := range order {
		findings = append(findings, problem("kubectl apply --server-side -k config/rbac restores what kroguard needs",
			"%s may not %s %s", user, strings.Join(verbs[what], ", "), what))
	}
	return findings
}

// ownRights finds out what the person may not do with kroguard.
func (e *examination) ownRights(ctx context.Context) (string, []Finding) {
	wanted := []authorizationv1.ResourceAttributes{
		{Verb: "list", Resource: "namespaces"},
		{Verb: "list", Group: "kro.run", Resource: "resourcegraphdefinitions"},
		{Verb: "list", Group: "kroguard.io", Resource: "projects"},
		{Verb: "list", Group: "kroguard.io", Resource: "guardrails"},
		{Verb: "list", Group: "kroguard.io", Resource: "guardrailexceptions"},
		{Verb: "create", Group: "kroguard.io", Resource: "guardrails"},
	}
	missing, err := lacking(ctx, wanted, func(ctx context.Context, right *authorizationv1.ResourceAttributes) (bool, error) {
		review := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: right}}
		err := e.Client.Create(ctx, review)
		return review.Status.Allowed, err
	})
	if err != nil {
		return "", []Finding{failure(err, access{verb: "create", resource: "selfsubjectaccessreviews.authorization.k8s.io"})}
	}
	if len(missing) == 0 {
		return "you may read what kroguard plan and kroguard catalog read, and try Guardrails", nil
	}
	texts := make([]string, len(missing))
	for i := range missing {
		texts[i] = missing[i].Verb + " " + describe(&missing[i])
	}
	return "", []Finding{warning("ask an administrator for these rights, or use files: kroguard plan -c, kroguard catalog -c",
		"you may not %s: kroguard plan and kroguard catalog need to list; the check of the webhook creates a Guardrail in a dry run",
		strings.Join(texts, ", "))}
}

// lacking are the rights that are not allowed, in their order.
func lacking(
	ctx context.Context, wanted []authorizationv1.ResourceAttributes,
	allowed func(context.Context, *authorizationv1.ResourceAttributes) (bool, error),
) ([]authorizationv1.ResourceAttributes, error) {
	may, errs := make([]bool, len(wanted)), make([]error, len(wanted))
	slots := make(chan struct{}, reviewsAtOnce)
	var done sync.WaitGroup
	for i := range wanted {
		done.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			may[i], errs[i] = allowed(ctx, &wanted[i])
		})
	}
	done.Wait()
	var missing []authorizationv1.ResourceAttributes
	for i := range wanted {
		if errs[i] != nil {
			return nil, errs[i]
		}
		if !may[i] {
			missing = append(missing, wanted[i])
		}
	}
	return missing, nil
}
