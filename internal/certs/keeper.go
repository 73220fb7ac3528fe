package certs

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// That of the self-signed provider; the others need less, and config/certificates has it. The permission can't be limited to the one
// Secret: cert-controller's own cache lists all of kroguard's namespace.
//
// +kubebuilder:rbac:groups="",namespace=kroguard-system,resources=secrets,verbs=list;watch;create;update

// keeper follows the Secret: what is in it is served, and where it is gone it is made anew.
type keeper struct {
	reader client.Reader
	writer client.Writer
	key    types.NamespacedName
	dir    string
	// provider is who writes the Secret.
	provider Provider
	source   *Source
	// owner is Options.Owner.
	owner func(context.Context) (*metav1.OwnerReference, error)
	// written is what the files hold; only Reconcile touches it, which runs once at a time.
	written *material
}

var _ reconcile.Reconciler = (*keeper)(nil)

// Reconcile implements reconcile.Reconciler for the one Secret.
func (k *keeper) Reconcile(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
	if request.NamespacedName != k.key {
		return reconcile.Result{}, nil
	}
	secret := &corev1.Secret{}
	if err := k.reader.Get(ctx, k.key, secret); err != nil {
		if apierrors.IsNotFound(err) {
			return reconcile.Result{}, k.missing(ctx)
		}
		return reconcile.Result{}, fmt.Errorf("reading Secret %s: %w", k.key, err)
	}
	if lacking := k.lacking(secret.Data); lacking != "" {
		k.source.wait(lacking)
		log.FromContext(ctx).Info("waiting for the serving certificate", "reason", lacking)
	}
	changed, err := k.source.load(secret.Data)
	if err != nil {
		// The certificate in use stays; cert-controller replaces a broken one, which is the next event.
		k.source.wait(fmt.Sprintf("Secret %s: %s", k.key, err))
		return reconcile.Result{}, fmt.Errorf("loading Secret %s: %w", k.key, err)
	}
	if changed {
		k.source.wait("")
		if next := k.source.next.Load(); next != nil {
			log.FromContext(ctx).Info("a certificate of another authority is served once API servers know that",
				"notAfter", next.certificate.Leaf.NotAfter)
		} else {
			log.FromContext(ctx).Info("serving a new certificate", "notAfter", k.source.current.Load().certificate.Leaf.NotAfter)
		}
		k.source.notify()
	}
	current := k.source.current.Load()
	if current == nil || current == k.written {
		return reconcile.Result{}, nil
	}
	if err := writeFiles(k.dir, current); err != nil {
		return reconcile.Result{}, err
	}
	k.written = current
	return reconcile.Result{}, nil
}

// missing deals with a Secret that is not there.
func (k *keeper) missing(ctx context.Context) error {
	if k.provider == SelfSigned {
		return k.create(ctx)
	}
	if k.provider == Provided {
		k.source.wait(k.absent())
	}
	return nil
}

// absent says that the Secret of somebody else is not there.
func (k *keeper) absent() string {
	return fmt.Sprintf("Secret %s does not exist: create it with tls.crt, tls.key and ca.crt", k.key)
}

// lacking says what the Secret of somebody else lacks; empty for nothing.
func (k *keeper) lacking(data map[string][]byte) string {
	if k.provider != Provided {
		return ""
	}
	for _, key := range []string{keyCertificate, keyPrivateKey, keyAuthority} {
		if len(data[key]) == 0 {
			return fmt.Sprintf("Secret %s has no %s: add it (tls.crt and tls.key are the pair to serve, ca.crt what API servers are to trust)",
				k.key, key)
		}
	}
	return ""
}

// create makes the empty Secret that cert-controller fills in. Another replica may be first.
func (k *keeper) create(ctx context.Context) error {
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: k.key.Namespace,
			Name:      k.key.Name,
			Labels:    map[string]string{"app.kubernetes.io/name": "kroguard"},
		},
		Type: corev1.SecretTypeOpaque,
	}
	if k.owner != nil {
		owner, err := k.owner(ctx)
		if err != nil {
			return fmt.Errorf("creating Secret %s: %w", k.key, err)
		}
		secret.OwnerReferences = []metav1.OwnerReference{*owner}
	}
	if err := k.writer.Create(ctx, secret); err != nil && !apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("creating Secret %s: %w", k.key, err)
	}
	return nil
}
