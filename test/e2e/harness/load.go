package harness

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
)

// writers is how many clients write at the same time.
const writers = 4

// Load is a steady stream of requests that must all succeed.
type Load struct {
	stop   context.CancelFunc
	done   sync.WaitGroup
	count  atomic.Int64
	failed sync.Map // error text -> nil
}

// StartLoad has several writers make one request after another until End. The request gets the number of its writer and its own.
func StartLoad(ctx context.Context, request func(ctx context.Context, writer, n int) error) *Load {
	l := new(Load)
	ctx, l.stop = context.WithCancel(ctx)
	for writer := range writers {
		l.done.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				err := request(ctx, writer, n)
				if ctx.Err() != nil {
					return
				}
				l.count.Add(1)
				if err != nil {
					l.failed.Store(err.Error(), nil)
				}
			}
		})
	}
	return l
}

// End stops the load, and fails the test if a request failed or there was none. It says what went on meanwhile.
func (l *Load) End(tb testing.TB, during string) {
	tb.Helper()
	l.stop()
	l.done.Wait()
	tb.Logf("%s: %d requests", during, l.count.Load())
	if l.count.Load() == 0 {
		tb.Errorf("%s: there was no load", during)
	}
	l.failed.Range(func(text, _ any) bool {
		tb.Errorf("%s: a request failed: %s", during, text)
		return true
	})
}
