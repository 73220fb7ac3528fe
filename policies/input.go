package policies

import (
	"errors"
	"sync"

	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apiserver/pkg/authorization/authorizer"
)

// Input is one review as guardrails see it. It is built once for a request and shared, read-only, by all guardrails and
// goroutines that judge it. Build it with NewInput.
type Input struct {
	// Request is the admission request without object and oldObject: kind, resource, name, namespace, operation,
	// userInfo, dryRun, options. Never nil.
	Request *admissionv1.AdmissionRequest

	// Object is the judged object, decoded from JSON; integers are int64, other numbers float64. Never nil.
	Object map[string]any
	// OldObject is the object before an UPDATE; nil on CREATE.
	OldObject map[string]any
	// Namespace is the namespace of the instance; nil where the instance is cluster-scoped.
	Namespace *corev1.Namespace

	// Project is the project as policies see it (see project.Project.Values); nil where there is none.
	Project map[string]any
	// Offering is the offering as policies see it (see offering.Offering.Values); nil where the RGD is unknown.
	Offering map[string]any
	// Instance is the instance; the same map as Object where the instance itself is judged.
	Instance map[string]any

	// Unresolved are the fields of Object that nobody can tell yet; only a rendered resource has any.
	Unresolved []UnresolvedField

	// Authorizer answers CEL's authorizer calls for the request's user. Never nil; offline it has no opinion.
	Authorizer authorizer.Authorizer

	// OfferingName and ProjectName are what match rules compare; empty where unknown.
	OfferingName, ProjectName string

	conversions sync.Map

	// parent is the input of the instance whose rendered resource is judged; nil for an instance.
	parent *Input
	// renderer is nil where nothing can be rendered; rendered is what it yields.
	renderer Renderer
	rendered struct {
		once  sync.Once
		value *resourceInputs
		err   error
	}
}

// errNotRendered is told where a guardrail needs rendered resources and nobody can render.
var errNotRendered = errors.New("the instance's resources can't be rendered here")

// conversion is a value that a driver derives once from an Input.
type conversion struct {
	once  sync.Once
	value any
	err   error
}

// Convert returns what build yields, calling it once for each Input and key, however many guardrails ask. Drivers keep their
// form of the input here (a Rego term, a CEL activation); the key is of a type private to the driver. It is safe for
// concurrent use.
func (in *Input) Convert(key any, build func() (any, error)) (any, error) {
	entry, ok := in.conversions.Load(key)
	if !ok {
		entry, _ = in.conversions.LoadOrStore(key, new(conversion))
	}
	c := entry.(*conversion) //nolint:errcheck,forcetypeassert // nothing else is stored
	c.once.Do(func() { c.value, c.err = build() })
	return c.value, c.err
}
