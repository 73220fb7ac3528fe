package controller

import (
	"context"
	"errors"
	"fmt"
	"time"

	runtimeschema "k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/util/retry"

	"github.com/kroguard/kroguard/internal/registration"
)

// ErrReservedGroup says that kroguard never intercepts a group, so that instances in it could not be judged.
var ErrReservedGroup = errors.New("the group belongs to Kubernetes or to kroguard: choose another one for spec.schema.group")

// EnsureRule returns nil once the API server sends instances of the resource to kroguard: both webhook configurations have had
// a rule for it for the settle time. Where they have none, it writes them itself, as the watch would be too late: between the
// admission of a CRD and its first instance may be milliseconds. It waits as long as ctx allows.
//
// An error means that the CRD must not be let in. It says so to kro, which tries again; but for ErrReservedGroup, against which
// trying does not help. With dryRun nothing is written and nothing waited for: what a real request would do is not in doubt.
func (r *WebhookConfigurationReconciler) EnsureRule(ctx context.Context, resource runtimeschema.GroupResource, dryRun bool) error {
	switch {
	case resource.Group == registration.KroGroup:
		return nil // the static rule
	case registration.Reserved(resource.Group):
		return fmt.Errorf("%s: %w", resource, ErrReservedGroup)
	case r.certificates.CABundle() == nil:
		return fmt.Errorf("%w: try again", errNoBundle)
	case dryRun:
		return nil
	}
	err := retry.OnError(retry.DefaultBackoff, lostRace, func() error {
		_, err := r.ensure(ctx, r.live, []runtimeschema.GroupResource{resource}, nil)
		return err
	})
	if err != nil {
		return fmt.Errorf("the webhook configurations can't be written, try again: %w", err)
	}
	return r.settle(ctx, resource)
}

// settle waits until the rule has been in place for the settle time.
func (r *WebhookConfigurationReconciler) settle(ctx context.Context, resource runtimeschema.GroupResource) error {
	r.mu.Lock()
	since, ok := r.observations.since[resource]
	r.mu.Unlock()
	if !ok {
		// A watch that lags behind took the rule for gone.
		since = time.Now()
	}
	left := time.Until(since.Add(r.settleTime))
	if left <= 0 {
		return nil
	}
	timer := time.NewTimer(left)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("the rule for %s is written and about to be in force, try again: %w", resource, ctx.Err())
	}
}
