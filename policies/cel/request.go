package cel

import (
	"github.com/google/cel-go/common/types"
	admissionv1 "k8s.io/api/admission/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/json"
)

// requestJSON is the request as its JSON, which convert would make as well, and take more than twice as long for every review. As
// in Kubernetes, neither the objects nor the uid are in it.
func requestJSON(r *admissionv1.AdmissionRequest) map[string]any {
	request := map[string]any{
		"uid":             "",
		"kind":            kindJSON(r.Kind),
		"resource":        resourceJSON(r.Resource),
		"requestKind":     kindJSON(*r.RequestKind),
		"requestResource": resourceJSON(*r.RequestResource),
		"operation":       string(r.Operation),
		"userInfo":        userJSON(&r.UserInfo),
		"object":          nil,
		"oldObject":       nil,
		"options":         nil,
	}
	setText(request, "subResource", r.SubResource)
	setText(request, "requestSubResource", r.RequestSubResource)
	setText(request, "name", r.Name)
	setText(request, "namespace", r.Namespace)
	if r.DryRun != nil {
		request["dryRun"] = *r.DryRun
	}
	switch {
	case r.Options.Object != nil:
		request["options"] = convert(r.Options.Object)
	case len(r.Options.Raw) > 0:
		var options any
		if err := json.Unmarshal(r.Options.Raw, &options); err != nil {
			options = types.WrapErr(err)
		}
		request["options"] = options
	}
	return request
}

func kindJSON(kind metav1.GroupVersionKind) map[string]any {
	return map[string]any{"group": kind.Group, "version": kind.Version, "kind": kind.Kind}
}

func resourceJSON(resource metav1.GroupVersionResource) map[string]any {
	return map[string]any{"group": resource.Group, "version": resource.Version, "resource": resource.Resource}
}

func userJSON(who *authenticationv1.UserInfo) map[string]any {
	user := make(map[string]any, 4)
	setText(user, "username", who.Username)
	setText(user, "uid", who.UID)
	if len(who.Groups) > 0 {
		user["groups"] = textsJSON(who.Groups)
	}
	if len(who.Extra) > 0 {
		extra := make(map[string]any, len(who.Extra))
		for key, values := range who.Extra {
			extra[key] = textsJSON(values)
		}
		user["extra"] = extra
	}
	return user
}

// textsJSON is a list of strings; nil is null.
func textsJSON(texts []string) any {
	if texts == nil {
		return nil
	}
	list := make([]any, len(texts))
	for i := range texts {
		list[i] = texts[i]
	}
	return list
}

// setText sets a field that is left out where it is empty.
func setText(object map[string]any, field, text string) {
	if text != "" {
		object[field] = text
	}
}
