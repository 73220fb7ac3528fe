package apiserver

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kroguard/kroguard/policies/v1alpha1"
)

// enforcement is how long it takes from asking the API server to create a guardrail until an instance is refused by it, sorted. All
// other guardrails are there; the resolution is that of a request.
func (m *measurement) enforcement(ctx context.Context) ([]time.Duration, error) {
	t := m.judged()
	if t == nil {
		return nil, errors.New("no kind is judged by kroguard")
	}
	text, err := body(m.set, t, nil)
	if err != nil {
		return nil, err
	}
	var times []time.Duration
	for i := range m.options.Restarts {
		m.say("creating a guardrail, %d of %d ...", i+1, m.options.Restarts)
		guardrail := &v1alpha1.Guardrail{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("enforcement-%d", i)}}
		guardrail.Spec.CEL = &v1alpha1.CELPolicy{Validations: []v1alpha1.CELValidation{{Expression: "1 == 2", Message: guardrail.Name}}}
		started := time.Now()
		if err := m.Client.Create(ctx, guardrail); err != nil {
			return nil, err
		}
		if err := m.until(ctx, t, text, guardrail.Name, true); err != nil {
			return nil, err
		}
		times = append(times, time.Since(started))
		if err := m.Client.Delete(ctx, guardrail); err != nil {
			return nil, err
		}
		if err := m.until(ctx, t, text, guardrail.Name, false); err != nil {
			return nil, err
		}
	}
	slices.Sort(times)
	return times, nil
}

// judged is the first kind that kroguard judges.
func (m *measurement) judged() *target {
	for i := range m.targets {
		if m.targets[i].webhook && m.targets[i].governed {
			return &m.targets[i]
		}
	}
	return nil
}

// until asks for an instance, over and over, until the guardrail refuses it or no longer does.
func (m *measurement) until(ctx context.Context, t *target, text []byte, guardrail string, refused bool) error {
	for started := time.Now(); ; {
		status, answer, _, err := m.requests.create(ctx, t, text)
		if err != nil {
			return err
		}
		if refused == (status == http.StatusForbidden && bytes.Contains(answer, []byte(guardrail))) {
			return nil
		}
		if time.Since(started) > settleTimeout {
			return fmt.Errorf("guardrail %s: %d: %.300s", guardrail, status, answer)
		}
	}
}
