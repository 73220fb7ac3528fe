package cel

import (
	"fmt"

	"github.com/google/cel-go/cel"
	plugincel "k8s.io/apiserver/pkg/admission/plugin/cel"
	apiservercel "k8s.io/apiserver/pkg/cel"
	"k8s.io/apiserver/pkg/cel/environment"
	"k8s.io/apiserver/pkg/cel/library"
)

// typedEnvironment checks expressions against the types of an instance. It is for one goroutine at a time.
type typedEnvironment struct {
	env   *cel.Env
	types *structTypes
}

// newTypedEnvironment declares the variables of all expressions together: those that one may not use are not there where it was
// compiled, and what does not compile is not checked.
func newTypedEnvironment() (*typedEnvironment, error) {
	base := environment.MustBaseEnvSet(environment.DefaultCompatibilityVersion())
	request, namespace := plugincel.BuildRequestType(), plugincel.BuildNamespaceType()
	set, err := extend(base, []*apiservercel.DeclType{request, namespace},
		cel.Variable(plugincel.ParamsVarName, cel.DynType),
		cel.Variable(plugincel.RequestVarName, request.CelType()),
		cel.Variable(plugincel.NamespaceVarName, namespace.CelType()),
		cel.Variable(plugincel.AuthorizerVarName, library.AuthorizerType),
		cel.Variable(plugincel.RequestResourceAuthorizerVarName, library.ResourceCheckType),
	)
	if err != nil {
		return nil, err
	}
	stored := set.StoredExpressionsEnv()
	provider := &structTypes{Provider: stored.CELTypeProvider()}
	provider.structs = map[string]map[string]*cel.Type{
		typeInstance: {}, typeProject: {}, typeOffering: {}, typeVariables: {},
	}
	env, err := stored.Extend(
		cel.CustomTypeProvider(provider),
		cel.Variable(plugincel.ObjectVarName, cel.ObjectType(typeInstance)),
		cel.Variable(plugincel.OldObjectVarName, cel.ObjectType(typeInstance)),
		cel.Variable(instanceVarName, cel.ObjectType(typeInstance)),
		cel.Variable(resourcesVarName, cel.ListType(cel.DynType)),
		cel.Variable(projectVarName, cel.ObjectType(typeProject)),
		cel.Variable(offeringVarName, cel.ObjectType(typeOffering)),
		cel.Variable(plugincel.VariableVarName, cel.ObjectType(typeVariables)),
	)
	if err != nil {
		return nil, fmt.Errorf("building the typed CEL environment: %w", err)
	}
	return &typedEnvironment{env: env, types: provider}, nil
}
