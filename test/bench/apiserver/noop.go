package apiserver

import (
	"context"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"sync/atomic"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"
)

// noop serves webhooks that allow everything, in this process.
type noop struct {
	server *httptest.Server
	// calls is how often they were called.
	calls atomic.Int64
}

func startNoop() *noop {
	n := &noop{}
	nothing := admission.HandlerFunc(func(context.Context, admission.Request) admission.Response {
		n.calls.Add(1)
		return admission.Allowed("")
	})
	n.server = httptest.NewUnstartedServer(http.Handler((&admission.Webhook{Handler: nothing}).WithRecoverPanic(true)))
	n.server.EnableHTTP2 = true
	n.server.StartTLS()
	return n
}

// register has the API server call a mutating and a validating webhook.
func (n *noop) register(ctx context.Context, c client.Client) error {
	config := admissionregistrationv1.WebhookClientConfig{
		URL:      ptr.To(n.server.URL),
		CABundle: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: n.server.Certificate().Raw}),
	}
	rules := []admissionregistrationv1.RuleWithOperations{rule("intercepteds")}
	none := ptr.To(admissionregistrationv1.SideEffectClassNone)
	meta := metav1.ObjectMeta{Name: "noop"}
	if err := c.Create(ctx, &admissionregistrationv1.MutatingWebhookConfiguration{
		ObjectMeta: meta, Webhooks: []admissionregistrationv1.MutatingWebhook{{
			Name: "noop.bench.example.com", ClientConfig: config, Rules: rules, SideEffects: none,
			AdmissionReviewVersions: []string{"v1"},
		}},
	}); err != nil {
		return err
	}
	return c.Create(ctx, &admissionregistrationv1.ValidatingWebhookConfiguration{
		ObjectMeta: meta, Webhooks: []admissionregistrationv1.ValidatingWebhook{{
			Name: "noop.bench.example.com", ClientConfig: config, Rules: rules, SideEffects: none,
			AdmissionReviewVersions: []string{"v1"},
		}},
	})
}
