package policies

import (
	"context"
	"time"
)

// timeoutSlack is by how much a guardrail's time may fall short of GuardrailTimeout: guardrails that follow each other this fast
// share one context, since making one takes as long as evaluating a guardrail.
const timeoutSlack = GuardrailTimeout / 100

// watch gives each guardrail of a review its time, and says how much it took. The end of one guardrail is the beginning of the next,
// so that there is one reading of the clock for each. It is for one goroutine.
type watch struct {
	parent  context.Context
	started time.Time
	// read is the last reading, since started.
	read time.Duration

	ctx    context.Context
	cancel context.CancelFunc
	made   time.Duration
}

func newWatch(ctx context.Context) *watch { return &watch{parent: ctx, started: time.Now()} }

// context is the next guardrail's.
func (w *watch) context() context.Context {
	if w.ctx == nil || w.read-w.made > timeoutSlack {
		w.stop()
		w.ctx, w.cancel = context.WithTimeout(w.parent, GuardrailTimeout)
		w.made = w.read
	}
	return w.ctx
}

// lap is the time since the last lap.
func (w *watch) lap() time.Duration {
	before := w.read
	w.read = time.Since(w.started)
	return w.read - before
}

func (w *watch) stop() {
	if w.cancel != nil {
		w.cancel()
	}
}
