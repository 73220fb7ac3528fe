package certs

import (
	"context"
	"errors"
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation"
)

// Provider is who issues the serving certificate.
type Provider string

// The providers.
const (
	// SelfSigned is kroguard itself, by open-policy-agent/cert-controller.
	SelfSigned Provider = "self-signed"
	// CertManager is cert-manager, which kroguard asks for a Certificate.
	CertManager Provider = "cert-manager"
	// Provided is somebody who keeps the Secret.
	Provided Provider = "provided"
)

// Providers are all providers.
func Providers() []Provider { return []Provider{SelfSigned, CertManager, Provided} }

// Options say where the certificate is kept and which names it is for.
type Options struct {
	// Namespace and SecretName name the Secret. The Secret is kroguard's alone.
	Namespace, SecretName string
	// DNSNames are the names that the API server may call the webhook server by: service.namespace.svc, or localhost. At
	// least one.
	DNSNames []string
	// Provider is who issues the certificate; empty stands for SelfSigned.
	Provider Provider
	// Issuer is the issuer that cert-manager uses; the zero value has kroguard make one, with a CA of its own.
	Issuer IssuerRef
	// Owner is what the garbage collector removes the Secret with; nil for nothing. It is asked before the Secret is created.
	Owner func(context.Context) (*metav1.OwnerReference, error)
	// Dir is where the certificate's files are written, readable by the own user only; empty stands for a temporary
	// directory that is removed at the end.
	Dir string
}

// Complete reports every option that can't be used.
func (o *Options) Complete() error {
	var errs []error
	if o.Provider == "" {
		o.Provider = SelfSigned
	}
	if !slices.Contains(Providers(), o.Provider) {
		errs = append(errs, fmt.Errorf("provider: %q is none of %v", o.Provider, Providers()))
	}
	if o.Issuer != (IssuerRef{}) && o.Provider != CertManager {
		errs = append(errs, fmt.Errorf("issuer: %s is for provider %s", o.Issuer.Name, CertManager))
	}
	if problems := validation.IsDNS1123Label(o.Namespace); len(problems) > 0 {
		errs = append(errs, fmt.Errorf("namespace %q: %s", o.Namespace, problems[0]))
	}
	if problems := validation.IsDNS1123Subdomain(o.SecretName); len(problems) > 0 {
		errs = append(errs, fmt.Errorf("secretName %q: %s", o.SecretName, problems[0]))
	}
	if len(o.DNSNames) == 0 {
		errs = append(errs, errors.New("dnsNames: at least one name is needed"))
	}
	for _, name := range o.DNSNames {
		if problems := validation.IsDNS1123Subdomain(name); len(problems) > 0 {
			errs = append(errs, fmt.Errorf("dnsNames: %q: %s", name, problems[0]))
		}
	}
	return errors.Join(errs...)
}

func (o *Options) secretKey() types.NamespacedName {
	return types.NamespacedName{Namespace: o.Namespace, Name: o.SecretName}
}
