package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestTallyCountsEachCaseOnce(t *testing.T) {
	cases := map[string]struct {
		events string
		want   Part
	}{
		"a test without subtests counts": {
			events: `{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"pass","Package":"p","Test":"TestA"}
{"Action":"pass","Package":"p"}`,
			want: Part{Counts: Counts{Passed: 1}, Packages: []Package{{Path: "p", Counts: Counts{Passed: 1}}}},
		},
		"a test with subtests counts by them, at any depth": {
			events: `{"Action":"pass","Package":"p","Test":"TestA/x/1"}
{"Action":"pass","Package":"p","Test":"TestA/x/2"}
{"Action":"skip","Package":"p","Test":"TestA/y"}
{"Action":"pass","Package":"p","Test":"TestA/x"}
{"Action":"pass","Package":"p","Test":"TestA"}
{"Action":"pass","Package":"p"}`,
			want: Part{
				Counts:   Counts{Passed: 2, Skipped: 1},
				Packages: []Package{{Path: "p", Counts: Counts{Passed: 2, Skipped: 1}}},
			},
		},
		"a failing subtest is one failure, not also its parents'": {
			events: `{"Action":"fail","Package":"p","Test":"TestA/x"}
{"Action":"fail","Package":"p","Test":"TestA"}
{"Action":"fail","Package":"p"}`,
			want: Part{
				Counts:   Counts{Failed: 1},
				Packages: []Package{{Path: "p", Counts: Counts{Failed: 1}}},
				Failures: []string{"p TestA/x"},
			},
		},
		"a test that fails after its subtests passed is a failure": {
			events: `{"Action":"pass","Package":"p","Test":"TestA/x"}
{"Action":"fail","Package":"p","Test":"TestA"}
{"Action":"fail","Package":"p"}`,
			want: Part{
				Counts:   Counts{Passed: 1, Failed: 1},
				Packages: []Package{{Path: "p", Counts: Counts{Passed: 1, Failed: 1}}},
				Failures: []string{"p TestA"},
			},
		},
		"a package that does not compile is a failure": {
			events: `{"ImportPath":"p [p.test]","Action":"build-output","Output":"x.go:1: no\n"}
{"ImportPath":"p [p.test]","Action":"build-fail"}
{"Action":"fail","Package":"p","FailedBuild":"p [p.test]"}`,
			want: Part{
				Counts:   Counts{Failed: 1},
				Packages: []Package{{Path: "p", Counts: Counts{Failed: 1}}},
				Failures: []string{"p"},
			},
		},
		"a test that never ends failed": {
			events: `{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"fail","Package":"p"}`,
			want: Part{
				Counts:   Counts{Failed: 1},
				Packages: []Package{{Path: "p", Counts: Counts{Failed: 1}}},
				Failures: []string{"p TestA"},
			},
		},
		"a package whose events stop is a failure": {
			events: `{"Action":"start","Package":"p"}
{"Action":"pass","Package":"p","Test":"TestA"}`,
			want: Part{
				Counts:   Counts{Passed: 1, Failed: 1},
				Packages: []Package{{Path: "p", Counts: Counts{Passed: 1, Failed: 1}}},
				Failures: []string{"p"},
			},
		},
		"a package without tests is left out": {
			events: `{"Action":"skip","Package":"p"}`,
			want:   Part{},
		},
		"what is no event is let through": {
			events: "go: downloading\n",
			want:   Part{},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			tally := newTally()
			if err := tally.read(strings.NewReader(c.events), false, &bytes.Buffer{}); err != nil {
				t.Fatal(err)
			}
			c.want.Name, c.want.Tests = "unit", true
			if diff := cmp.Diff(c.want, tally.part("unit", false)); diff != "" {
				t.Errorf("part (-want +got):\n%s", diff)
			}
		})
	}
}

func TestFailuresAreShownWithTheirOutput(t *testing.T) {
	events := `{"ImportPath":"b [b.test]","Action":"build-output","Output":"x.go:1: undefined: y\n"}
{"ImportPath":"b [b.test]","Action":"build-fail"}
{"Action":"output","Package":"a","Test":"TestGood","Output":"not shown\n"}
{"Action":"pass","Package":"a","Test":"TestGood"}
{"Action":"output","Package":"a","Test":"TestBad","Output":"want 1, got 2\n"}
{"Action":"fail","Package":"a","Test":"TestBad"}
{"Action":"fail","Package":"a","Elapsed":1.5}
{"Action":"fail","Package":"b","FailedBuild":"b [b.test]"}`
	want := `FAIL a: 1 passed, 1 failed in 1.5s
want 1, got 2
FAIL b: 0 passed, 1 failed in 0s
x.go:1: undefined: y
`
	var out bytes.Buffer
	if err := newTally().read(strings.NewReader(events), false, &out); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("output (-want +got):\n%s", diff)
	}
}

func TestReport(t *testing.T) {
	parts := []Part{
		{Name: "unit tests", Tests: true, Counts: Counts{Passed: 3, Failed: 1}, Failures: []string{"p TestA/x"}, Took: 12 * time.Second},
		{
			Name: "end to end", Tests: true, Real: true, Counts: Counts{Passed: 2}, Took: 90 * time.Second,
			Packages: []Package{{Path: "e2e/crds", Counts: Counts{Passed: 2}, Took: 89 * time.Second}},
		},
		{Name: "gofmt", Counts: Counts{Passed: 1}, Took: 100 * time.Millisecond},
		{Name: "govulncheck", Counts: Counts{Skipped: 1}},
	}
	dir := t.TempDir()
	for i, p := range parts {
		if err := p.save(dir, time.Unix(int64(i), 0)); err != nil {
			t.Fatal(err)
		}
	}
	want := `PART         PASSED  FAILED  SKIPPED  TOOK
unit tests   3       1       0        12s
end to end   2       0       0        1m30s
gofmt        1       0       0        100ms
govulncheck  0       0       1        0s

On the real control plane (kube-apiserver, etcd, kro):
  e2e/crds  2 passed, 0 failed  1m29s

Failed:
  p TestA/x

Each test case counts once (a test with subtests by its subtests), each check once.
6 passed, 1 failed, 1 skipped
`
	var out bytes.Buffer
	if err := report(dir, &out); !errors.Is(err, errFailed) {
		t.Errorf("error %v, want %v", err, errFailed)
	}
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("report (-want +got):\n%s", diff)
	}
}

func TestReportOfNothingFails(t *testing.T) {
	if err := report(filepath.Join(t.TempDir(), "none"), &bytes.Buffer{}); err == nil || errors.Is(err, errFailed) {
		t.Errorf("error %v, want one that says that nothing ran", err)
	}
}

func TestAPartThatRunsAgainReplacesItsResult(t *testing.T) {
	dir := t.TempDir()
	for i, counts := range []Counts{{Failed: 1}, {Passed: 1}} {
		if err := (Part{Name: "go vet (.)", Counts: counts}).save(dir, time.Unix(int64(i), 0)); err != nil {
			t.Fatal(err)
		}
	}
	got, err := load(dir)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]Part{{Name: "go vet (.)", Counts: Counts{Passed: 1}}}, got); diff != "" {
		t.Errorf("parts (-want +got):\n%s", diff)
	}
}

// programEnv makes the test binary a program that prints the text and exits with the code it is given: "3 text".
const programEnv = "SUMMARY_TEST_PROGRAM"

func TestMain(m *testing.M) {
	if program, ok := os.LookupEnv(programEnv); ok {
		var code int
		var text string
		if _, err := fmt.Sscanf(program, "%d %q", &code, &text); err != nil {
			panic(err)
		}
		fmt.Print(text)
		os.Exit(code)
	}
	os.Exit(m.Run())
}

func TestRunKeepsWhatCameOfACommand(t *testing.T) {
	const passing = `{"Action":"pass","Package":"p","Test":"TestA"}` + "\n" + `{"Action":"pass","Package":"p"}` + "\n"
	packages := []Package{{Path: "p", Counts: Counts{Passed: 1}}}
	self := os.Args[0]
	cases := map[string]struct {
		command string
		exit    int
		prints  string
		want    Part
		wantErr error
	}{
		"a step that ends well passed": {
			command: "step", want: Part{Counts: Counts{Passed: 1}},
		},
		"a step that exits with 77 was skipped": {
			command: "step", exit: 77, want: Part{Counts: Counts{Skipped: 1}},
		},
		"a step that exits with anything else failed": {
			command: "step", exit: 1, wantErr: errFailed,
			want: Part{Counts: Counts{Failed: 1}, Failures: []string{"it: exit status 1"}},
		},
		"tests that pass": {
			command: "test", prints: passing,
			want: Part{Tests: true, Counts: Counts{Passed: 1}, Packages: packages},
		},
		"tests that pass under a command that fails": {
			command: "test", exit: 2, prints: passing, wantErr: errFailed,
			want: Part{
				Tests: true, Counts: Counts{Passed: 1, Failed: 1}, Packages: packages,
				Failures: []string{self + ": exit status 2"},
			},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			t.Setenv(programEnv, fmt.Sprintf("%d %q", c.exit, c.prints))
			err := run(t.Context(), []string{c.command, "-name", "it", "-results", dir, "--", self}, &bytes.Buffer{})
			if !errors.Is(err, c.wantErr) {
				t.Errorf("error %v, want %v", err, c.wantErr)
			}
			got, err := load(dir)
			if err != nil {
				t.Fatal(err)
			}
			for i := range got {
				got[i].Took = 0
			}
			c.want.Name = "it"
			if diff := cmp.Diff([]Part{c.want}, got); diff != "" {
				t.Errorf("parts (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRunNamesWhatIsMissing(t *testing.T) {
	for _, args := range [][]string{nil, {"step"}, {"step", "-name", "x"}, {"dance", "-name", "x", "--", "y"}} {
		if err := run(t.Context(), args, &bytes.Buffer{}); err == nil || errors.Is(err, errFailed) {
			t.Errorf("%q: error %v, want one that says what to do", args, err)
		}
	}
}
