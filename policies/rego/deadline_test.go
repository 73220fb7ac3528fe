package rego

import (
	"context"
	"errors"
	"runtime"
	"sync/atomic"
	"testing"
	"time"
)

// block is work that ends when release is closed and no earlier.
func block(release <-chan struct{}) func(context.Context) (int, error) {
	return func(context.Context) (int, error) {
		<-release
		return 1, nil
	}
}

func TestWorkThatDoesNotStopIsGivenUpAndCounted(t *testing.T) {
	t.Parallel()
	var stuck atomic.Int32
	impatient := bound{work: "evaluation", limit: time.Millisecond, grace: time.Millisecond, stuck: &stuck}
	patient := bound{work: "evaluation", limit: time.Hour, grace: time.Hour, stuck: &stuck}
	release := make(chan struct{})
	for i := range int32(maxStuck) {
		_, err := runBounded(context.Background(), impatient, block(release))
		if !errors.As(err, new(*DeadlineError)) {
			t.Fatalf("got %v, want a DeadlineError", err)
		}
		if got := stuck.Load(); got != i+1 {
			t.Fatalf("%d runs are stuck, want %d", got, i+1)
		}
	}

	_, err := runBounded(context.Background(), patient, block(release))
	const want = "evaluation not begun: 4 earlier ones ran over their deadline and have not stopped yet"
	if !errors.As(err, new(*StuckError)) || err.Error() != want {
		t.Fatalf("got %v, want %q", err, want)
	}

	close(release)
	for stuck.Load() > 0 {
		runtime.Gosched()
	}
	got, err := runBounded(context.Background(), patient, block(release))
	if got != 1 || err != nil {
		t.Errorf("got %d, %v after the stuck runs stopped; want 1", got, err)
	}
}

func TestRun(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	expired, cancel := context.WithDeadline(context.Background(), time.Unix(0, 0))
	defer cancel()
	tests := map[string]struct {
		ctx     context.Context
		limit   time.Duration
		work    func(context.Context) (int, error)
		want    int
		wantErr string
	}{
		"a value is passed on": {
			work: func(context.Context) (int, error) { return 7, nil },
			want: 7,
		},
		"a value is passed on beside an error": {
			work:    func(context.Context) (int, error) { return 7, broken },
			want:    7,
			wantErr: "broken",
		},
		"work that stops at the deadline keeps its value": {
			limit:   time.Millisecond,
			work:    func(ctx context.Context) (int, error) { <-ctx.Done(); return 7, ctx.Err() },
			want:    7,
			wantErr: "evaluation took longer than 1ms",
		},
		"an error of its own is not taken for the deadline's": {
			limit:   time.Millisecond,
			work:    func(ctx context.Context) (int, error) { <-ctx.Done(); return 7, broken },
			want:    7,
			wantErr: "broken",
		},
		"a deadline that has passed": {
			ctx:     expired,
			work:    func(ctx context.Context) (int, error) { return 0, ctx.Err() },
			wantErr: "evaluation took longer than 0s",
		},
		"a panic is an error": {
			work:    func(context.Context) (int, error) { panic("boom") },
			wantErr: "evaluation failed within the Rego engine: boom",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if test.ctx == nil {
				test.ctx = context.Background()
			}
			if test.limit == 0 {
				test.limit = time.Hour
			}
			var stuck atomic.Int32
			got, err := runBounded(test.ctx, bound{work: "evaluation", limit: test.limit, grace: time.Hour, stuck: &stuck}, test.work)
			text := ""
			if err != nil {
				text = err.Error()
			}
			if got != test.want || text != test.wantErr || stuck.Load() != 0 {
				t.Errorf("got %d, %q, %d stuck; want %d, %q, none stuck", got, text, stuck.Load(), test.want, test.wantErr)
			}
		})
	}
}

func TestPanicKeepsItsStackApart(t *testing.T) {
	t.Parallel()
	b := bound{work: "evaluation", limit: time.Hour, grace: time.Hour, stuck: new(atomic.Int32)}
	_, err := runBounded(context.Background(), b, func(context.Context) (int, error) { panic("boom") })
	var panicked *PanicError
	if !errors.As(err, &panicked) || panicked.Value != "boom" || len(panicked.Stack) == 0 {
		t.Errorf("got %#v, want a PanicError with value and stack", err)
	}
}
