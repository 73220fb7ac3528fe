package review

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apiserver/pkg/authorization/authorizer"

	"github.com/kroguard/kroguard/internal/expression"
	"github.com/kroguard/kroguard/internal/offering"
	"github.com/kroguard/kroguard/internal/project"
	"github.com/kroguard/kroguard/policies"
)

// location is where an instance stands: its offering, its namespace, its project.
type location struct {
	// offering is nil where no RGD generates the kind.
	offering *offering.Offering
	// namespace is nil for a cluster-scoped instance, or where it is unknown.
	namespace        *corev1.Namespace
	namespaceUnknown bool
	// project is nil where there is none; resolution says why.
	project    *project.Project
	resolution project.Resolution
}

// Knows reports whether the snapshot has the RGD and the namespace of the request. Where it doesn't, the caches may be behind
// the API server.
func (s *Snapshot) Knows(request *Request) bool {
	at := s.locate(request)
	return at.offering != nil && !at.namespaceUnknown
}

// locate resolves offering, namespace and project. A cluster-scoped instance has the project that its RGD is scoped to.
func (s *Snapshot) locate(request *Request) location {
	at := location{}
	at.offering, _ = s.Offerings.ByGroupKind(request.GroupVersionKind().GroupKind())
	name := request.Admission.Namespace
	if name == "" {
		if at.offering != nil && at.offering.Project != "" {
			at.project = s.Projects.ByName(at.offering.Project)
			if at.project == nil {
				at.resolution.Missing = at.offering.Project
			}
		}
		return at
	}
	at.namespace = s.Namespaces[name]
	if at.namespace == nil {
		at.namespaceUnknown = true
		return at
	}
	at.resolution = s.Projects.Resolve(name, at.namespace.Labels)
	at.project = at.resolution.Project
	return at
}

// byKro reports whether kro itself makes the request: it creates nested instances, whose parent was allowed.
func (location) byKro(settings Settings, request *Request) bool {
	return slices.Contains(settings.KroUsers, request.Admission.UserInfo.Username)
}

// injectable reports whether defaults and labels can be told. Where nobody can say whose the namespace is, a new instance still
// gets what the RGD gives to all: without it the API server might refuse it for a missing field, before Validate can say what is
// really wrong. A running instance is left as it is.
func (l location) injectable(request *Request) bool {
	if l.offering == nil || l.namespaceUnknown {
		return false
	}
	disputed := len(l.resolution.Conflict) > 0 || l.resolution.Missing != ""
	return !disputed || request.OldObject == nil
}

// variables are what expressions in defaults and labels read, but for the object.
func (l location) variables() expression.Variables {
	return expression.Variables{
		Project:   l.projectValues(),
		Namespace: namespaceValues(l.namespace),
		Offering:  l.offering.Values(),
	}
}

// projectNamespace is the namespace as labels are read from; the zero value where there is none.
func (l location) projectNamespace() project.Namespace {
	if l.namespace == nil {
		return project.Namespace{}
	}
	return project.Namespace{Name: l.namespace.Name, Labels: l.namespace.Labels}
}

// input is the request as guardrails see it.
func (l location) input(s *Snapshot, request *Request, rights authorizer.Authorizer) *policies.Input {
	options := policies.InputOptions{
		Request:    request.Admission,
		Object:     request.Object,
		OldObject:  request.OldObject,
		Namespace:  l.namespace,
		Authorizer: rights,
		Renderer:   &renderer{snapshot: s, request: request},
	}
	if l.offering != nil {
		options.Offering, options.OfferingName = l.offering.Values(), l.offering.Name
	}
	if l.project != nil {
		options.Project, options.ProjectName = l.project.Values(), l.project.Name
	}
	return policies.NewInput(options)
}

func (l location) projectValues() map[string]any {
	if l.project == nil {
		return map[string]any{}
	}
	return l.project.Values()
}

// namespaceValues is the namespace as expressions see it.
func namespaceValues(namespace *corev1.Namespace) map[string]any {
	if namespace == nil {
		return map[string]any{}
	}
	return map[string]any{
		"name":        namespace.Name,
		"labels":      anyMap(namespace.Labels),
		"annotations": anyMap(namespace.Annotations),
	}
}

func anyMap(m map[string]string) map[string]any {
	out := make(map[string]any, len(m))
	for key, value := range m {
		out[key] = value
	}
	return out
}

// where names the place of an instance in a sentence.
func where(request *Request) string {
	if request.Admission.Namespace == "" {
		return "a cluster-scoped " + request.Admission.Kind.Kind
	}
	return "namespace " + request.Admission.Namespace
}

func joinNames(names []string) string { return strings.Join(names, ", ") }

// Input is the request as guardrails see it. Nobody has any rights in it.
func (s *Snapshot) Input(request *Request) *policies.Input {
	return s.locate(request).input(s, request, nil)
}
