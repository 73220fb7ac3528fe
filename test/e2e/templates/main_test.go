// Package templates tests what charts/kroguard renders to: that wrong values are refused by name, that each flag has a value, that the
// manifests are valid, and that config/ says the same. It needs no control plane.
package templates

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"

	"github.com/kroguard/kroguard/test/controlplane/binaries"
	"github.com/kroguard/kroguard/test/e2e/harness"
)

const (
	namespace = "kroguard-system"
	// everything are values that switch on all that the chart has.
	everything = "testdata/everything.yaml"
	// setupTimeout is for building the tools, which may be the first build of their dependencies.
	setupTimeout = 15 * time.Minute
)

// Set by TestMain before any test runs.
var helm, kubeconform, kubectl string

func TestMain(m *testing.M) {
	if err := setUp(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func setUp() error {
	ctx, cancel := context.WithTimeout(context.Background(), setupTimeout)
	defer cancel()
	var err error
	if helm, err = binaries.EnsureTool(ctx, binaries.Options{}, binaries.Helm); err != nil {
		return err
	}
	if kubeconform, err = binaries.EnsureTool(ctx, binaries.Options{}, binaries.Kubeconform); err != nil {
		return err
	}
	paths, err := binaries.Ensure(ctx, binaries.Options{WithoutKro: true})
	kubectl = paths.Kubectl
	return err
}

// render returns what `helm template` makes of the chart, or an error with what Helm said.
func render(t *testing.T, args ...string) (string, error) {
	t.Helper()
	home := t.TempDir()
	cmd := exec.CommandContext(t.Context(), helm,
		append([]string{"template", "kroguard", harness.File("charts", "kroguard"), "--namespace", namespace}, args...)...)
	cmd.Env = append(os.Environ(), "HELM_CACHE_HOME="+home, "HELM_CONFIG_HOME="+home, "HELM_DATA_HOME="+home)
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("helm template %s: %w\n%s", strings.Join(args, " "), err, errOut.String())
	}
	return out.String(), nil
}

func mustRender(t *testing.T, args ...string) string {
	t.Helper()
	text, err := render(t, args...)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// objects are the objects of a manifest by "Kind name".
func objects(t *testing.T, manifest string) map[string]*unstructured.Unstructured {
	t.Helper()
	all := map[string]*unstructured.Unstructured{}
	decoder := yaml.NewYAMLOrJSONDecoder(strings.NewReader(manifest), 4096)
	for {
		object := &unstructured.Unstructured{}
		err := decoder.Decode(&object.Object)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		if len(object.Object) > 0 {
			all[object.GetKind()+" "+object.GetName()] = object
		}
	}
}

func writeFile(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
