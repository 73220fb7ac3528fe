package binaries

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/term"
)

const (
	// On a terminal the line is redrawn every second; elsewhere, in the log of a CI job, a line now
	// and then shows that something still happens.
	terminalInterval = time.Second
	logInterval      = 20 * time.Second

	// eraseLine returns to the line's first column and clears it.
	eraseLine = "\r\x1b[K"
)

// progress tells on one line, or a few, that something is being built and for how long.
type progress struct {
	out      io.Writer
	what     string
	terminal bool
	started  time.Time
	stop     chan struct{}
	stopped  sync.WaitGroup
}

func startProgress(out io.Writer, what string) *progress {
	p := &progress{out: out, what: what, started: time.Now(), stop: make(chan struct{})}
	interval := logInterval
	if f, ok := out.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		p.terminal, interval = true, terminalInterval
	}
	p.say("building %s", p.what)
	p.stopped.Go(func() { p.tick(interval) })
	return p
}

func (p *progress) tick(interval time.Duration) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-p.stop:
			return
		case <-ticker.C:
			p.say("building %s, %s so far", p.what, p.elapsed())
		}
	}
}

// finish says how it ended.
func (p *progress) finish(err error) {
	close(p.stop)
	p.stopped.Wait()
	if err != nil {
		p.say("could not build %s (%s)", p.what, p.elapsed())
	} else {
		p.say("built %s in %s", p.what, p.elapsed())
	}
	if p.terminal {
		fmt.Fprintln(p.out)
	}
}

func (p *progress) elapsed() time.Duration {
	return time.Since(p.started).Round(time.Second / 10)
}

func (p *progress) say(format string, args ...any) {
	start, end := "", "\n"
	if p.terminal {
		start, end = eraseLine, ""
	}
	fmt.Fprintf(p.out, start+"controlplane: "+format+end, args...)
}
