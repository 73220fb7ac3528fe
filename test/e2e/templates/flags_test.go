package templates

import (
	"bytes"
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"

	"github.com/kroguard/kroguard/internal/cli"
)

// notValues are the flags of kroguard serve that no value sets, and why.
func notValues() map[string]string {
	return map[string]string{
		"cert-dir":   "files in the Pod, in TMPDIR, which is a volume",
		"help":       "serves nothing",
		"kubeconfig": "a Pod has its service account",
	}
}

// fixed are flags that the chart always sets, as its objects have fixed names; no value changes them.
func fixed() []string { return []string{"namespace", "owner-clusterrole", "service-name"} }

func TestEachFlagIsAValue(t *testing.T) {
	known := serveFlags(t)
	plain := args(t)
	set := map[string]bool{}
	for _, values := range [][]string{plain, args(t, "--values", everything)} {
		for _, arg := range values {
			name := flagName(arg)
			set[name] = true
			if !known[name] {
				t.Errorf("the chart sets --%s, which kroguard serve does not have", name)
			}
		}
	}
	for name := range known {
		reason, deliberate := notValues()[name]
		switch {
		case !set[name] && !deliberate:
			t.Errorf("--%s is no value of the chart, and not among those that are none deliberately", name)
		case set[name] && deliberate:
			t.Errorf("--%s is set by the chart, and is said not to be: %s", name, reason)
		}
	}
	for name := range notValues() {
		if !known[name] {
			t.Errorf("--%s is no flag of kroguard serve any more", name)
		}
	}
}

// Each flag but the fixed ones has to differ for some value, or it would be written into the template for good.
func TestEachFlagFollowsItsValue(t *testing.T) {
	plain := args(t)
	other := args(t, "--values", everything, "--set", "bindAddress=127.0.0.1,logs.level=debug,logs.format=text,shutdownDelay=9s,"+
		"certificates.secretName=other,kroUsers={someone}")
	for _, arg := range plain {
		name := flagName(arg)
		if changed := !slices.Contains(other, arg); changed == slices.Contains(fixed(), name) {
			t.Errorf("--%s: changed by values: %t", name, changed)
		}
	}
}

// args are the arguments of the Deployment, without the command's name.
func args(t *testing.T, values ...string) []string {
	t.Helper()
	object := objects(t, mustRender(t, values...))["Deployment kroguard"]
	if object == nil {
		t.Fatal("there is no Deployment")
	}
	text, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	var deployment appsv1.Deployment
	if err := json.Unmarshal(text, &deployment); err != nil {
		t.Fatal(err)
	}
	all := deployment.Spec.Template.Spec.Containers[0].Args
	if len(all) == 0 || all[0] != "serve" {
		t.Fatalf("arguments %q: want serve and flags", all)
	}
	return all[1:]
}

func flagName(arg string) string {
	name, _, _ := strings.Cut(strings.TrimPrefix(arg, "--"), "=")
	return name
}

// serveFlags are the flags that `kroguard serve --help` lists.
func serveFlags(t *testing.T) map[string]bool {
	t.Helper()
	var out, errOut bytes.Buffer
	if code := (cli.Build{Version: "test"}).Main([]string{"serve", "--help"}, strings.NewReader(""), &out, &errOut); code != 0 {
		t.Fatalf("kroguard serve --help: exit code %d: %s", code, errOut.String())
	}
	flags := map[string]bool{}
	for _, match := range regexp.MustCompile(`(?m)^\s+(?:-\w, )?--([a-z0-9-]+)`).FindAllStringSubmatch(out.String(), -1) {
		flags[match[1]] = true
	}
	if len(flags) < 10 {
		t.Fatalf("%d flags in the help:\n%s", len(flags), out.String())
	}
	return flags
}
