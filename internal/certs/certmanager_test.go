package certs

import (
	"strings"
	"testing"
	"time"

	certmanagerv1 "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	cmmeta "github.com/cert-manager/cert-manager/pkg/apis/meta/v1"
	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
)

func newTestIssuance(t *testing.T, issuer IssuerRef) (*issuance, client.Client) {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := certmanagerv1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	c := fake.NewClientBuilder().WithScheme(scheme).WithStatusSubresource(&certmanagerv1.Certificate{}).Build()
	return &issuance{
		reader: c, writer: c, source: newSource([]string{serviceName}, time.Now),
		options: Options{Namespace: secretKey.Namespace, SecretName: secretKey.Name, DNSNames: []string{serviceName}, Issuer: issuer},
	}, c
}

func serving(t *testing.T, c client.Client) *certmanagerv1.Certificate {
	t.Helper()
	certificate := &certmanagerv1.Certificate{}
	if err := c.Get(t.Context(), client.ObjectKey{Namespace: secretKey.Namespace, Name: nameServing}, certificate); err != nil {
		t.Fatal(err)
	}
	return certificate
}

func TestCertManagerIsAskedForAnAuthorityAndACertificate(t *testing.T) {
	i, c := newTestIssuance(t, IssuerRef{})
	if problem := i.see(t.Context()); !strings.Contains(problem, "Certificate kroguard-system/kroguard-webhook is not issued: cert-manager has not") {
		t.Errorf("problem: %q", problem)
	}
	if !i.source.Pending() {
		t.Error("not pending although it is not issued")
	}
	if err := i.source.Check(nil); err == nil || !strings.Contains(err.Error(), "describe certificate kroguard-webhook") {
		t.Errorf("Check: %v", err)
	}
	certificate := serving(t, c)
	if diff := cmp.Diff([]string{serviceName}, certificate.Spec.DNSNames); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
	certificate.Status.Conditions = []certmanagerv1.CertificateCondition{
		{Type: certmanagerv1.CertificateConditionReady, Status: cmmeta.ConditionFalse, Reason: "DoesNotExist", Message: "no Secret"},
	}
	if err := c.Status().Update(t.Context(), certificate); err != nil {
		t.Fatal(err)
	}
	if problem := i.see(t.Context()); !strings.Contains(problem, "is not issued: DoesNotExist: no Secret; see kubectl -n kroguard-system describe") {
		t.Errorf("problem: %q", problem)
	}
	certificate.Status.Conditions[0].Status = cmmeta.ConditionTrue
	if err := c.Status().Update(t.Context(), certificate); err != nil {
		t.Fatal(err)
	}
	version := serving(t, c).ResourceVersion
	if problem := i.see(t.Context()); problem != "" {
		t.Errorf("problem: %q", problem)
	}
	if got := serving(t, c).ResourceVersion; got != version {
		t.Error("what is as it should be was written")
	}
	mustLoad(t, i.source, issue(t, time.Now(), serviceName))
	if i.source.Pending() {
		t.Error("pending although it is issued and served")
	}
}

func TestAChangedCertificateIsMadeRight(t *testing.T) {
	i, c := newTestIssuance(t, IssuerRef{})
	i.see(t.Context())
	certificate := serving(t, c)
	certificate.Spec.DNSNames = []string{"elsewhere"}
	if err := c.Update(t.Context(), certificate); err != nil {
		t.Fatal(err)
	}
	i.see(t.Context())
	if diff := cmp.Diff([]string{serviceName}, serving(t, c).Spec.DNSNames); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
}

func TestAnIssuerOfTheClusterIsUsed(t *testing.T) {
	issuer, err := ParseIssuer("ClusterIssuer/corporate")
	if err != nil {
		t.Fatal(err)
	}
	i, c := newTestIssuance(t, issuer)
	i.see(t.Context())
	if ref := serving(t, c).Spec.IssuerRef; ref.Kind != "ClusterIssuer" || ref.Name != "corporate" {
		t.Errorf("issuer: %+v", ref)
	}
	var issuers certmanagerv1.IssuerList
	if err := c.List(t.Context(), &issuers); err != nil || len(issuers.Items) != 0 {
		t.Errorf("issuers of kroguard's own: %d, %v", len(issuers.Items), err)
	}
}

func TestParseIssuer(t *testing.T) {
	for text, want := range map[string]string{
		"": "/", "name": "Issuer/name", "Issuer/name": "Issuer/name", "ClusterIssuer/name": "ClusterIssuer/name",
		"Other/name": "error", "Issuer/": "error", "Issuer/a/b": "error",
	} {
		issuer, err := ParseIssuer(text)
		got := issuer.Kind + "/" + issuer.Name
		if err != nil {
			got = "error"
		}
		if got != want {
			t.Errorf("ParseIssuer(%q) = %s, want %s", text, got, want)
		}
	}
}

func TestAProvidedSecretIsNeverWrittenAndWhatItLacksIsNamed(t *testing.T) {
	c := fake.NewClientBuilder().Build()
	k := newKeeper(t, c)
	k.provider = Provided
	check := func(want string) {
		t.Helper()
		if _, err := k.Reconcile(t.Context(), ofSecret); err != nil {
			t.Fatal(err)
		}
		if err := k.source.Check(nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Check: %v, want %q", err, want)
		}
	}
	check("Secret kroguard-system/kroguard-webhook-cert does not exist: create it with tls.crt, tls.key and ca.crt")
	data := issue(t, time.Now(), serviceName)
	if err := c.Create(t.Context(), secret(without(data, "ca.crt"))); err != nil {
		t.Fatal(err)
	}
	check("Secret kroguard-system/kroguard-webhook-cert has no ca.crt: add it")
	if err := c.Update(t.Context(), secret(data)); err != nil {
		t.Fatal(err)
	}
	if _, err := k.Reconcile(t.Context(), ofSecret); err != nil {
		t.Fatal(err)
	}
	if err := k.source.Check(nil); err != nil {
		t.Errorf("Check: %v", err)
	}
}
