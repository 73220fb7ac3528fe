package apiserver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/kroguard/kroguard/test/bench/report"
	"github.com/kroguard/kroguard/test/bench/sets"
	"github.com/kroguard/kroguard/test/controlplane"
	"github.com/kroguard/kroguard/test/e2e/harness"
)

// What kroguard aims at.
const (
	maxResident = 64 << 20
	maxReady    = 500 * time.Millisecond
)

// Options say how much to measure.
type Options struct {
	// Rounds is the number of requests of each kind whose time is taken.
	Rounds int
	// Requests is the number of requests over which processor time is taken.
	Requests int
	// Restarts is how often kroguard is started.
	Restarts int
	// Progress is told what is going on.
	Progress io.Writer
}

// Run starts a control plane and kroguard, measures and returns the tables.
func Run(ctx context.Context, options Options) (tables []*report.Table, err error) {
	say := func(format string, args ...any) { fmt.Fprintf(options.Progress, format+"\n", args...) }
	say("starting kube-apiserver, etcd and kro ...")
	plane, err := controlplane.Start(ctx, controlplane.Options{})
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			say("logs: %s", plane.KeepLogs())
		}
		err = errors.Join(err, plane.Stop())
	}()
	h, err := harness.New(ctx, plane)
	if err != nil {
		return nil, err
	}
	set, _, err := entries()
	if err != nil {
		return nil, err
	}
	m := &measurement{Harness: h, options: options, set: set, say: say, targets: targets()}
	return m.run(ctx)
}

type measurement struct {
	*harness.Harness
	options  Options
	set      *sets.Set
	say      func(format string, args ...any)
	targets  []target
	requests *requester
	kroguard *harness.Kroguard
}

func (m *measurement) run(ctx context.Context) ([]*report.Table, error) {
	m.say("starting kroguard ...")
	first, err := m.start(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = m.kroguard.Kill() }()
	m.say("publishing 2 offerings, 100 guardrails and 50 ValidatingAdmissionPolicies ...")
	nothing := startNoop()
	defer nothing.server.Close()
	if err := errors.Join(publish(ctx, m.Harness), nothing.register(ctx, m.Client)); err != nil {
		return nil, err
	}
	if m.requests, err = newRequester(m.RESTConfig()); err != nil {
		return nil, err
	}
	if err := errors.Join(waitCompiled(ctx, m.Harness), m.requests.waitGoverned(ctx, m.set, m.targets)); err != nil {
		return nil, err
	}
	ready, err := m.restart(ctx)
	if err != nil {
		return nil, err
	}
	if err := m.requests.waitGoverned(ctx, m.set, m.targets); err != nil {
		return nil, err
	}
	idle, err := resident(m.kroguard.PID())
	if err != nil {
		return nil, err
	}
	latency, err := m.latency(ctx)
	if err != nil {
		return nil, err
	}
	// The pair is called twice for each request, and was for as many as the others.
	if calls := nothing.calls.Load(); calls < int64(2*m.options.Rounds) {
		return nil, fmt.Errorf("the no-op webhooks were called %d times only", calls)
	}
	tables, err := m.footprint(latency, first, ready, idle)
	if err != nil {
		return nil, err
	}
	enforced, err := m.enforcement(ctx)
	if err != nil || len(enforced) == 0 {
		return tables, err
	}
	last := tables[len(tables)-1]
	last.Rows = append(last.Rows, []string{
		fmt.Sprintf("apply of a guardrail to its first refusal, median of %d (%s .. %s)", len(enforced),
			milliseconds(enforced[0]), milliseconds(enforced[len(enforced)-1])),
		milliseconds(percentile(enforced, 50)), "", "",
	})
	return tables, nil
}

// start starts kroguard and returns how long it took until it was ready.
func (m *measurement) start(ctx context.Context) (time.Duration, error) {
	const every = 2 * time.Millisecond
	started := time.Now()
	var err error
	if m.kroguard, err = m.StartKroguard(harness.KroguardOptions{}); err != nil {
		return 0, err
	}
	for !m.kroguard.Ready(ctx) {
		if time.Since(started) > settleTimeout {
			return 0, fmt.Errorf("kroguard is not ready:\n%s", m.kroguard.LogTail())
		}
		time.Sleep(every)
	}
	return time.Since(started), nil
}

// restart restarts kroguard some times and returns how long it took until it was ready, sorted. Certificate and webhook
// configuration are there by then, as when a Pod is replaced.
func (m *measurement) restart(ctx context.Context) ([]time.Duration, error) {
	var times []time.Duration
	for i := range m.options.Restarts {
		m.say("restarting kroguard with 100 guardrails, %d of %d ...", i+1, m.options.Restarts)
		if err := m.kroguard.Kill(); err != nil {
			return nil, err
		}
		took, err := m.start(ctx)
		if err != nil {
			return nil, err
		}
		times = append(times, took)
	}
	slices.Sort(times)
	return times, nil
}

// latency is the table of requests.
func (m *measurement) latency(ctx context.Context) (*report.Table, error) {
	const warmUp = 30
	if _, err := m.requests.alternate(ctx, m.set, m.targets, warmUp); err != nil {
		return nil, err
	}
	m.say("%d requests of each kind, in turns ...", m.options.Rounds)
	times, err := m.requests.alternate(ctx, m.set, m.targets, m.options.Rounds)
	if err != nil {
		return nil, err
	}
	table := &report.Table{
		Title:  "A dry-run create of an instance, one at a time; processor seconds for 1,000 of them:",
		Header: []string{"admission", "p50", "p90", "p50 added", "kube-apiserver", "kroguard"},
	}
	for i := range m.targets {
		t := &m.targets[i]
		m.say("%d requests: %s ...", m.options.Requests, t.name)
		server, webhook, err := m.processors(ctx, t)
		if err != nil {
			return nil, err
		}
		row := []string{t.name, milliseconds(percentile(times[i], 50)), milliseconds(percentile(times[i], 90)),
			milliseconds(percentile(times[i], 50) - percentile(times[0], 50)), fmt.Sprintf("%.1f s", server), ""}
		if t.webhook {
			row[5] = fmt.Sprintf("%.1f s", webhook)
		}
		table.Rows = append(table.Rows, row)
	}
	return table, nil
}

// processors is what 1,000 requests take of processors, in seconds, in the API server and in kroguard.
func (m *measurement) processors(ctx context.Context, t *target) (server, webhook float64, err error) {
	pids := []int{m.PID(controlplane.APIServer), m.kroguard.PID()}
	used := make([]float64, len(pids))
	for i, pid := range pids {
		before, err := cpuTime(pid)
		if err != nil {
			return 0, 0, err
		}
		used[i] = -before.Seconds()
	}
	if err := m.requests.repeat(ctx, m.set, t, m.options.Requests); err != nil {
		return 0, 0, err
	}
	for i, pid := range pids {
		after, err := cpuTime(pid)
		if err != nil {
			return 0, 0, err
		}
		used[i] = (used[i] + after.Seconds()) * 1000 / float64(m.options.Requests)
	}
	return used[0], used[1], nil
}

// footprint is the table of the process, behind that of the requests.
func (m *measurement) footprint(latency *report.Table, first time.Duration, ready []time.Duration, idle memory) ([]*report.Table, error) {
	after, err := resident(m.kroguard.PID())
	if err != nil {
		return nil, err
	}
	table := &report.Table{
		Title:  "kroguard with 100 guardrails and 2 offerings:",
		Header: []string{"what", "measured", "target", ""},
		Rows: [][]string{
			{"resident memory, before the requests", mebibytes(idle.now), mebibytes(maxResident), met(idle.now < maxResident)},
			{"resident memory, after the requests", mebibytes(after.now), mebibytes(maxResident), met(after.now < maxResident)},
			{"of it without the pages of the executable", mebibytes(after.own), "", ""},
			{"resident memory, at most", mebibytes(after.most), "", ""},
			{"start to ready, the certificate to be issued and no guardrails", milliseconds(first), "", ""},
		},
	}
	if len(ready) > 0 {
		median := percentile(ready, 50)
		table.Rows = append(table.Rows, []string{
			fmt.Sprintf("start to ready, median of %d (%s .. %s)", len(ready), milliseconds(ready[0]), milliseconds(ready[len(ready)-1])),
			milliseconds(median), milliseconds(maxReady), met(median < maxReady),
		})
	}
	return []*report.Table{latency, table}, nil
}

func percentile(sorted []time.Duration, p int) time.Duration { return sorted[(len(sorted)-1)*p/100] }

func milliseconds(d time.Duration) string { return fmt.Sprintf("%.1f ms", d.Seconds()*1000) }

func mebibytes(n int64) string { return fmt.Sprintf("%.0f MiB", float64(n)/(1<<20)) }

func met(ok bool) string {
	if ok {
		return "met"
	}
	return "not met"
}
