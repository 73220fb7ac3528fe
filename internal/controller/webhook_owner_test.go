package controller

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/kroguard/kroguard/internal/review"
)

func ownerRole(uid types.UID) *rbacv1.ClusterRole {
	return &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: "kroguard", UID: uid}}
}

func newOwnedReconciler(t *testing.T, c client.Client) *WebhookConfigurationReconciler {
	t.Helper()
	r := newReconciler(t, c)
	r.owner = "kroguard"
	r.store.Publish(&review.Snapshot{})
	return r
}

// ownersIn are the owners of both configurations.
func ownersIn(t *testing.T, c client.Client) (mutating, validating []metav1.OwnerReference) {
	t.Helper()
	current, err := read(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return current.mutating.OwnerReferences, current.validating.OwnerReferences
}

func ownerReference(uid types.UID) metav1.OwnerReference {
	return metav1.OwnerReference{APIVersion: "rbac.authorization.k8s.io/v1", Kind: "ClusterRole", Name: "kroguard", UID: uid}
}

// validatingReference refers to the validating configuration, to which the fake client gives no UID.
func validatingReference() metav1.OwnerReference {
	return metav1.OwnerReference{APIVersion: "admissionregistration.k8s.io/v1", Kind: "ValidatingWebhookConfiguration", Name: "kroguard"}
}

// reconciled reconciles until there is nothing to do: creating goes in steps.
func reconciled(t *testing.T, r *WebhookConfigurationReconciler) {
	t.Helper()
	for range 3 {
		if _, err := r.Reconcile(t.Context(), everything()); err != nil {
			t.Fatal(err)
		}
	}
}

// The mutating configuration goes after the validating one, which insists on what it injects.
func TestTheClusterRoleOwnsTheConfigurations(t *testing.T) {
	c := newClient(t, ownerRole("first"))
	reconciled(t, newOwnedReconciler(t, c))
	mutating, validating := ownersIn(t, c)
	want := [][]metav1.OwnerReference{{validatingReference()}, {ownerReference("first")}}
	if diff := cmp.Diff(want, [][]metav1.OwnerReference{mutating, validating}); diff != "" {
		t.Errorf("owners (-want +got):\n%s", diff)
	}
}

// A reference to an owner that is gone would have the garbage collector delete the configurations again and again.
func TestAnOwnerOfAnEarlierInstallationIsReplacedAndOthersStay(t *testing.T) {
	c := newClient(t, ownerRole("first"))
	reconciled(t, newOwnedReconciler(t, c))
	current, err := read(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	other := metav1.OwnerReference{APIVersion: "v1", Kind: "Namespace", Name: "elsewhere", UID: "other"}
	current.mutating.OwnerReferences = append(current.mutating.OwnerReferences, other)
	if err := c.Update(t.Context(), current.mutating); err != nil {
		t.Fatal(err)
	}
	if err := c.Delete(t.Context(), ownerRole("first")); err != nil {
		t.Fatal(err)
	}
	if err := c.Create(t.Context(), ownerRole("second")); err != nil {
		t.Fatal(err)
	}

	reconciled(t, newOwnedReconciler(t, c)) // a new process
	mutating, validating := ownersIn(t, c)
	want := [][]metav1.OwnerReference{{other, validatingReference()}, {ownerReference("second")}}
	if diff := cmp.Diff(want, [][]metav1.OwnerReference{mutating, validating}); diff != "" {
		t.Errorf("owners (-want +got):\n%s", diff)
	}
}

func TestConfigurationsDontComeBackWithoutTheirOwner(t *testing.T) {
	c := newClient(t, ownerRole("first"))
	r := newOwnedReconciler(t, c)
	reconciled(t, r)
	uninstall(t, c)
	_, err := r.Reconcile(t.Context(), everything())
	if !errors.Is(err, errNoOwner) || !strings.Contains(err.Error(), "there is no ClusterRole kroguard") {
		t.Errorf("got %v", err)
	}
	if current, err := read(t.Context(), c); err != nil || !current.upToDate() {
		t.Errorf("after the owner was deleted: %+v, %v", current, err)
	}
}

func TestAReplacedOwnerIsFoundWhenTheConfigurationsAreGone(t *testing.T) {
	c := newClient(t, ownerRole("first"))
	r := newOwnedReconciler(t, c)
	reconciled(t, r)
	uninstall(t, c)
	if err := c.Create(t.Context(), ownerRole("second")); err != nil {
		t.Fatal(err)
	}
	reconciled(t, r)
	_, validating := ownersIn(t, c)
	if diff := cmp.Diff([]metav1.OwnerReference{ownerReference("second")}, validating); diff != "" {
		t.Errorf("owners (-want +got):\n%s", diff)
	}
}

// uninstall deletes the first owner, and what it owns, as the garbage collector does.
func uninstall(t *testing.T, c client.Client) {
	t.Helper()
	current, err := read(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	for _, object := range append(current.objects(), ownerRole("first")) {
		if err := c.Delete(t.Context(), object); err != nil {
			t.Fatal(err)
		}
	}
}
