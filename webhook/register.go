package webhook

import (
	"net/http"
	"time"

	"k8s.io/apimachinery/pkg/runtime"

	"github.com/kroguard/kroguard/internal/registration"
	"github.com/kroguard/kroguard/policies"
)

// Options are what the webhooks need. All fields but Now are required.
type Options struct {
	// Scheme knows kroguard's kinds, kro's RGD and the CRD.
	Scheme *runtime.Scheme
	// Instances judges kro instances.
	Instances *Instances
	// Compiler compiles Guardrails for a check.
	Compiler *policies.Compiler
	// Rules closes the gap before the first instance of a new kind.
	Rules RuleEnsurer
	// Now is the clock that exceptions expire by; nil is time.Now.
	Now func() time.Time
}

// Mux is where handlers are registered; controller-runtime's webhook server is one.
type Mux interface {
	Register(path string, handler http.Handler)
}

// Register serves all webhooks on the mux, under the paths that internal/registration tells the API server.
func Register(mux Mux, options Options) {
	now := options.Now
	if now == nil {
		now = time.Now
	}
	mux.Register(registration.PathMutateInstances, options.Instances.Mutate())
	mux.Register(registration.PathValidateInstances, options.Instances.Validate())
	mux.Register(registration.PathValidateResourceGraphDefinitions, handler(options.Scheme, checkResourceGraphDefinition))
	mux.Register(registration.PathValidateCustomResourceDefinitions, handler(options.Scheme, checkCustomResourceDefinition(options.Rules)))
	mux.Register(registration.PathValidateGuardrails, handler(options.Scheme, checkGuardrail(options.Compiler, options.Instances.Store)))
	mux.Register(registration.PathValidateGuardrailExceptions,
		handler(options.Scheme, checkGuardrailException(options.Instances.Store, now)))
	mux.Register(registration.PathValidateProjects, handler(options.Scheme, checkProject))
}
