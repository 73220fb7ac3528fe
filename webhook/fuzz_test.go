package webhook

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	jsonpatch "github.com/evanphx/json-patch/v5"
	"github.com/google/go-cmp/cmp"
	admissionv1 "k8s.io/api/admission/v1"
)

// FuzzReview sends any body through both webhooks: they answer with an admission review, whatever comes; what the mutating one
// returns applies to the object, and it never refuses.
func FuzzReview(f *testing.F) {
	f.Add(reviewOf(f, developer, webApp("{image: x, replicas: 50}"), ""))
	f.Add(reviewOf(f, kroUser, webApp("{image: x}"), webApp("{image: y}")))
	f.Add(reviewOf(f, "", webApp("[]"), webApp("null")))
	f.Add(reviewOf(f, developer, "metadata: {labels: [], annotations: 1, managedFields: {}}\nspec: 1", "spec: {}"))
	f.Add([]byte(`{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"object":[]}}`))
	f.Add([]byte(`{"request":{"object":{"metadata":{"annotations":{"kroguard.io/injected":"{\"spec.a.b\":\"x\"}"}}}}}`))
	f.Add([]byte("\x00"))
	f.Add([]byte(`{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":1,"object":{},"userInfo":[]}}`))
	f.Add([]byte(`{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"object":{"a":1},"object":{"b":1e999}}} x`))
	// A body that names nothing known would have the webhooks wait for their caches.
	instances := &Instances{Store: newStore(f), Wait: time.Nanosecond}
	mutate, validate := instances.Mutate(), instances.Validate()
	f.Fuzz(func(t *testing.T, body []byte) {
		judged, err := post(validate, body)
		if err != nil {
			t.Fatal(err)
		}
		// What is readable is answered as by controller-runtime, which reads more: other kinds and encodings.
		if judged.Result.Code != http.StatusBadRequest {
			if want := mustPost(t, reference(instances.validate), body); !cmp.Equal(want, judged) {
				t.Fatalf("validate (-controller-runtime +kroguard):\n%s", cmp.Diff(want, judged))
			}
		}
		response, err := post(mutate, body)
		if err != nil {
			t.Fatal(err)
		}
		if response.Patch == nil {
			return
		}
		var sent admissionv1.AdmissionReview
		if err := json.Unmarshal(body, &sent); err != nil {
			return // encoding/json is stricter than the API server's decoder about some bytes
		}
		patch, err := jsonpatch.DecodePatch(response.Patch)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := patch.Apply(sent.Request.Object.Raw); err != nil {
			t.Fatalf("the patch does not apply: %v\n%s\n%s", err, response.Patch, sent.Request.Object.Raw)
		}
	})
}
