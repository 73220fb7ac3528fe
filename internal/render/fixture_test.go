package render_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	krov1alpha1 "github.com/kubernetes-sigs/kro/api/v1alpha1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/kube-openapi/pkg/validation/spec"
	"sigs.k8s.io/yaml"

	"github.com/kroguard/kroguard/internal/render"
	"github.com/kroguard/kroguard/internal/render/kinds"
	"github.com/kroguard/kroguard/policies"
)

// definition reads an RGD.
func definition(tb testing.TB, text string) render.Definition {
	tb.Helper()
	var rgd krov1alpha1.ResourceGraphDefinition
	if err := yaml.UnmarshalStrict([]byte(text), &rgd); err != nil {
		tb.Fatal(err)
	}
	return render.Definition{Name: rgd.Name, Spec: rgd.Spec}
}

// object reads an object as decoded from JSON, integers as int64.
func object(tb testing.TB, text string) map[string]any {
	tb.Helper()
	var value map[string]any
	if err := utilyaml.Unmarshal([]byte(text), &value); err != nil {
		tb.Fatal(err)
	}
	return value
}

// newSet compiles RGDs with the kinds of Kubernetes; none may fail.
func newSet(tb testing.TB, options render.Options, texts ...string) *render.Set {
	tb.Helper()
	var definitions []render.Definition
	for _, text := range texts {
		definitions = append(definitions, definition(tb, text))
	}
	set, err := render.NewSet(tb.Context(), definitions, kinds.New(), options, nil)
	if err != nil {
		tb.Fatal(err)
	}
	for kind, err := range set.Failed() {
		tb.Fatalf("%s: %v", kind, err)
	}
	return set
}

// kroDir is the folder of kro's module.
func kroDir(tb testing.TB) string {
	tb.Helper()
	output, err := exec.CommandContext(tb.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "github.com/kubernetes-sigs/kro").Output()
	if err != nil {
		tb.Fatal(err)
	}
	return strings.TrimSpace(string(output))
}

// example is an RGD among kro's examples.
type example struct {
	path       string
	definition render.Definition
}

// examples are all RGDs in kro's examples, in the order of their paths. A document that is none, or no YAML at all, as those
// of charts, is not counted.
func examples(tb testing.TB) []example {
	tb.Helper()
	root := filepath.Join(kroDir(tb), "examples")
	var found []example
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !slices.Contains([]string{".yaml", ".yml"}, filepath.Ext(path)) {
			return err
		}
		name, _ := filepath.Rel(root, path)
		for _, document := range documents(tb, path) {
			if !bytes.Contains(document, []byte("kind: ResourceGraphDefinition")) {
				continue
			}
			var rgd krov1alpha1.ResourceGraphDefinition
			if err := yaml.Unmarshal(document, &rgd); err != nil || rgd.Kind != "ResourceGraphDefinition" {
				continue
			}
			found = append(found, example{name, render.Definition{Name: rgd.Name, Spec: rgd.Spec}})
		}
		return nil
	})
	if err != nil {
		tb.Fatal(err)
	}
	return found
}

// definitions are the CustomResourceDefinitions in kro's tests: those of AWS' controllers.
func definitions(tb testing.TB) []*apiextensionsv1.CustomResourceDefinition {
	tb.Helper()
	var found []*apiextensionsv1.CustomResourceDefinition
	paths, err := filepath.Glob(filepath.Join(kroDir(tb), "test", "integration", "crds", "*", "*.yaml"))
	if err != nil || len(paths) == 0 {
		tb.Fatal("no definitions", err)
	}
	for _, path := range paths {
		for _, document := range documents(tb, path) {
			crd := new(apiextensionsv1.CustomResourceDefinition)
			if err := yaml.Unmarshal(document, crd); err != nil {
				tb.Fatal(path, err)
			}
			found = append(found, crd)
		}
	}
	return found
}

func documents(tb testing.TB, path string) [][]byte {
	tb.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	reader := utilyaml.NewDocumentDecoder(io.NopCloser(bytes.NewReader(text)))
	var found [][]byte
	buffer := make([]byte, 1<<20)
	for {
		n, err := reader.Read(buffer)
		if errors.Is(err, io.EOF) {
			return found
		}
		if err != nil {
			tb.Fatal(path, err)
		}
		found = append(found, bytes.Clone(buffer[:n]))
	}
}

// unmarshal reads JSON with integers as int64.
func unmarshal(text string, into any) error {
	return utilyaml.Unmarshal([]byte(text), into)
}

// summary is a line for each resource: node, state, reason, and each unresolved field with its expressions and what it waits
// for.
func summary(rendering *policies.Rendering) []string {
	var lines []string
	for _, r := range rendering.Resources {
		var line strings.Builder
		line.WriteString(r.Node + " " + string(r.State))
		if r.Reason != "" {
			line.WriteString(": " + r.Reason)
		}
		for _, field := range r.Unresolved {
			fmt.Fprintf(&line, " %s %v %v", field.Path, field.Expressions, field.WaitsFor)
		}
		lines = append(lines, line.String())
	}
	return lines
}

// noKinds knows no kind.
type noKinds struct{}

func (noKinds) ResolveSchema(schema.GroupVersionKind) (*spec.Schema, error) {
	return nil, errors.New("nothing is known")
}

func (noKinds) ResourceFor(schema.GroupVersionKind) (schema.GroupVersionResource, bool, bool) {
	return schema.GroupVersionResource{}, false, false
}

// compiled is the graph of a kind.
func compiled(tb testing.TB, set *render.Set, kind string) *render.Graph {
	tb.Helper()
	g, err := set.Graph(schema.ParseGroupKind(kind))
	if err != nil {
		tb.Fatal(err)
	}
	return g
}
