package offering

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/kroguard/kroguard/internal/glob"
	"github.com/kroguard/kroguard/internal/project"
)

// AllowedFor decides whether a project may use the offering in a namespace. The reason for a no is a sentence that a
// developer can act on; it is empty for a yes. project is nil where the namespace belongs to none: then every offering is
// allowed that doesn't restrict itself. namespace is nil for a cluster-scoped instance.
//
// First the offering decides (the label project, allowed-projects, namespace-selector), then the project: what it denies, and
// what it allows where it allows anything by name.
func (o *Offering) AllowedFor(p *project.Project, namespace *corev1.Namespace) (reason string, ok bool) {
	for _, refuse := range []func(*project.Project, *corev1.Namespace) string{
		func(*project.Project, *corev1.Namespace) string { return o.Restricted },
		o.refuseScope,
		o.refuseProject,
		o.refuseNamespace,
		o.refuseDenied,
		o.refuseNotAllowed,
	} {
		if reason := refuse(p, namespace); reason != "" {
			return reason, false
		}
	}
	return "", true
}

// refuseScope holds the offering to the project that its label names.
func (o *Offering) refuseScope(p *project.Project, namespace *corev1.Namespace) string {
	if o.Project == "" || p != nil && p.Name == o.Project {
		return ""
	}
	return fmt.Sprintf("offering %s belongs to project %s; %s", o.Name, o.Project, belongs(p, namespace))
}

// refuseProject holds the offering to its allowed-projects.
func (o *Offering) refuseProject(p *project.Project, namespace *corev1.Namespace) string {
	if o.AllowedProjects == nil || p != nil && o.allowed.Match(p.Name) {
		return ""
	}
	return fmt.Sprintf("offering %s is for %s only; %s",
		o.Name, enumerate("project", "projects", o.AllowedProjects), belongs(p, namespace))
}

// refuseNamespace holds the offering to its namespace-selector.
func (o *Offering) refuseNamespace(_ *project.Project, namespace *corev1.Namespace) string {
	if o.NamespaceSelector == nil {
		return ""
	}
	if namespace == nil {
		return fmt.Sprintf("offering %s is for namespaces with labels %s only; a cluster-scoped instance has no namespace",
			o.Name, o.NamespaceSelector)
	}
	if o.NamespaceSelector.Matches(labels.Set(namespace.Labels)) {
		return ""
	}
	return fmt.Sprintf("offering %s is for namespaces with labels %s only; namespace %s doesn't match",
		o.Name, o.NamespaceSelector, namespace.Name)
}

func (o *Offering) refuseDenied(p *project.Project, _ *corev1.Namespace) string {
	if p == nil {
		return ""
	}
	i := slices.IndexFunc(p.Deny, o.matches)
	if i < 0 {
		return ""
	}
	return fmt.Sprintf("project %s doesn't allow %s; %s", p.Name, describeRule(p.Deny[i]), o.self())
}

func (o *Offering) refuseNotAllowed(p *project.Project, _ *corev1.Namespace) string {
	if p == nil || len(p.Allow) == 0 || slices.ContainsFunc(p.Allow, o.matches) {
		return ""
	}
	rules := make([]string, len(p.Allow))
	for i := range p.Allow {
		rules[i] = describeRule(p.Allow[i])
	}
	return fmt.Sprintf("project %s allows only %s; %s", p.Name, strings.Join(rules, ", or "), o.self())
}

// matches reports whether all that a rule gives holds of the offering. A rule that gives nothing holds of none.
func (o *Offering) matches(rule project.OfferingRule) bool {
	if len(rule.Names) == 0 && len(rule.Categories) == 0 && rule.Selector == nil {
		return false
	}
	if len(rule.Names) > 0 && !slices.ContainsFunc(rule.Names, o.isNamed) {
		return false
	}
	if len(rule.Categories) > 0 && !slices.Contains(rule.Categories, o.Category) {
		return false
	}
	return rule.Selector == nil || rule.Selector.Matches(labels.Set(o.Labels))
}

// isNamed reports whether a name or glob matches the offering's name. A malformed glob matches nothing.
func (o *Offering) isNamed(pattern string) bool {
	compiled, err := glob.Compile(pattern)
	return err == nil && compiled.Match(o.Name)
}

// belongs says to which project a namespace belongs.
func belongs(p *project.Project, namespace *corev1.Namespace) string {
	subject := "this cluster-scoped instance"
	if namespace != nil {
		subject = "namespace " + namespace.Name
	}
	if p == nil {
		return subject + " belongs to no project"
	}
	return fmt.Sprintf("%s belongs to project %s", subject, p.Name)
}

// self says what rules are compared with.
func (o *Offering) self() string {
	if o.Category == "" {
		return o.Name + " has no category"
	}
	return fmt.Sprintf("%s is in category %s", o.Name, o.Category)
}

// describeRule says what a rule selects: "offerings pg-*, redis and category databases and offerings with labels tier=gold".
func describeRule(rule project.OfferingRule) string {
	var parts []string
	if len(rule.Names) > 0 {
		parts = append(parts, enumerate("offering", "offerings", rule.Names))
	}
	if len(rule.Categories) > 0 {
		parts = append(parts, enumerate("category", "categories", rule.Categories))
	}
	if rule.Selector != nil {
		parts = append(parts, "offerings with "+describeSelector(rule.Selector))
	}
	if len(parts) == 0 {
		return "nothing"
	}
	return strings.Join(parts, " and ")
}

func describeSelector(selector labels.Selector) string {
	if selector.Empty() {
		return "any labels"
	}
	return "labels " + selector.String()
}

func enumerate(singular, plural string, names []string) string {
	if len(names) == 1 {
		return singular + " " + names[0]
	}
	return plural + " " + strings.Join(names, ", ")
}
