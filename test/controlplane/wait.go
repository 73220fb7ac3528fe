package controlplane

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/kroguard/kroguard/test/controlplane/internal/process"
)

const (
	// readyTimeout is many times what a part takes on an idle machine. It is no measure of speed, only
	// an end to waiting for something that will not come.
	readyTimeout = 2 * time.Minute
	// readyInterval adds little to the start and leaves the processor to what is starting.
	readyInterval = 50 * time.Millisecond

	// checkTimeout ends one question, as a server that is just starting may accept and never answer.
	checkTimeout = 5 * time.Second
	// shownBody is how many bytes of a refusal an error carries; /readyz lists its failed checks.
	shownBody = 2 << 10
)

// waitReady polls until a process is ready, and gives up as soon as the process ends.
func waitReady(ctx context.Context, running *process.Process, ready func(context.Context) error) error {
	err := poll(ctx, running.Done(), ready)
	if errors.Is(err, errGone) {
		return fmt.Errorf("ended before it was ready: %w", ending(running))
	}
	return err
}

// errGone is what poll returns once gone is closed.
var errGone = errors.New("gone")

// poll calls check until it succeeds, gone is closed, ctx ends or readyTimeout passes.
func poll(ctx context.Context, gone <-chan struct{}, check func(context.Context) error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, readyTimeout, fmt.Errorf("not ready after %s", readyTimeout))
	defer cancel()
	for {
		err := check(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-gone:
			return errGone
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", context.Cause(ctx), err)
		case <-time.After(readyInterval):
		}
	}
}

// getOK succeeds if the URL answers with status 200.
func getOK(ctx context.Context, client *http.Client, url string) error {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, shownBody))
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s: %s", url, response.Status, strings.TrimSpace(string(body)))
	}
	return nil
}
