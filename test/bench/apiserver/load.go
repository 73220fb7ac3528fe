package apiserver

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"k8s.io/client-go/rest"

	"github.com/kroguard/kroguard/test/bench/sets"
)

const (
	// settleTimeout is how long everything may take until it is in force.
	settleTimeout = 90 * time.Second
	pollEvery     = 100 * time.Millisecond
)

// requester creates objects, dry, one after the other on one connection.
type requester struct {
	client *http.Client
	host   string
}

func newRequester(config *rest.Config) (*requester, error) {
	client, err := rest.HTTPClientFor(config)
	return &requester{client: client, host: config.Host}, err
}

// create creates an object, dry, and returns the status, the answer and how long it took.
func (r *requester) create(ctx context.Context, t *target, body []byte) (int, []byte, time.Duration, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, r.host+t.path+"?dryRun=All&fieldManager=kubectl", bytes.NewReader(body))
	if err != nil {
		return 0, nil, 0, err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Accept", "application/json")
	started := time.Now()
	response, err := r.client.Do(request)
	if err != nil {
		return 0, nil, 0, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	return response.StatusCode, answer, time.Since(started), err
}

// mustCreate is create where anything but success is an error.
func (r *requester) mustCreate(ctx context.Context, t *target, body []byte) (time.Duration, error) {
	status, answer, took, err := r.create(ctx, t, body)
	if err == nil && status != http.StatusCreated {
		err = fmt.Errorf("%s: %d: %s", t.name, status, answer)
	}
	return took, err
}

// waitGoverned returns when the policies refuse what they should, on every kind that they judge, and nothing else: so nobody is
// fast because nothing is in force.
func (r *requester) waitGoverned(ctx context.Context, set *sets.Set, list []target) error {
	for i := range list {
		good, err := body(set, &list[i], nil)
		if err != nil {
			return err
		}
		bad, err := body(set, &list[i], func(spec map[string]any) { spec["replicas"] = 100_000 })
		if err != nil {
			return err
		}
		if err := eventually(ctx, func(ctx context.Context) error {
			if _, err := r.mustCreate(ctx, &list[i], good); err != nil {
				return err
			}
			status, answer, _, err := r.create(ctx, &list[i], bad)
			switch {
			case err != nil:
				return err
			case list[i].governed && (status < 400 || !bytes.Contains(answer, []byte("100000"))):
				return fmt.Errorf("%s: what no policy allows is answered %d: %.300s", list[i].name, status, answer)
			case !list[i].governed && status != http.StatusCreated:
				return fmt.Errorf("%s: %d: %.300s", list[i].name, status, answer)
			}
			return nil
		}); err != nil {
			return err
		}
	}
	return nil
}

// alternate sends rounds requests to each kind, in turns, and returns the times by kind, sorted.
func (r *requester) alternate(ctx context.Context, set *sets.Set, list []target, rounds int) ([][]time.Duration, error) {
	bodies := make([][]byte, len(list))
	times := make([][]time.Duration, len(list))
	for i := range list {
		var err error
		if bodies[i], err = body(set, &list[i], nil); err != nil {
			return nil, err
		}
	}
	for round := range rounds {
		for turn := range list {
			i := (round + turn) % len(list)
			took, err := r.mustCreate(ctx, &list[i], bodies[i])
			if err != nil {
				return nil, err
			}
			times[i] = append(times[i], took)
		}
	}
	for i := range times {
		slices.Sort(times[i])
	}
	return times, nil
}

// repeat sends requests to one kind.
func (r *requester) repeat(ctx context.Context, set *sets.Set, t *target, requests int) error {
	text, err := body(set, t, nil)
	if err != nil {
		return err
	}
	for range requests {
		if _, err := r.mustCreate(ctx, t, text); err != nil {
			return err
		}
	}
	return nil
}

// eventually tries until there is no error, and returns the last where that takes too long.
func eventually(ctx context.Context, try func(ctx context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, settleTimeout)
	defer cancel()
	for {
		err := try(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case <-time.After(pollEvery):
		}
	}
}
