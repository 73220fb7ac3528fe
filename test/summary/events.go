package main

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// event is one line of `go test -json`, as `go doc test2json` and `go help buildjson` describe it.
type event struct {
	Action, Package, Test, Output, ImportPath, FailedBuild string
	// Elapsed is in seconds.
	Elapsed float64
}

// tally adds up the events of one `go test -json`.
//
// A test with subtests is not counted beside them, or each failing case would count twice; it counts where it fails although
// no subtest of it does. A package that fails without a failing test (it does not compile, panics, runs out of time) counts as
// one failure.
type tally struct {
	packages map[string]*packageTally
	// builds is what the compiler said, by import path.
	builds map[string]*strings.Builder
}

type packageTally struct {
	// tests has the last action of each test: run, pass, fail or skip.
	tests map[string]string
	// output is that of each test, and of the package itself under "".
	output map[string]*strings.Builder
	// action is empty until the package ends.
	action, failedBuild string
	took                time.Duration
}

func newTally() *tally {
	return &tally{packages: map[string]*packageTally{}, builds: map[string]*strings.Builder{}}
}

// add takes an event and reports whether it ended a package.
func (t *tally) add(e event) (ended bool) {
	if e.ImportPath != "" {
		if e.Action == "build-output" {
			appendOutput(t.builds, e.ImportPath, e.Output)
		}
		return false
	}
	if e.Package == "" {
		return false
	}
	p := t.packages[e.Package]
	if p == nil {
		p = &packageTally{tests: map[string]string{}, output: map[string]*strings.Builder{}}
		t.packages[e.Package] = p
	}
	switch e.Action {
	case "output":
		appendOutput(p.output, e.Test, e.Output)
	case "run", "pass", "fail", "skip":
		if e.Test != "" {
			p.tests[e.Test] = e.Action
			return false
		}
		if e.Action == "run" {
			return false
		}
		p.action, p.failedBuild = e.Action, e.FailedBuild
		p.took = time.Duration(e.Elapsed * float64(time.Second))
		return true
	}
	return false
}

func appendOutput(to map[string]*strings.Builder, key, text string) {
	if to[key] == nil {
		to[key] = &strings.Builder{}
	}
	to[key].WriteString(text)
}

// result counts a package's tests and names those that failed, sorted. The names are those of tests, or "" for the package.
func (p *packageTally) result() (Counts, []string) {
	var counts Counts
	var failed []string
	parents, failing := map[string]bool{}, map[string]bool{}
	for name, action := range p.tests {
		for parent := parentOf(name); parent != ""; parent = parentOf(parent) {
			parents[parent] = true
			failing[parent] = failing[parent] || isFailure(action)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(p.tests)) {
		action := p.tests[name]
		switch {
		case parents[name] && (failing[name] || !isFailure(action)):
		case isFailure(action):
			counts.Failed++
			failed = append(failed, name)
		case action == "skip":
			counts.Skipped++
		default:
			counts.Passed++
		}
	}
	if p.action != "pass" && p.action != "skip" && len(failed) == 0 {
		counts.Failed++
		failed = append(failed, "")
	}
	return counts, failed
}

// isFailure is true for a test that failed, and for one that began and did not end: its process died.
func isFailure(action string) bool {
	return action == "fail" || action == "run"
}

// parentOf returns the test that a subtest belongs to, or "".
func parentOf(test string) string {
	if i := strings.LastIndexByte(test, '/'); i >= 0 {
		return test[:i]
	}
	return ""
}

// part makes the sum of all packages.
func (t *tally) part(name string, onPlane bool) Part {
	part := Part{Name: name, Tests: true, Real: onPlane}
	for _, path := range slices.Sorted(maps.Keys(t.packages)) {
		p := t.packages[path]
		counts, failed := p.result()
		if counts == (Counts{}) {
			continue
		}
		part.add(counts)
		part.Packages = append(part.Packages, Package{Path: path, Counts: counts, Took: p.took})
		for _, test := range failed {
			part.Failures = append(part.Failures, strings.TrimSuffix(path+" "+test, " "))
		}
	}
	return part
}
