package expression

import (
	"fmt"

	"github.com/google/cel-go/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiserver/pkg/cel/environment"
)

// Environment compiles expressions for the instances of one kind. Build it once for an offering: it takes longer than
// compiling an expression. It is immutable and safe for concurrent use.
type Environment struct {
	env *cel.Env
	// doubles are the instance's fields of type number.
	doubles *doubles
}

// NewEnvironment declares project, namespace, offering and object in the CEL environment that Kubernetes' own policies have,
// with its functions and its cost limit for each expression. Types are strict: a field that doesn't exist is a compile error.
//
// objectSchema is the schema of the whole instance. Where it is nil, object is dynamic. The instance's status can't be read:
// what is injected into a spec must not depend on it. Names that are no identifiers are written in backticks:
// object.spec.`log-level`.
func NewEnvironment(objectSchema *schema.Structural) (*Environment, error) {
	base := environment.MustBaseEnvSet(environment.DefaultCompatibilityVersion()).NewExpressionsEnv()
	provider := newTypeProvider(base.CELTypeProvider())
	env, err := base.Extend(
		cel.EnableIdentifierEscapeSyntax(),
		cel.Variable(variableProject, provider.declare(typeProject, projectFields())),
		cel.Variable(variableNamespaceInCEL, provider.declare(typeNamespace, namespaceFields())),
		cel.Variable(variableOffering, provider.declare(typeOffering, offeringFields())),
		cel.Variable(variableObject, provider.declareObject(objectSchema)),
		cel.CustomTypeProvider(provider),
		cel.CustomTypeAdapter(orderedAdapter{Adapter: base.CELTypeAdapter()}),
	)
	if err != nil {
		return nil, fmt.Errorf("building the environment of expressions: %w", err)
	}
	return &Environment{env: env, doubles: doublesOf(objectSchema)}, nil
}
