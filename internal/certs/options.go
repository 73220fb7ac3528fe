package certs

import (
	"context"
	"errors"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation"
)

// Options say where the certificate is kept and which names it is for.
type Options struct {
	// Namespace and SecretName name the Secret. The Secret is kroguard's alone.
	Namespace, SecretName string
	// DNSNames are the names that the API server may call the webhook server by: service.namespace.svc, or localhost. At
	// least one.
	DNSNames []string
	// Owner is what the garbage collector removes the Secret with; nil for nothing. It is asked before the Secret is created.
	Owner func(context.Context) (*metav1.OwnerReference, error)
	// Dir is where the certificate's files are written, readable by the own user only; empty stands for a temporary
	// directory that is removed at the end.
	Dir string
}

// Complete reports every option that can't be used.
func (o *Options) Complete() error {
	var errs []error
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
