package controller

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/time/rate"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	runtimeschema "k8s.io/apimachinery/pkg/runtime/schema"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/kroguard/kroguard/internal/offering"
	"github.com/kroguard/kroguard/internal/review"
)

// bundle is a CA bundle that doesn't change.
type bundle string

func (b bundle) CABundle() []byte {
	if b == "" {
		return nil
	}
	return []byte(b)
}
func (bundle) Subscribe(func()) {}
func (b bundle) Trusted(in []byte) bool {
	return b != "" && strings.Contains(string(in), string(b))
}
func (bundle) InPlace([]byte) {}

func newClient(t *testing.T, objects ...client.Object) client.WithWatch {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, apiextensionsv1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	return fake.NewClientBuilder().WithScheme(scheme).WithObjects(objects...).Build()
}

func newReconciler(t *testing.T, c client.Client) *WebhookConfigurationReconciler {
	t.Helper()
	return &WebhookConfigurationReconciler{
		cached: c, live: c, writer: c, store: review.NewStore(), options: registrationOptions(t),
		certificates: bundle("ca"), settleTime: time.Nanosecond, limit: rate.NewLimiter(rate.Inf, 1),
	}
}

func ownedCRD(name string) *apiextensionsv1.CustomResourceDefinition {
	return &apiextensionsv1.CustomResourceDefinition{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"kro.run/owned": "true"}},
	}
}

// registeredIn are the kinds with a rule in both configurations.
func registeredIn(t *testing.T, c client.Client) []runtimeschema.GroupResource {
	t.Helper()
	current, err := read(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	both, _ := current.registered()
	return both
}

func TestReconcileRegistersOffersAndCRDsAndIsThenDone(t *testing.T) {
	c := newClient(t, ownedCRD("queues.example.com"))
	r := newReconciler(t, c)
	r.store.Publish(&review.Snapshot{Offerings: offering.NewCatalog([]*offering.Offering{announced("webapps.example.com")})})
	if err := r.Ready(nil); !errors.Is(err, errNotWritten) {
		t.Errorf("Ready before the first write: %v", err)
	}
	result, err := r.Reconcile(t.Context(), everything())
	if err != nil || result.RequeueAfter != r.settleTime {
		t.Fatalf("Reconcile = %+v, %v; want the mutating configuration to settle first", result, err)
	}
	if current, err := read(t.Context(), c); err != nil || current.mutating == nil || current.validating != nil {
		t.Errorf("after the first write: %+v, %v", current, err)
	}
	for range 2 {
		result, err := r.Reconcile(t.Context(), everything())
		if err != nil || result != (reconcile.Result{}) {
			t.Fatalf("Reconcile = %+v, %v; want nothing more to do", result, err)
		}
	}
	if diff := cmp.Diff(resources("queues.example.com", "webapps.example.com"), registeredIn(t, c)); diff != "" {
		t.Errorf("registered (-want +got):\n%s", diff)
	}
	if err := r.Ready(nil); err != nil {
		t.Errorf("Ready: %v", err)
	}
	r.certificates = bundle("another")
	if err := r.Ready(nil); !errors.Is(err, errNotWritten) {
		t.Errorf("Ready with a new CA bundle that is not written yet: %v", err)
	}
}

func TestReadyWaitsForASnapshot(t *testing.T) {
	r := newReconciler(t, newClient(t))
	if _, err := r.Reconcile(t.Context(), everything()); err != nil {
		t.Fatal(err)
	}
	if err := r.Ready(nil); !errors.Is(err, errNoSnapshot) {
		t.Errorf("Ready: %v", err)
	}
}

func TestReconcileWithoutABundleWritesNothing(t *testing.T) {
	c := newClient(t)
	r := newReconciler(t, c)
	r.certificates = bundle("")
	if result, err := r.Reconcile(t.Context(), everything()); err != nil || result != (reconcile.Result{}) {
		t.Errorf("Reconcile = %+v, %v; want to wait for the certificates", result, err)
	}
	if current, err := read(t.Context(), c); err != nil || !current.upToDate() {
		t.Errorf("configurations were written: %+v, %v", current, err)
	}
}

func TestReconcileKeepsARuleThatAnotherReplicaWroteAhead(t *testing.T) {
	ahead := stored(t, "ca", "ahead.example.com")
	ahead.mutating.Webhooks[0].Rules = ahead.mutating.Webhooks[0].Rules[:1] // written to one of them only, so far
	ahead.mutating.ResourceVersion, ahead.validating.ResourceVersion = "", ""
	c := newClient(t, ahead.mutating, ahead.validating)
	r := newReconciler(t, c)
	result, err := r.Reconcile(t.Context(), everything())
	if err != nil {
		t.Fatal(err)
	}
	if result.RequeueAfter <= 0 || result.RequeueAfter > staleRuleGrace {
		t.Errorf("look again after %s, want within %s", result.RequeueAfter, staleRuleGrace)
	}
	if diff := cmp.Diff(resources("ahead.example.com"), registeredIn(t, c)); diff != "" {
		t.Errorf("registered (-want +got):\n%s", diff)
	}
}

func TestReconcileIsBoundedAgainstAnotherWriter(t *testing.T) {
	c := newClient(t)
	r := newReconciler(t, c)
	reconciled(t, r)
	r.limit = rate.NewLimiter(rate.Every(time.Hour), 1)
	for i, wantWait := range []bool{false, false, true} {
		result, err := r.Reconcile(t.Context(), everything())
		if err != nil {
			t.Fatal(err)
		}
		if waits := result.RequeueAfter > 0; waits != wantWait {
			t.Errorf("round %d: again after %s, want a wait: %v", i, result.RequeueAfter, wantWait)
		}
		current, err := read(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		current.mutating.Webhooks, current.validating.Webhooks = nil, nil
		for _, object := range current.objects() {
			if err := c.Update(t.Context(), object); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestEnsureRule(t *testing.T) {
	tests := []struct {
		name           string
		resource       string
		dryRun         bool
		certificates   bundle
		wantErr        string
		wantRegistered []runtimeschema.GroupResource
	}{
		{name: "group kro.run has a static rule", resource: "webapps.kro.run", certificates: "ca"},
		{name: "group kro.run needs not even certificates", resource: "webapps.kro.run"},
		{
			name: "a kind of another group is registered", resource: "webapps.example.com", certificates: "ca",
			wantRegistered: resources("webapps.example.com"),
		},
		{name: "a dry run writes nothing", resource: "webapps.example.com", certificates: "ca", dryRun: true},
		{
			name: "a group of Kubernetes is refused, in a dry run too", resource: "deployments.apps", certificates: "ca", dryRun: true,
			wantErr: "deployments.apps: the group belongs to Kubernetes or to kroguard: choose another one for spec.schema.group",
		},
		{
			name: "without certificates it can't be said yet", resource: "webapps.example.com",
			wantErr: "the CA bundle of the webhook server is not known yet: try again",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := newClient(t)
			r := newReconciler(t, c)
			r.certificates = test.certificates
			err := r.EnsureRule(t.Context(), resource(test.resource), test.dryRun)
			got := ""
			if err != nil {
				got = err.Error()
			}
			if diff := cmp.Diff(test.wantErr, got); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.wantRegistered, registeredIn(t, c)); diff != "" {
				t.Errorf("registered (-want +got):\n%s", diff)
			}
		})
	}
}

func TestEnsureRuleAsksForPatienceWhenTheRequestEndsFirst(t *testing.T) {
	c := newClient(t)
	r := newReconciler(t, c)
	r.settleTime = time.Hour
	ctx, cancel := context.WithCancel(t.Context())
	r.writer = interceptor.NewClient(c, interceptor.Funcs{
		Create: func(ctx context.Context, c client.WithWatch, object client.Object, options ...client.CreateOption) error {
			if _, last := object.(*admissionregistrationv1.MutatingWebhookConfiguration); last {
				defer cancel()
			}
			return c.Create(ctx, object, options...)
		},
	})
	err := r.EnsureRule(ctx, resource("webapps.example.com"), false)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("EnsureRule: %v", err)
	}
	if diff := cmp.Diff(resources("webapps.example.com"), registeredIn(t, c)); diff != "" {
		t.Errorf("the rule is not written for the next try (-want +got):\n%s", diff)
	}
}

func TestEnsureRuleDoesNotWaitForARuleThatHasSettled(t *testing.T) {
	c := newClient(t, ownedCRD("webapps.example.com"))
	r := newReconciler(t, c)
	r.settleTime = time.Hour
	reconciled(t, r)
	r.observations.since[resource("webapps.example.com")] = time.Now().Add(-2 * time.Hour)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.EnsureRule(ctx, resource("webapps.example.com"), false); err != nil {
		t.Errorf("EnsureRule waits: %v", err)
	}
}

func TestEnsureRuleStartsTheClockAnewForARuleThatWasRemoved(t *testing.T) {
	c := newClient(t)
	r := newReconciler(t, c)
	if err := r.EnsureRule(t.Context(), resource("webapps.example.com"), false); err != nil {
		t.Fatal(err)
	}
	r.observations.since[resource("webapps.example.com")] = time.Now().Add(-2 * time.Hour)
	for _, object := range stored(t, "ca").objects() {
		if err := c.Delete(t.Context(), object); err != nil {
			t.Fatal(err)
		}
	}
	before := time.Now()
	if err := r.EnsureRule(t.Context(), resource("webapps.example.com"), false); err != nil {
		t.Fatal(err)
	}
	if since := r.observations.since[resource("webapps.example.com")]; since.Before(before) {
		t.Errorf("the rule counts as in place since %s, before it was written anew", since)
	}
}

func TestEnsureRuleTriesAgainWhenItLosesARace(t *testing.T) {
	existing := stored(t, "ca")
	existing.mutating.ResourceVersion, existing.validating.ResourceVersion = "", ""
	c := newClient(t, existing.mutating, existing.validating)
	r := newReconciler(t, c)
	raced := false
	r.writer = interceptor.NewClient(c, interceptor.Funcs{
		Update: func(ctx context.Context, c client.WithWatch, object client.Object, options ...client.UpdateOption) error {
			if !raced {
				raced = true
				other := newReconciler(t, c)
				if err := other.EnsureRule(ctx, resource("other.example.com"), false); err != nil {
					return err
				}
			}
			return c.Update(ctx, object, options...)
		},
	})
	if err := r.EnsureRule(t.Context(), resource("webapps.example.com"), false); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(resources("other.example.com", "webapps.example.com"), registeredIn(t, c)); diff != "" {
		t.Errorf("registered (-want +got):\n%s", diff)
	}
}

// Behind a Service that sends nothing to replicas that are not ready, configurations written too early refuse every instance.
func TestTheFirstReplicaBehindAServiceIsReadyBeforeTheConfigurationsAreWritten(t *testing.T) {
	c := newClient(t)
	r := newReconciler(t, c)
	r.announce = time.Hour
	if err := r.Ready(nil); !errors.Is(err, errNoSnapshot) {
		t.Errorf("Ready without a snapshot: %v", err)
	}
	r.store.Publish(&review.Snapshot{})
	if err := r.Ready(nil); !errors.Is(err, errNotWritten) {
		t.Errorf("Ready before it is known whether there are configurations: %v", err)
	}
	result, err := r.Reconcile(t.Context(), everything())
	if err != nil || result.RequeueAfter != pollReady {
		t.Fatalf("Reconcile before readiness = %+v, %v", result, err)
	}
	if err := r.Ready(nil); err != nil {
		t.Errorf("Ready where there are no configurations: %v", err)
	}
	result, err = r.Reconcile(t.Context(), everything())
	if err != nil || result.RequeueAfter < 59*time.Minute {
		t.Errorf("Reconcile right after readiness = %+v, %v; want to wait for the Service", result, err)
	}
	if current, err := read(t.Context(), c); err != nil || !current.none() {
		t.Errorf("configurations were written: %+v, %v", current, err)
	}
	r.readySince.Store(time.Now().Add(-2 * time.Hour).UnixNano())
	reconciled(t, r)
	if current, err := read(t.Context(), c); err != nil || current.mutating == nil || current.validating == nil {
		t.Errorf("configurations are not written: %+v, %v", current, err)
	}
	if err := r.Ready(nil); err != nil {
		t.Errorf("Ready: %v", err)
	}
}

func TestALaterReplicaBehindAServiceIsReadyWhenTheConfigurationsAreRight(t *testing.T) {
	c := newClient(t)
	reconciled(t, newReconciler(t, c))
	r := newReconciler(t, c)
	r.announce, r.certificates = time.Hour, bundle("another")
	r.store.Publish(&review.Snapshot{})
	if err := r.Ready(nil); !errors.Is(err, errNotWritten) {
		t.Errorf("Ready before the configurations have its bundle: %v", err)
	}
	reconciled(t, r)
	if err := r.Ready(nil); err != nil {
		t.Errorf("Ready: %v", err)
	}
}
