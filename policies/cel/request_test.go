package cel_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	admissionv1 "k8s.io/api/admission/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/kroguard/kroguard/policies"
	"github.com/kroguard/kroguard/policies/cel"
)

func TestARequestIsItsJSON(t *testing.T) {
	tests := map[string]func(*admissionv1.AdmissionRequest){
		"usual":       func(*admissionv1.AdmissionRequest) {},
		"nobody":      func(r *admissionv1.AdmissionRequest) { r.UserInfo = authenticationv1.UserInfo{} },
		"subresource": func(r *admissionv1.AdmissionRequest) { r.SubResource, r.RequestSubResource = "scale", "status" },
		"no names":    func(r *admissionv1.AdmissionRequest) { r.Name, r.Namespace = "", "" },
		"no dryRun":   func(r *admissionv1.AdmissionRequest) { r.DryRun = nil },
		"empty lists": func(r *admissionv1.AdmissionRequest) {
			r.UserInfo.Groups = []string{}
			r.UserInfo.Extra = map[string]authenticationv1.ExtraValue{"none": nil, "empty": {}, "some": {"a", "b"}}
		},
		"raw options": func(r *admissionv1.AdmissionRequest) {
			r.Options.Raw = []byte(`{"kind":"CreateOptions","apiVersion":"meta.k8s.io/v1","n":9007199254740993,"f":0.5,"l":[{}]}`)
		},
		"null options": func(r *admissionv1.AdmissionRequest) { r.Options.Raw = []byte(`null`) },
		"options": func(r *admissionv1.AdmissionRequest) {
			r.Options = runtime.RawExtension{Object: &metav1.CreateOptions{
				TypeMeta: metav1.TypeMeta{Kind: "CreateOptions"}, DryRun: []string{"All"}, FieldManager: "kubectl",
			}}
		},
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			options := review()
			change(options.Request)
			request := policies.NewInput(options).Request
			request.UID = ""
			if diff := cmp.Diff(cel.Convert(request), any(cel.RequestJSON(request))); diff != "" {
				t.Errorf("(-converted +by hand):\n%s", diff)
			}
			request.UID = "705ab4f5-6393-11e8-b7cc-42010a800002"
			if uid := cel.RequestJSON(request)["uid"]; uid != "" {
				t.Errorf("Kubernetes tells no uid, and here it is %v", uid)
			}
		})
	}
}
