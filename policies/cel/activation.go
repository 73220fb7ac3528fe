package cel

import (
	"sync"

	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/interpreter"
	admissionv1 "k8s.io/api/admission/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	plugincel "k8s.io/apiserver/pkg/admission/plugin/cel"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/cel/library"

	"github.com/kroguard/kroguard/policies"
)

// inputKey is where an Input keeps its inputValues.
type inputKey struct{}

// inputValues is the form of an Input that expressions read, shared by all guardrails. Values are plain JSON values behind
// CEL's own adapter, which reads them in place and keeps no state, so that goroutines may share them; Kubernetes' reflecting
// adapter, which converts nothing, must not be shared. What few guardrails read is converted when one does.
type inputValues struct {
	object, oldObject, project, offering, instance ref.Val
	authorizer, requestResource                    ref.Val

	request, namespace func() ref.Val
}

func newInputValues(in *policies.Input) *inputValues {
	who := userOf(in.Request)
	return &inputValues{
		object:          valueOf(in.Object),
		oldObject:       valueOf(in.OldObject),
		project:         valueOf(in.Project),
		offering:        valueOf(in.Offering),
		instance:        valueOf(in.Instance),
		authorizer:      library.NewAuthorizerVal(who, in.Authorizer),
		requestResource: library.NewResourceAuthorizerVal(who, in.Authorizer, requestResource{in.Request}),
		request:         sync.OnceValue(func() ref.Val { return convert(in.Request) }),
		namespace: sync.OnceValue(func() ref.Val {
			if in.Namespace == nil {
				return types.NullValue
			}
			return convert(plugincel.CreateNamespaceObject(in.Namespace))
		}),
	}
}

// valueOf is a JSON object as CEL sees it, null where it is nil. Nothing is copied.
func valueOf(object map[string]any) ref.Val {
	if object == nil {
		return types.NullValue
	}
	return types.DefaultTypeAdapter.NativeToValue(object)
}

// convert is a typed object as CEL sees it: as its JSON.
func convert(object any) ref.Val {
	converted, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
	if err != nil {
		return types.WrapErr(err)
	}
	return valueOf(converted)
}

func userOf(request *admissionv1.AdmissionRequest) user.Info {
	who := &user.DefaultInfo{
		Name:   request.UserInfo.Username,
		UID:    request.UserInfo.UID,
		Groups: request.UserInfo.Groups,
	}
	if len(request.UserInfo.Extra) > 0 {
		who.Extra = make(map[string][]string, len(request.UserInfo.Extra))
		for key, value := range request.UserInfo.Extra {
			who.Extra[key] = value
		}
	}
	return who
}

// requestResource is what authorizer.requestResource asks about: the resource of the original request.
type requestResource struct {
	request *admissionv1.AdmissionRequest
}

var _ library.Resource = requestResource{}

// GetName is the request's; empty on a CREATE with generateName.
func (r requestResource) GetName() string { return r.request.Name }

// GetNamespace is the request's.
func (r requestResource) GetNamespace() string { return r.request.Namespace }

// GetResource is the request's.
func (r requestResource) GetResource() schema.GroupVersionResource {
	return schema.GroupVersionResource(*r.request.RequestResource)
}

// GetSubresource is the request's.
func (r requestResource) GetSubresource() string { return r.request.RequestSubResource }

// activation resolves the names in expressions.
type activation struct {
	*inputValues

	params ref.Val
	// buildVariables is called when "variables" is first read; variables is what it yielded.
	buildVariables func() ref.Val
	variables      ref.Val
}

var _ interpreter.Activation = (*activation)(nil)

// ResolveName yields the value of a variable. The type checker lets no name through that is not declared.
func (a *activation) ResolveName(name string) (any, bool) {
	switch name {
	case plugincel.ObjectVarName:
		return a.object, true
	case plugincel.OldObjectVarName:
		return a.oldObject, true
	case plugincel.ParamsVarName:
		return a.params, true
	case plugincel.RequestVarName:
		return a.request(), true
	case plugincel.NamespaceVarName:
		return a.namespace(), true
	case plugincel.AuthorizerVarName:
		return a.authorizer, true
	case plugincel.RequestResourceAuthorizerVarName:
		return a.requestResource, true
	case plugincel.VariableVarName:
		if a.variables == nil {
			a.variables = a.buildVariables()
		}
		return a.variables, true
	case projectVarName:
		return a.project, true
	case offeringVarName:
		return a.offering, true
	case instanceVarName:
		return a.instance, true
	default:
		return nil, false
	}
}

// Parent is nil: there is no other activation to ask.
func (a *activation) Parent() interpreter.Activation { return nil }
