package docs

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kroguard/kroguard/internal/doctor"
)

// TestTheSupportedVersionsAreThoseOfTheTests holds to the versions that tests are run with what people and kroguard itself say of them.
func TestTheSupportedVersionsAreThoseOfTheTests(t *testing.T) {
	other := regexp.MustCompile(`(?m)^OTHER_VERSIONS := KROGUARD_KUBERNETES=(\S+) KROGUARD_KRO=(\S+)$`).FindStringSubmatch(file(t, "Makefile"))
	if other == nil {
		t.Fatal("the Makefile has no OTHER_VERSIONS")
	}
	kubernetes := []string{pinned(t, "kubernetes", "k8s.io/kubernetes"), pinned(t, "kubernetes-"+other[1], "k8s.io/kubernetes")}
	kro := []string{pinned(t, "kro", "github.com/kubernetes-sigs/kro"), pinned(t, "kro-"+other[2], "github.com/kubernetes-sigs/kro")}
	table := fmt.Sprintf(`| | Kubernetes %s | Kubernetes %s |
|---|---|---|
| kro %s | all tests | |
| kro %s | | admission and availability |
`, kubernetes[0], kubernetes[1], kro[0], kro[1])
	if !strings.Contains(file(t, "README.md"), table) {
		t.Errorf("README.md has not this table:\n%s", table)
	}
	if diff := cmp.Diff(minors(kubernetes), doctor.SupportedKubernetes()); diff != "" {
		t.Errorf("what kroguard doctor says of Kubernetes (-pinned +doctor):\n%s", diff)
	}
	if diff := cmp.Diff(minors(kro), doctor.SupportedKro()); diff != "" {
		t.Errorf("what kroguard doctor says of kro (-pinned +doctor):\n%s", diff)
	}
	least := minors(kubernetes)[0]
	for name, want := range map[string]string{
		"charts/kroguard/Chart.yaml": fmt.Sprintf("kubeVersion: \">=%s.0-0\"\n", least),
		"docs/install.md":            fmt.Sprintf("(%s), Kubernetes %s,", strings.Join(minors(kro), " or "), strings.Join(minors(kubernetes), " or ")),
	} {
		if !strings.Contains(file(t, name), want) {
			t.Errorf("%s does not say %q", name, want)
		}
	}
}

// pinned is the version, without its v, of a module that a folder of the control plane's build pins.
func pinned(t *testing.T, folder, module string) string {
	t.Helper()
	text := file(t, filepath.Join("test", "controlplane", "build", folder, "go.mod"))
	found := regexp.MustCompile(`(?m)^(?:require )?\s*` + regexp.QuoteMeta(module) + ` v(\S+)`).FindStringSubmatch(text)
	if found == nil {
		t.Fatalf("%s pins no %s", folder, module)
	}
	return found[1]
}

// minors are the minor versions, sorted.
func minors(versions []string) []string {
	var out []string
	for _, version := range versions {
		out = append(out, version[:strings.LastIndex(version, ".")])
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func file(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
