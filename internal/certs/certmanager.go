package certs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	certmanagerv1 "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	cmmeta "github.com/cert-manager/cert-manager/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/manager"
)

const (
	// issuanceEvery is how often the objects are looked at: a permission to watch them is not worth a second.
	issuanceEvery = 15 * time.Second
	// issuanceRetry is how often while the certificate is not there yet.
	issuanceRetry = time.Second

	// Lifetimes. A CA lives long: each new one is a rotation of what API servers trust.
	authorityDuration    = 5 * 365 * 24 * time.Hour
	authorityRenewBefore = 365 * 24 * time.Hour
	servingDuration      = 90 * 24 * time.Hour
	servingRenewBefore   = 30 * 24 * time.Hour
)

// Names of the objects, all in kroguard's namespace.
const (
	nameSelfSigned = "kroguard-self-signed"
	nameAuthority  = "kroguard-ca"
	nameServing    = "kroguard-webhook"
)

// IssuerRef names an issuer of cert-manager.
type IssuerRef struct {
	// Kind is Issuer or ClusterIssuer.
	Kind, Name string
}

// ParseIssuer reads "name", "Issuer/name" or "ClusterIssuer/name"; empty is no issuer.
func ParseIssuer(text string) (IssuerRef, error) {
	if text == "" {
		return IssuerRef{}, nil
	}
	kind, name, found := strings.Cut(text, "/")
	if !found {
		kind, name = certmanagerv1.IssuerKind, text
	}
	if kind != certmanagerv1.IssuerKind && kind != certmanagerv1.ClusterIssuerKind || name == "" || strings.Contains(name, "/") {
		return IssuerRef{}, fmt.Errorf("%q is neither Issuer/name nor ClusterIssuer/name", text)
	}
	return IssuerRef{Kind: kind, Name: name}, nil
}

// issuance has cert-manager issue the serving certificate. Every replica sees to it; what each wants is the same.
type issuance struct {
	reader  client.Reader
	writer  client.Writer
	options Options
	source  *Source
	// told is the state that was last logged.
	told string
}

var _ manager.LeaderElectionRunnable = (*issuance)(nil)

func newIssuance(mgr manager.Manager, options Options, source *Source) *issuance {
	return &issuance{reader: mgr.GetAPIReader(), writer: mgr.GetClient(), options: options, source: source}
}

// NeedLeaderElection implements manager.LeaderElectionRunnable.
func (*issuance) NeedLeaderElection() bool { return false }

// Start implements manager.Runnable.
func (i *issuance) Start(ctx context.Context) error {
	for {
		wait := issuanceEvery
		if problem := i.see(ctx); problem != "" {
			wait = issuanceRetry
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
	}
}

// see makes the objects as they should be, and returns why the certificate is not issued; empty where it is.
func (i *issuance) see(ctx context.Context) string {
	problem, err := i.ensure(ctx)
	switch {
	case meta.IsNoMatchError(err):
		problem = "cert-manager is not installed: install it, or have kroguard issue its certificate itself (--certificates " +
			string(SelfSigned) + ")"
	case apierrors.IsForbidden(err):
		problem = fmt.Sprintf("kroguard may not ask cert-manager for a certificate: %v; give it the permissions of config/certificates", err)
	case err != nil:
		problem = fmt.Sprintf("cert-manager can't be asked for a certificate: %v", err)
	}
	i.source.wait(problem)
	if problem != i.told {
		i.told = problem
		if problem == "" {
			log.FromContext(ctx).Info("cert-manager has issued the serving certificate")
		} else {
			log.FromContext(ctx).Info("waiting for the serving certificate", "reason", problem)
		}
	}
	return problem
}

// ensure makes the objects as they should be and reads the Certificate's condition.
func (i *issuance) ensure(ctx context.Context) (problem string, err error) {
	for _, object := range i.objects() {
		if err := i.apply(ctx, object); err != nil {
			return "", err
		}
	}
	serving := &certmanagerv1.Certificate{}
	if err := i.reader.Get(ctx, client.ObjectKey{Namespace: i.options.Namespace, Name: nameServing}, serving); err != nil {
		return "", err
	}
	return notReady(serving), nil
}

// notReady is what the conditions of a Certificate say of why it is not issued; empty where it is.
func notReady(certificate *certmanagerv1.Certificate) string {
	var said []string
	for _, condition := range certificate.Status.Conditions {
		switch {
		case condition.Type == certmanagerv1.CertificateConditionReady && condition.Status == cmmeta.ConditionTrue:
			return ""
		case condition.Type == certmanagerv1.CertificateConditionIssuing || condition.Type == certmanagerv1.CertificateConditionReady:
			said = append(said, condition.Reason+": "+condition.Message)
		}
	}
	if len(said) == 0 {
		said = append(said, "cert-manager has not looked at it yet")
	}
	return fmt.Sprintf("Certificate %s/%s is not issued: %s; see kubectl -n %s describe certificate %s",
		certificate.Namespace, certificate.Name, strings.Join(said, "; "), certificate.Namespace, certificate.Name)
}

// apply creates an object, or makes its spec as it should be.
func (i *issuance) apply(ctx context.Context, want client.Object) error {
	have, ok := want.DeepCopyObject().(client.Object)
	if !ok {
		return errors.New("no object")
	}
	switch err := i.reader.Get(ctx, client.ObjectKeyFromObject(want), have); {
	case apierrors.IsNotFound(err):
		if i.options.Owner != nil {
			owner, err := i.options.Owner(ctx)
			if err != nil {
				return err
			}
			want.SetOwnerReferences([]metav1.OwnerReference{*owner})
		}
		err := i.writer.Create(ctx, want)
		if apierrors.IsAlreadyExists(err) {
			return nil // another replica was first
		}
		return err
	case err != nil:
		return err
	}
	if !adopt(have, want) {
		return nil
	}
	if err := i.writer.Update(ctx, have); err != nil && !apierrors.IsConflict(err) {
		return err
	}
	return nil
}

// adopt makes the spec of have that of want and reports whether it differed. What cert-manager defaults is set in want.
func adopt(have, want client.Object) bool {
	switch want := want.(type) {
	case *certmanagerv1.Issuer:
		have, ok := have.(*certmanagerv1.Issuer)
		if !ok || equality.Semantic.DeepEqual(have.Spec, want.Spec) {
			return false
		}
		have.Spec = want.Spec
	case *certmanagerv1.Certificate:
		have, ok := have.(*certmanagerv1.Certificate)
		if !ok || equality.Semantic.DeepDerivative(want.Spec, have.Spec) {
			return false
		}
		have.Spec = want.Spec
	}
	return true
}

// objects are what cert-manager is asked for, in the order in which they depend on each other.
func (i *issuance) objects() []client.Object {
	serving := i.certificate(nameServing, certmanagerv1.CertificateSpec{
		SecretName:  i.options.SecretName,
		DNSNames:    i.options.DNSNames,
		Duration:    &metav1.Duration{Duration: servingDuration},
		RenewBefore: &metav1.Duration{Duration: servingRenewBefore},
		Usages:      []certmanagerv1.KeyUsage{certmanagerv1.UsageDigitalSignature, certmanagerv1.UsageServerAuth},
		IssuerRef: cmmeta.IssuerReference{
			Kind: cmp.Or(i.options.Issuer.Kind, certmanagerv1.IssuerKind), Name: cmp.Or(i.options.Issuer.Name, nameAuthority),
			Group: "cert-manager.io",
		},
	})
	if i.options.Issuer != (IssuerRef{}) {
		return []client.Object{serving}
	}
	return []client.Object{
		i.issuer(nameSelfSigned, certmanagerv1.IssuerConfig{SelfSigned: &certmanagerv1.SelfSignedIssuer{}}),
		i.certificate(nameAuthority, certmanagerv1.CertificateSpec{
			IsCA:        true,
			CommonName:  authorityName,
			SecretName:  nameAuthority,
			Duration:    &metav1.Duration{Duration: authorityDuration},
			RenewBefore: &metav1.Duration{Duration: authorityRenewBefore},
			IssuerRef:   cmmeta.IssuerReference{Kind: certmanagerv1.IssuerKind, Name: nameSelfSigned, Group: "cert-manager.io"},
		}),
		i.issuer(nameAuthority, certmanagerv1.IssuerConfig{CA: &certmanagerv1.CAIssuer{SecretName: nameAuthority}}),
		serving,
	}
}

func (i *issuance) issuer(name string, config certmanagerv1.IssuerConfig) *certmanagerv1.Issuer {
	return &certmanagerv1.Issuer{ObjectMeta: i.meta(name), Spec: certmanagerv1.IssuerSpec{IssuerConfig: config}}
}

func (i *issuance) certificate(name string, spec certmanagerv1.CertificateSpec) *certmanagerv1.Certificate {
	spec.PrivateKey = &certmanagerv1.CertificatePrivateKey{
		Algorithm: certmanagerv1.ECDSAKeyAlgorithm, Size: 256, RotationPolicy: certmanagerv1.RotationPolicyAlways,
	}
	return &certmanagerv1.Certificate{ObjectMeta: i.meta(name), Spec: spec}
}

func (i *issuance) meta(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: i.options.Namespace, Name: name, Labels: map[string]string{"app.kubernetes.io/name": "kroguard"}}
}
