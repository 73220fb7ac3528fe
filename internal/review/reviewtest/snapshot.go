// Package reviewtest builds snapshots of the configuration from YAML, for tests of the pipeline and of what calls it.
package reviewtest

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"testing"

	krov1alpha1 "github.com/kubernetes-sigs/kro/api/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"

	"github.com/kroguard/kroguard/internal/offering"
	"github.com/kroguard/kroguard/internal/project"
	"github.com/kroguard/kroguard/internal/review"
	"github.com/kroguard/kroguard/policies"
	"github.com/kroguard/kroguard/policies/cel"
	"github.com/kroguard/kroguard/policies/rego"
	"github.com/kroguard/kroguard/policies/v1alpha1"
)

// configuration is what a snapshot is built of.
type configuration struct {
	offerings  []*offering.Offering
	claims     []*project.Claim
	namespaces map[string]*corev1.Namespace
	guardrails []*v1alpha1.Guardrail
}

// NewSnapshot is a snapshot of the documents, with further guardrails. It knows Namespaces, Projects, RGDs and Guardrails, and
// fails the test on anything else, or where the pipeline would not accept one of them; guardrails may be broken.
func NewSnapshot(tb testing.TB, documents []byte, settings review.Settings, guardrails ...*v1alpha1.Guardrail) *review.Snapshot {
	tb.Helper()
	c := configuration{namespaces: map[string]*corev1.Namespace{}, guardrails: guardrails}
	reader := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(documents)))
	for {
		document, err := reader.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			tb.Fatal(err)
		}
		c.add(tb, document)
	}
	var namespaces []project.Namespace
	for _, namespace := range c.namespaces {
		namespaces = append(namespaces, project.Namespace{Name: namespace.Name, Labels: namespace.Labels})
	}
	return &review.Snapshot{
		Offerings:  offering.NewCatalog(c.offerings),
		Projects:   project.NewIndex(c.claims, namespaces),
		Guardrails: newCompiler(tb).Compile(tb.Context(), c.guardrails, nil),
		Namespaces: c.namespaces,
		Settings:   settings,
	}
}

func (c *configuration) add(tb testing.TB, document []byte) {
	tb.Helper()
	var meta metav1.TypeMeta
	decode(tb, document, &meta)
	switch meta.Kind {
	case "Namespace":
		namespace := new(corev1.Namespace)
		decode(tb, document, namespace)
		c.namespaces[namespace.Name] = namespace
	case "Project":
		object := new(v1alpha1.Project)
		decode(tb, document, object)
		claim, errs := project.FromProject(object)
		if len(errs) > 0 {
			tb.Fatal(errs)
		}
		c.claims = append(c.claims, claim)
	case "ResourceGraphDefinition":
		rgd := new(krov1alpha1.ResourceGraphDefinition)
		decode(tb, document, rgd)
		parsed, problems, _ := offering.Parse(rgd)
		if len(problems) > 0 {
			tb.Fatal(problems)
		}
		c.offerings = append(c.offerings, parsed)
	case "Guardrail":
		guardrail := new(v1alpha1.Guardrail)
		decode(tb, document, guardrail)
		c.guardrails = append(c.guardrails, guardrail)
	default:
		tb.Fatalf("unexpected kind %q", meta.Kind)
	}
}

func decode(tb testing.TB, document []byte, into any) {
	tb.Helper()
	if err := yaml.Unmarshal(document, into); err != nil {
		tb.Fatal(err)
	}
}

func newCompiler(tb testing.TB) *policies.Compiler {
	tb.Helper()
	driver, err := cel.New()
	if err != nil {
		tb.Fatal(err)
	}
	return policies.NewCompiler(driver, driver, rego.New(rego.Options{}))
}
