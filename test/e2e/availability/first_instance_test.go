package availability

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// newRGDs is how many brand-new RGDs are followed by their first instance, and atOnce how many of them at the same time.
const (
	newRGDs = 50
	atOnce  = 5
)

// TestTheFirstInstanceOfABrandNewRGDNeverGetsInUnjudged asks for an instance from the moment on that its RGD is applied, over
// and over, so that the very first request that the API server can serve is among them. Groups alternate: kro.run has a static
// rule, each other group is new to the webhook configuration.
func TestTheFirstInstanceOfABrandNewRGDNeverGetsInUnjudged(t *testing.T) {
	replica(t, "first-instance")
	publish(t, noHuge)
	h.MustRun(t, "", "wait", "--for=condition=Ready", "--timeout="+eventually.String(), "guardrail/no-huge")
	rounds := make(chan int)
	var workers sync.WaitGroup
	for range atOnce {
		workers.Go(func() {
			for round := range rounds {
				if err := brandNew(t.Context(), round); err != nil {
					t.Errorf("round %d: %v", round, err)
				}
			}
		})
	}
	for round := range newRGDs {
		rounds <- round
	}
	close(rounds)
	workers.Wait()
}

// brandNew applies an RGD of a kind and, every other time, of a group that nobody has seen before, and asks for an instance.
func brandNew(ctx context.Context, round int) error {
	group, kind, name := "kro.run", fmt.Sprintf("First%d", round), fmt.Sprintf("first-%d", round)
	if round%2 == 1 {
		group = fmt.Sprintf("g%d.example.com", round)
	}
	answer, err := h.Run(ctx, rgd(name, group, kind), "apply", "--server-side", "-f", "-")
	if err != nil {
		return err
	}
	if !answer.OK {
		return errors.New(answer.Text)
	}
	if err := firstRefusal(ctx, group, kind); err != nil {
		return fmt.Errorf("%s in group %s: %w", kind, group, err)
	}
	_, err = h.Run(ctx, "", "delete", "rgd", name, "--wait=false")
	return err
}

// firstRefusal creates an instance that violates a guardrail as soon as the API server knows the kind, and returns nil when it
// is refused by kroguard.
func firstRefusal(parent context.Context, group, kind string) error {
	ctx, cancel := context.WithTimeout(parent, 60*time.Second)
	defer cancel()
	for {
		err := h.Client.Create(ctx, instance(group, kind, "first", "huge"), client.DryRunAll)
		switch {
		case err == nil:
			return errors.New("an instance got in unjudged")
		case apierrors.IsForbidden(err) && strings.Contains(err.Error(), "no-huge"):
			return nil
		case apierrors.IsNotFound(err), meta.IsNoMatchError(err):
			continue // the kind is not served yet
		case ctx.Err() != nil:
			return fmt.Errorf("the kind was not served in time: %w", err)
		default:
			return fmt.Errorf("refused, but not for the guardrail's reason: %w", err)
		}
	}
}
