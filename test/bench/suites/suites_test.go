//go:build gatekeeper_cel

package suites_test

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/go-logr/logr"
	"github.com/open-policy-agent/gatekeeper/v3/pkg/gator"
	"github.com/open-policy-agent/gatekeeper/v3/pkg/gator/verify"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/kroguard/kroguard/policies/cel"
	"github.com/kroguard/kroguard/policies/gatekeeper"
	"github.com/kroguard/kroguard/policies/gatekeeper/suite"
	"github.com/kroguard/kroguard/policies/rego"
)

// more names further folders, separated as in PATH, whose suites are compared too.
const more = "KROGUARD_SUITES"

// folders are where suites are: ours, Gatekeeper's own, and those that the environment names.
func folders(t *testing.T) []string {
	t.Helper()
	list := []string{"../../../policies/gatekeeper/testdata"}
	out, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "github.com/open-policy-agent/gatekeeper/v3").Output()
	if err != nil {
		t.Fatalf("where is Gatekeeper's module: %v", err)
	}
	list = append(list, filepath.Join(strings.TrimSpace(string(out)), "test", "gator", "verify"))
	list = append(list, filepath.SplitList(os.Getenv(more))...)
	for i := range list {
		if list[i], err = filepath.Abs(list[i]); err != nil {
			t.Fatal(err)
		}
	}
	return list
}

// pair runs suites by both.
type pair struct {
	files  fs.FS
	theirs *verify.Runner
	ours   *suite.Runner
}

func newPair(t *testing.T) *pair {
	t.Helper()
	log.SetLogger(logr.Discard()) // Gatekeeper's
	driver, err := cel.New()
	if err != nil {
		t.Fatal(err)
	}
	compiler, err := gatekeeper.NewCompiler(driver, rego.New(rego.Options{}))
	if err != nil {
		t.Fatal(err)
	}
	files := os.DirFS("/")
	theirs, err := verify.NewRunner(files, func(options ...gator.Opt) (gator.Client, error) {
		return gator.NewOPAClient(false, append(options, gator.WithK8sCEL())...)
	})
	if err != nil {
		t.Fatal(err)
	}
	return &pair{files: files, theirs: theirs, ours: &suite.Runner{Compiler: compiler}}
}

// suites reads the suites of a folder by both.
func (p *pair) suites(t *testing.T, folder string) ([]*suite.Suite, []*verify.Suite) {
	t.Helper()
	ours, err := suite.Find(folder + "/...")
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := verify.ReadSuites(p.files, strings.TrimPrefix(folder, "/"), folder, true)
	if err != nil {
		t.Fatal(err)
	}
	if len(ours) != len(theirs) || len(ours) == 0 {
		t.Fatalf("%s: kroguard finds %d suites, Gatekeeper %d", folder, len(ours), len(theirs))
	}
	for i := range ours {
		if ours[i].Path != "/"+theirs[i].AbsolutePath {
			t.Fatalf("%s: suite %d is %s for kroguard, /%s for Gatekeeper", folder, i, ours[i].Path, theirs[i].AbsolutePath)
		}
	}
	return ours, theirs
}

// TestSuitesEndAsInGatekeeper runs each suite as it is: what passes, fails and is skipped there does so here.
func TestSuitesEndAsInGatekeeper(t *testing.T) {
	p := newPair(t)
	for _, folder := range folders(t) {
		ours, theirs := p.suites(t, folder)
		for i := range ours {
			name, err := filepath.Rel(folder, ours[i].Path)
			if err != nil {
				t.Fatal(err)
			}
			t.Run(name, func(t *testing.T) {
				got, err := p.ours.Run(t.Context(), ours[i])
				if err != nil {
					t.Fatal(err)
				}
				want := p.theirs.Run(t.Context(), everything(t), theirs[i])
				compareSuites(t, got, &want)
			})
		}
	}
}

func everything(t *testing.T) verify.Filter {
	t.Helper()
	filter, err := verify.NewFilter("")
	if err != nil {
		t.Fatal(err)
	}
	return filter
}

func compareSuites(t *testing.T, got *suite.Result, want *verify.SuiteResult) {
	t.Helper()
	if got.Skipped != want.Skipped || len(got.Tests) != len(want.TestResults) {
		t.Fatalf("kroguard ran %d tests (skipped: %t), Gatekeeper %d (skipped: %t)",
			len(got.Tests), got.Skipped, len(want.TestResults), want.Skipped)
	}
	for i := range got.Tests {
		g, w := &got.Tests[i], &want.TestResults[i]
		if g.Name != w.Name || g.Skipped != w.Skipped || (g.Error != "") != (w.Error != nil) || len(g.Cases) != len(w.CaseResults) {
			t.Errorf("test %q:\nkroguard: %d cases, skipped: %t, error: %s\nGatekeeper: %d cases, skipped: %t, error: %v",
				g.Name, len(g.Cases), g.Skipped, g.Error, len(w.CaseResults), w.Skipped, w.Error)
			continue
		}
		for j := range g.Cases {
			g, w := &g.Cases[j], &w.CaseResults[j]
			if g.Name != w.Name || g.Skipped != w.Skipped || (g.Error != "") != (w.Error != nil) {
				t.Errorf("test %q, case %q:\nkroguard: skipped: %t, error: %s\nGatekeeper: skipped: %t, error: %v",
					got.Tests[i].Name, g.Name, g.Skipped, g.Error, w.Skipped, w.Error)
			}
		}
	}
}

// TestViolationsAreGatekeepers judges the object of every case of all suites by the constraints of every test, and has Gatekeeper assert
// each message that kroguard finds, and how many there are.
func TestViolationsAreGatekeepers(t *testing.T) {
	p := newPair(t)
	for _, folder := range folders(t) {
		ours, theirs := p.suites(t, folder)
		objects := objectsOf(ours)
		judged, violations := 0, 0
		for i := range ours {
			for j := range ours[i].Tests {
				test := ours[i].Tests[j]
				if ours[i].Skip || test.Skip || test.Invalid {
					continue
				}
				test.Cases = crossed(filepath.Dir(ours[i].Path), test.Cases, objects)
				got, err := p.ours.Run(t.Context(), &suite.Suite{Path: ours[i].Path, Tests: []suite.Test{test}})
				if err != nil {
					t.Fatal(err)
				}
				asserting := *theirs[i]
				asserting.Tests = []verify.Test{theirs[i].Tests[j]}
				asserting.Tests[0].Cases = asserted(&test, &got.Tests[0])
				want := p.theirs.Run(t.Context(), everything(t), &asserting)
				compareViolations(t, ours[i].Path, &got.Tests[0], &want.TestResults[0])
				for k := range got.Tests[0].Cases {
					judged++
					violations += len(got.Tests[0].Cases[k].Violations)
				}
			}
		}
		t.Logf("%s: %d objects judged, %d violations", folder, judged, violations)
		if judged == 0 || violations == 0 {
			t.Errorf("%s: nothing was judged, or nothing found", folder)
		}
	}
}

// objectsOf are the files of all objects that suites judge.
func objectsOf(suites []*suite.Suite) []string {
	var files []string
	for _, s := range suites {
		for i := range s.Tests {
			for j := range s.Tests[i].Cases {
				if c := &s.Tests[i].Cases[j]; c.Object != "" && !c.Skip {
					files = append(files, filepath.Join(filepath.Dir(s.Path), c.Object))
				}
			}
		}
	}
	slices.Sort(files)
	return slices.Compact(files)
}

// crossed are the cases of a test, and one for each object without inventory. A case that asserts nothing here still ends.
func crossed(folder string, cases []suite.Case, objects []string) []suite.Case {
	anything := []suite.Assertion{{Violations: ptr.To(intstr.FromString("no")), Message: ptr.To("^no violation says so$")}}
	var list []suite.Case
	for _, c := range cases {
		if !c.Skip && c.Object != "" {
			c.Assertions = anything
			list = append(list, c)
		}
	}
	for _, object := range objects {
		relative, err := filepath.Rel(folder, object)
		if err != nil {
			panic(err)
		}
		list = append(list, suite.Case{Name: relative, Object: relative, Assertions: anything})
	}
	return list
}

// asserted are Gatekeeper's cases that assert what kroguard found.
func asserted(test *suite.Test, result *suite.TestResult) []*verify.Case {
	cases := make([]*verify.Case, len(test.Cases))
	for i, c := range test.Cases {
		cases[i] = &verify.Case{Name: c.Name, Object: c.Object, Inventory: c.Inventory}
		var found []string
		if i < len(result.Cases) {
			found = result.Cases[i].Violations
		}
		cases[i].Assertions = append(cases[i].Assertions, verify.Assertion{Violations: ptr.To(intstr.FromInt(len(found)))})
		for _, message := range found {
			if isOwnError(message) {
				continue
			}
			number := 0
			for _, other := range found {
				if other == message {
					number++
				}
			}
			cases[i].Assertions = append(cases[i].Assertions, verify.Assertion{
				Violations: ptr.To(intstr.FromInt(number)), Message: ptr.To(`\A` + regexp.QuoteMeta(message) + `\z`),
			})
		}
	}
	return cases
}

// isOwnError reports whether a message tells why an object could not be judged in words of our own: with the field at fault.
func isOwnError(message string) bool { return strings.Contains(message, "spec.targets[0].") }

func compareViolations(t *testing.T, file string, got *suite.TestResult, want *verify.TestResult) {
	t.Helper()
	if (got.Error != "") != (want.Error != nil) {
		t.Errorf("%s, test %q:\nkroguard: %s\nGatekeeper: %v", file, got.Name, got.Error, want.Error)
		return
	}
	for i := range got.Cases {
		g, w := &got.Cases[i], &want.CaseResults[i]
		if g.Error == "" && w.Error != nil {
			t.Errorf("%s, test %q, case %s:\nkroguard found %q\nGatekeeper: %v", file, got.Name, g.Name, g.Violations, w.Error)
		}
		if g.Error != "" && w.Error == nil {
			t.Errorf("%s, test %q, case %s:\nkroguard: %s\nGatekeeper finds nothing wrong", file, got.Name, g.Name, g.Error)
		}
	}
}
