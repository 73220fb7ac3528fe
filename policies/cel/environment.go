package cel

import (
	"fmt"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/traits"
	"k8s.io/apimachinery/pkg/util/version"
	plugincel "k8s.io/apiserver/pkg/admission/plugin/cel"
	apiservercel "k8s.io/apiserver/pkg/cel"
	"k8s.io/apiserver/pkg/cel/environment"
	"k8s.io/apiserver/pkg/cel/library"
)

// Names of the variables that Kubernetes does not have.
const (
	projectVarName  = "project"
	offeringVarName = "offering"
	instanceVarName = "instance"
	// resourcesVarName is the list of all rendered resources.
	resourcesVarName = "resources"
)

// variablesTypeName is the name of the type of "variables", as Kubernetes' type checker calls it in its messages.
const variablesTypeName = "kubernetes.variables"

// environments are what expressions are compiled in. Kubernetes offers two kinds, for expressions about to be stored and for
// stored ones; guardrails use the latter, since nothing that an older API server must read depends on them.
type environments struct {
	// expressions has all variables but "variables", messages neither those nor the authorizer. definitions is for variables.
	definitions, expressions, messages *environment.EnvSet
	// conditions is expressions as matchConditions use it.
	conditions *cel.Env
	// plain is the scope of all guardrails without variables.
	plain *scope

	// partial plans for inputs with fields that nobody can tell yet.
	planner, partial *planner
	// variablesType is the type that the value of "variables" has when an expression asks.
	variablesType *types.Type
}

// scope is what the expressions of one guardrail are compiled in.
type scope struct {
	// variables is the type of "variables". A field is added when its variable is compiled, so that each variable sees those
	// before it.
	variables *apiservercel.DeclType
	// definitions is for variables, expressions for validations, messages for messageExpressions.
	definitions, expressions, messages *cel.Env
}

// newEnvironments declares what Kubernetes always does, and further variables.
func newEnvironments(variables ...cel.EnvOption) (*environments, error) {
	base := environment.MustBaseEnvSet(environment.DefaultCompatibilityVersion())
	request, namespace := plugincel.BuildRequestType(), plugincel.BuildNamespaceType()
	messages, err := extend(base, []*apiservercel.DeclType{request, namespace}, append([]cel.EnvOption{
		cel.Variable(plugincel.ObjectVarName, cel.DynType),
		cel.Variable(plugincel.OldObjectVarName, cel.DynType),
		cel.Variable(plugincel.RequestVarName, request.CelType()),
		cel.Variable(plugincel.NamespaceVarName, namespace.CelType()),
	}, variables...)...)
	if err != nil {
		return nil, err
	}
	expressions, err := extend(messages, nil,
		cel.Variable(plugincel.AuthorizerVarName, library.AuthorizerType),
		cel.Variable(plugincel.RequestResourceAuthorizerVarName, library.ResourceCheckType),
	)
	if err != nil {
		return nil, err
	}
	return completed(&environments{definitions: expressions, expressions: expressions, messages: messages})
}

// newTemplateEnvironments is what Gatekeeper's templates are compiled in: Kubernetes' variables without the authorizer, and params,
// which is the constraint, in nothing but variables.
func newTemplateEnvironments() (*environments, error) {
	base := environment.MustBaseEnvSet(environment.DefaultCompatibilityVersion())
	request, namespace := plugincel.BuildRequestType(), plugincel.BuildNamespaceType()
	expressions, err := extend(base, []*apiservercel.DeclType{request, namespace},
		cel.Variable(plugincel.ObjectVarName, cel.DynType),
		cel.Variable(plugincel.OldObjectVarName, cel.DynType),
		cel.Variable(plugincel.RequestVarName, request.CelType()),
		cel.Variable(plugincel.NamespaceVarName, namespace.CelType()),
	)
	if err != nil {
		return nil, err
	}
	definitions, err := extend(expressions, nil, cel.Variable(plugincel.ParamsVarName, cel.DynType))
	if err != nil {
		return nil, err
	}
	return completed(&environments{definitions: definitions, expressions: expressions, messages: expressions})
}

// completed fills in what follows from the environments.
func completed(e *environments) (*environments, error) {
	e.conditions = e.expressions.StoredExpressionsEnv()
	e.variablesType = types.NewObjectType(variablesTypeName, traits.IndexerType|traits.FieldTesterType|traits.IterableType)
	var err error
	if e.plain, err = e.newScope(); err != nil {
		return nil, err
	}
	if e.planner, err = newPlanner(e.conditions, false); err != nil {
		return nil, err
	}
	if e.partial, err = newPlanner(e.conditions, true); err != nil {
		return nil, err
	}
	return e, nil
}

// guardrailVariables are those that only some policies have, or none but guardrails.
func guardrailVariables() []cel.EnvOption {
	return []cel.EnvOption{
		cel.Variable(plugincel.ParamsVarName, cel.DynType),
		cel.Variable(projectVarName, cel.DynType),
		cel.Variable(offeringVarName, cel.DynType),
		cel.Variable(instanceVarName, cel.DynType),
		cel.Variable(resourcesVarName, cel.ListType(cel.DynType)),
	}
}

// scope yields the scope of a guardrail. Those without variables share one.
func (e *environments) scope(hasVariables bool) (*scope, error) {
	if !hasVariables {
		return e.plain, nil
	}
	return e.newScope()
}

func (e *environments) newScope() (*scope, error) {
	s := &scope{variables: apiservercel.NewObjectType(variablesTypeName, map[string]*apiservercel.DeclField{})}
	declared := []*apiservercel.DeclType{s.variables}
	variables := cel.Variable(plugincel.VariableVarName, s.variables.CelType())
	definitions, err := extend(e.definitions, declared, variables)
	if err != nil {
		return nil, err
	}
	expressions := definitions
	if e.expressions != e.definitions {
		if expressions, err = extend(e.expressions, declared, variables); err != nil {
			return nil, err
		}
	}
	messages, err := extend(e.messages, declared, variables)
	if err != nil {
		return nil, err
	}
	s.definitions = definitions.StoredExpressionsEnv()
	s.expressions, s.messages = expressions.StoredExpressionsEnv(), messages.StoredExpressionsEnv()
	return s, nil
}

// declare makes a variable known to the expressions that are compiled afterwards. A nil type, of a variable that does not
// compile, is any: what uses the variable is not to blame.
func (s *scope) declare(name string, celType *cel.Type) {
	s.variables.Fields[name] = apiservercel.NewDeclField(name, declTypeOf(celType), true, nil, nil)
}

func extend(
	base *environment.EnvSet, declared []*apiservercel.DeclType, options ...cel.EnvOption,
) (*environment.EnvSet, error) {
	extended, err := base.Extend(environment.VersionedOptions{
		IntroducedVersion: version.MajorMinor(1, 0),
		EnvOptions:        options,
		DeclTypes:         declared,
	})
	if err != nil {
		return nil, fmt.Errorf("building the CEL environment: %w", err)
	}
	return extended, nil
}

// declTypeOf yields the type of a variable's field. As in Kubernetes, primitives, lists and maps are kept, and whatever else
// is dyn.
func declTypeOf(celType *cel.Type) *apiservercel.DeclType {
	if celType == nil {
		return apiservercel.DynType
	}
	for _, primitive := range []*apiservercel.DeclType{
		apiservercel.AnyType, apiservercel.BoolType, apiservercel.BytesType, apiservercel.DoubleType,
		apiservercel.DurationType, apiservercel.IntType, apiservercel.NullType, apiservercel.StringType,
		apiservercel.TimestampType, apiservercel.UintType,
	} {
		if celType == primitive.CelType() {
			return primitive
		}
	}
	parameters := celType.Parameters()
	switch {
	case celType.Kind() == cel.ListKind && len(parameters) == 1:
		return apiservercel.NewListType(declTypeOf(parameters[0]), -1)
	case celType.Kind() == cel.MapKind && len(parameters) == 2:
		return apiservercel.NewMapType(declTypeOf(parameters[0]), declTypeOf(parameters[1]), -1)
	default:
		return apiservercel.DynType
	}
}
