package cel

import (
	"reflect"
	"sync"

	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
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

// inputValues is the form of an Input that expressions read, shared by all guardrails and goroutines. Decoded JSON stays as it
// is: an expression that asks for a field finds it in the map. What few guardrails read is converted when one does.
type inputValues struct {
	input *policies.Input

	// They are nil, and not a nil map, where there is none: CEL's null.
	object, oldObject, project, offering, instance any
	// size is that of them together.
	size sizes
	// unknowns are the fields that nobody can tell yet; the id of an Unknown is its place here, counted from 1. resources are those
	// that the instance expands into, each as its object.
	unknowns  []string
	resources lazyResources

	request, namespace lazyValue

	authorizers                 sync.Once
	authorizer, requestResource ref.Val
}

// lazyValue is made when it is first read.
type lazyValue struct {
	once  sync.Once
	value any
	size  class
}

// get yields the value, which of makes.
func (l *lazyValue) get(of func() any) any {
	l.once.Do(func() {
		l.value = of()
		l.size = classOf(l.value)
	})
	return l.value
}

func newInputValues(in *policies.Input) *inputValues {
	v := &inputValues{
		input:     in,
		object:    orNull(in.Object),
		oldObject: orNull(in.OldObject),
		project:   orNull(in.Project),
		offering:  orNull(in.Offering),
		instance:  orNull(in.Instance),
	}
	if len(in.Unresolved) > 0 {
		v.object = withUnknown(in.Object, in.Unresolved, 1)
		v.unknowns = pathsOf(in.Unresolved, "")
	}
	v.size = sizesOf(v.object, v.oldObject)
	if !isSame(in.Instance, in.Object) {
		v.size = v.size.largest(sizesOf(v.instance))
	}
	v.size = v.size.largest(allOf(classOf(v.project, v.offering)))
	return v
}

// orNull is the object as any, nil where it is nil.
func orNull(object map[string]any) any {
	if object == nil {
		return nil
	}
	return object
}

// isSame reports whether two maps are one.
func isSame(a, b map[string]any) bool {
	return reflect.ValueOf(a).Pointer() == reflect.ValueOf(b).Pointer()
}

// sizeOf is the size of what is read.
func (v *inputValues) sizeOf(read parts) sizes {
	size := v.size
	if read.request {
		v.requestValue()
		size = size.largest(allOf(v.request.size))
	}
	if read.resources {
		size = size.largest(allOf(v.resources.size))
	}
	if read.namespace {
		v.namespaceValue()
		size = size.largest(allOf(v.namespace.size))
	}
	return size
}

func (v *inputValues) requestValue() any {
	return v.request.get(func() any { return requestJSON(v.input.Request) })
}

func (v *inputValues) namespaceValue() any {
	return v.namespace.get(func() any {
		if v.input.Namespace == nil {
			return nil
		}
		return convert(plugincel.CreateNamespaceObject(v.input.Namespace))
	})
}

// authorizerValues makes authorizer and authorizer.requestResource.
func (v *inputValues) authorizerValues() {
	v.authorizers.Do(func() {
		who := userOf(v.input.Request)
		v.authorizer = library.NewAuthorizerVal(who, v.input.Authorizer)
		v.requestResource = library.NewResourceAuthorizerVal(who, v.input.Authorizer, requestResource{v.input.Request})
	})
}

// convert is a typed object as CEL sees it: as its JSON.
func convert(object any) any {
	converted, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
	if err != nil {
		return types.WrapErr(err)
	}
	return converted
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
