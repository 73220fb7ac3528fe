package suite_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kroguard/kroguard/policies/cel"
	"github.com/kroguard/kroguard/policies/gatekeeper"
	"github.com/kroguard/kroguard/policies/gatekeeper/suite"
	"github.com/kroguard/kroguard/policies/rego"
)

var update = flag.Bool("update", false, "write what was found into testdata")

func newRunner(t testing.TB) *suite.Runner {
	t.Helper()
	driver, err := cel.New()
	if err != nil {
		t.Fatal(err)
	}
	compiler, err := gatekeeper.NewCompiler(driver, rego.New(rego.Options{}))
	if err != nil {
		t.Fatal(err)
	}
	return &suite.Runner{Compiler: compiler}
}

// find yields suites, of which there must be some.
func find(t testing.TB, path string) []*suite.Suite {
	t.Helper()
	suites, err := suite.Find(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(suites) == 0 {
		t.Fatalf("there is no suite in %s", path)
	}
	return suites
}

func run(t testing.TB, runner *suite.Runner, s *suite.Suite) *suite.Result {
	t.Helper()
	result, err := runner.Run(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	return result
}

// lines are what came of the tests and cases of a suite.
func lines(result *suite.Result) []string {
	var list []string
	add := func(name string, skipped bool, err string) {
		switch {
		case skipped:
			list = append(list, name+": skipped")
		case err != "":
			list = append(list, name+": "+strings.Join(strings.Fields(err), " "))
		default:
			list = append(list, name+": passed")
		}
	}
	for i := range result.Tests {
		test := &result.Tests[i]
		if len(test.Cases) == 0 {
			add(test.Name, test.Skipped, test.Error)
		}
		for j := range test.Cases {
			add(test.Name+"//"+test.Cases[j].Name, test.Cases[j].Skipped, test.Cases[j].Error)
		}
	}
	return list
}

// TestSuites runs the suites of the features. That Gatekeeper ends them in the same way is tested by test/bench/suites.
func TestSuites(t *testing.T) {
	runner := newRunner(t)
	for _, s := range find(t, "../testdata/suites/...") {
		t.Run(filepath.Base(filepath.Dir(s.Path)), func(t *testing.T) {
			result := run(t, runner, s)
			if result.Failed() || result.Skipped != s.Skip || !s.Skip && len(lines(result)) == 0 {
				failed := slices.DeleteFunc(lines(result), func(line string) bool { return strings.HasSuffix(line, ": passed") })
				t.Errorf("skipped: %t\n%s", result.Skipped, strings.Join(failed, "\n"))
			}
		})
	}
}

// TestErrors runs what is wrong, one thing a test or case, and compares what is said of it.
func TestErrors(t *testing.T) {
	suites := find(t, "../testdata/failing")
	result := run(t, newRunner(t), suites[0])
	if !result.Failed() {
		t.Error("the suite has not failed")
	}
	got := strings.ReplaceAll(strings.Join(lines(result), "\n")+"\n", "../testdata/failing/", "")
	const golden = "../testdata/failing/want.txt"
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
		t.Errorf("what is said (-want +got; go test ./policies/gatekeeper/suite -update writes it):\n%s", diff)
	}
}

func TestFilter(t *testing.T) {
	tests := map[string][]string{
		"":                    {"registry//[0]", "registry//[1]", "exempt//[0]"},
		"^registry$":          {"registry//[0]", "registry//[1]"},
		"image":               {"registry//[0]"},
		"registry//image":     {"registry//[0]"},
		"//image|others":      {"registry//[0]", "exempt//[0]"},
		"exempt//":            {"exempt//[0]"},
		"nothing//has|this":   nil,
		"registry//has//this": {`there is more than one "//": write test//case`},
		"(":                   {"for tests: error parsing regexp: missing closing ): `(`"},
		"a//(":                {"for cases: error parsing regexp: missing closing ): `(`"},
	}
	s := find(t, "../testdata/suites/rego/suite.yaml")[0]
	test := s.Tests[0]
	cases := func(names ...string) []suite.Case {
		var list []suite.Case
		for _, name := range names {
			c := test.Cases[0]
			c.Name = name
			list = append(list, c)
		}
		return list
	}
	first, second := test, test
	first.Cases, second.Name, second.Cases = cases("an image", "a tag"), "exempt", cases("others")
	small := &suite.Suite{Path: s.Path, Tests: []suite.Test{first, second}}
	for filter, want := range tests {
		t.Run(filter, func(t *testing.T) {
			var got []string
			only, err := suite.ParseFilter(filter)
			if err != nil {
				got = []string{err.Error()}
			} else {
				runner := newRunner(t)
				runner.Only = only
				result := run(t, runner, small)
				for i := range result.Tests {
					for j := range result.Tests[i].Cases {
						if !result.Tests[i].Cases[j].Skipped {
							got = append(got, fmt.Sprintf("%s//[%d]", result.Tests[i].Name, j))
						}
					}
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("cases that ran (-want +got):\n%s", diff)
			}
		})
	}
}

func TestFind(t *testing.T) {
	folder := t.TempDir()
	const header = "apiVersion: test.gatekeeper.sh/v1alpha1\nkind: Suite\n"
	for name, content := range map[string]string{
		"a.yaml": header, "b.yml": header + "skip: true\n", "c.json": header, "below/deep/d.yaml": header,
		"template.yaml": "kind: ConstraintTemplate\n", "several.yaml": "a: 1\n---\nb: [\n", "group.yaml": "kind: Suite\napiVersion: other/v1\n",
		"none/x.txt": "",
	} {
		path := filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	broken := filepath.Join(t.TempDir(), "broken.yaml")
	if err := os.WriteFile(broken, []byte(header+"tests: {"), 0o600); err != nil {
		t.Fatal(err)
	}
	wrong := filepath.Join(t.TempDir(), "wrong.yaml")
	if err := os.WriteFile(wrong, []byte(header+"tests: [{name: 7}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		path string
		want []string
		err  string
	}{
		"a folder":                  {path: folder, want: []string{"a.yaml", "b.yml"}},
		"a folder and those below":  {path: folder + "/...", want: []string{"a.yaml", "b.yml", "below/deep/d.yaml"}},
		"a file":                    {path: folder + "/below/deep/d.yaml", want: []string{"below/deep/d.yaml"}},
		"a file that is no suite":   {path: folder + "/template.yaml"},
		"a folder without suites":   {path: folder + "/none"},
		"a file that is no YAML":    {path: folder + "/none/x.txt", err: "a suite is in a .yaml or .yml file"},
		"a file with dots":          {path: folder + "/a.yaml/...", err: "is a file: leave /... out"},
		"nothing":                   {path: folder + "/absent", err: "no such file or directory"},
		"a suite that is no YAML":   {path: broken, err: "broken.yaml: yaml: line"},
		"a suite of a wrong type":   {path: wrong, err: "wrong.yaml: json: cannot unmarshal number into Go struct field"},
		"a folder, recursive, none": {path: folder + "/none/..."},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			suites, err := suite.Find(test.path)
			if test.err != "" {
				if err == nil || !strings.Contains(err.Error(), test.err) {
					t.Fatalf("err %v, want one with %q", err, test.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, s := range suites {
				relative, err := filepath.Rel(folder, s.Path)
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, filepath.ToSlash(relative))
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("suites (-want +got):\n%s", diff)
			}
		})
	}
}

// FuzzTest runs a test whose files are anything: it ends, and says so where something is wrong.
func FuzzTest(f *testing.F) {
	read := func(name string) []byte {
		content, err := os.ReadFile(filepath.Join("..", "testdata", "suites", name))
		if err != nil {
			f.Fatal(err)
		}
		return content
	}
	object := read("objects/deployment.yaml")
	for _, names := range [][2]string{
		{"rego/template.yaml", "rego/constraint.yaml"}, {"rego-v1/template.yaml", "rego-v1/both.yaml"}, {"cel/template.yaml", "cel/constraint.yaml"},
		{"libs/template.yaml", "libs/constraint.yaml"}, {"parameters/v1.yaml", "parameters/full.yaml"},
		{"actions/template.yaml", "match/all-at-once.yaml"}, {"actions/template.yaml", "actions/scoped-test.yaml"},
	} {
		f.Add(read(names[0]), read(names[1]), object, read("expansion/expansion.yaml"))
	}
	f.Add(read("reviews/template.yaml"), read("reviews/constraint.yaml"), read("reviews/delete.yaml"), []byte(nil))
	runner := newRunner(f)
	f.Fuzz(func(t *testing.T, template, constraint, object, expansion []byte) {
		folder := t.TempDir()
		test := suite.Test{
			Name: "one", Template: "t.yaml", Constraint: "c.yaml",
			Cases: []suite.Case{{Name: "one", Object: "o.yaml", Assertions: []suite.Assertion{{}}}},
		}
		files := map[string][]byte{"t.yaml": template, "c.yaml": constraint, "o.yaml": object}
		if len(expansion) > 0 {
			test.Expansion, files["e.yaml"] = "e.yaml", expansion
		}
		for name, content := range files {
			if err := os.WriteFile(filepath.Join(folder, name), content, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		result := run(t, runner, &suite.Suite{Path: filepath.Join(folder, "suite.yaml"), Tests: []suite.Test{test}})
		if got := result.Tests[0]; got.Error == "" && len(got.Cases) != 1 {
			t.Errorf("neither an error nor a case: %+v", got)
		}
	})
}
