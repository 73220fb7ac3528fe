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

// The permission can't be limited to the one Secret: cert-controller's own cache lists all of kroguard's namespace.
//
// +kubebuilder:rbac:groups="",namespace=kroguard-system,resources=secrets,verbs=list;watch;create;update

// keeper follows the Secret: what is in it is served, and where it is gone it is made anew.
type keeper struct {
	reader client.Reader
	writer client.Writer
	key    types.NamespacedName
	dir    string
	source *Source
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
			return reconcile.Result{}, k.create(ctx)
		}
		return reconcile.Result{}, fmt.Errorf("reading Secret %s: %w", k.key, err)
	}
	changed, err := k.source.load(secret.Data)
	if err != nil {
		// The certificate in use stays; cert-controller replaces a broken one, which is the next event.
		return reconcile.Result{}, fmt.Errorf("loading Secret %s: %w", k.key, err)
	}
	current := k.source.current.Load()
	if changed {
		log.FromContext(ctx).Info("serving a new certificate", "notAfter", current.certificate.Leaf.NotAfter)
		k.source.notify()
	}
	if current == k.written {
		return reconcile.Result{}, nil
	}
	if err := writeFiles(k.dir, current); err != nil {
		return reconcile.Result{}, err
	}
	k.written = current
	return reconcile.Result{}, nil
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
