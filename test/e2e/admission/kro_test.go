package admission

import (
	"context"
	"fmt"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kroguard/kroguard/test/e2e/harness"
)

// takenUp returns when kro has put its finalizer on a widget.
func takenUp(t *testing.T, name string) {
	t.Helper()
	harness.Eventually(t, eventually, func(context.Context) error {
		if get(t, name).GetFinalizers() == nil {
			return fmt.Errorf("kro has not taken up %s", name)
		}
		return nil
	})
}

// remove deletes a widget and returns when kro has finalized it.
func remove(t *testing.T, name string) {
	t.Helper()
	if err := h.Client.Delete(t.Context(), widget(name, nil)); err != nil {
		t.Fatal(err)
	}
	harness.Eventually(t, eventually, func(ctx context.Context) error {
		err := h.Client.Get(ctx, types.NamespacedName{Namespace: "payments-dev", Name: name}, widget(name, nil))
		if !apierrors.IsNotFound(err) {
			return fmt.Errorf("kro has not finalized %s: %w", name, err)
		}
		return nil
	})
}
