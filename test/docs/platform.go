package docs

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	krov1alpha1 "github.com/kubernetes-sigs/kro/api/v1alpha1"
	corev1 "k8s.io/api/core/v1"

	"github.com/kroguard/kroguard/internal/labeling"
	"github.com/kroguard/kroguard/internal/offering"
	"github.com/kroguard/kroguard/internal/project"
	"github.com/kroguard/kroguard/internal/render"
	"github.com/kroguard/kroguard/internal/render/kinds"
	"github.com/kroguard/kroguard/internal/review"
	"github.com/kroguard/kroguard/policies"
	"github.com/kroguard/kroguard/policies/cel"
	"github.com/kroguard/kroguard/policies/rego"
	"github.com/kroguard/kroguard/policies/v1alpha1"
)

// Platform is the cluster that examples live in: the offering, the project and the namespace of config/samples. Beside them a
// page may have its own; those of the same name take the place of the sample's.
type Platform struct {
	schemas  schemas
	compiler *policies.Compiler

	rgd       *krov1alpha1.ResourceGraphDefinition
	project   *v1alpha1.Project
	namespace *corev1.Namespace
}

// NewPlatform reads the samples of the repository at root.
func NewPlatform(root string) (*Platform, error) {
	driver, err := cel.New()
	if err != nil {
		return nil, err
	}
	p := &Platform{compiler: policies.NewCompiler(driver, driver, rego.New(rego.Options{}))}
	if p.schemas, err = readSchemas(root); err != nil {
		return nil, err
	}
	for _, name := range []string{"webapp.yaml", "project.yaml"} {
		if err := p.readSample(filepath.Join(root, "config", "samples", "platform", name)); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	return p, nil
}

func (p *Platform) readSample(file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	all, err := documents(string(text))
	if err != nil {
		return err
	}
	for _, document := range all {
		decoded, err := p.decode(document)
		if err != nil {
			return err
		}
		switch {
		case decoded.rgd != nil:
			p.rgd = decoded.rgd
		case decoded.project != nil:
			p.project = decoded.project
		case decoded.namespace != nil:
			p.namespace = decoded.namespace
		}
	}
	return nil
}

// snapshot is the configuration that the objects of a page make together with the samples. What is refused is left out, as it
// would be in a cluster.
func (p *Platform) snapshot(ctx context.Context, objects []*object) *review.Snapshot {
	rgds := map[string]*krov1alpha1.ResourceGraphDefinition{p.rgd.Name: p.rgd}
	projects := map[string]*v1alpha1.Project{p.project.Name: p.project}
	namespaces := map[string]*corev1.Namespace{p.namespace.Name: p.namespace}
	var guardrails []*v1alpha1.Guardrail
	var exceptions []*v1alpha1.GuardrailException
	for _, o := range objects {
		switch refusals, _ := p.admit(ctx, o); {
		case len(refusals) > 0:
		case o.rgd != nil:
			rgds[o.rgd.Name] = o.rgd
		case o.project != nil:
			projects[o.project.Name] = o.project
		case o.namespace != nil:
			namespaces[o.namespace.Name] = o.namespace
		case o.guardrail != nil:
			guardrails = append(guardrails, o.guardrail)
		case o.exception != nil:
			exceptions = append(exceptions, o.exception)
		}
	}
	offerings := catalog(rgds)
	definitions := render.Definitions(slices.SortedFunc(maps.Values(rgds), func(a, b *krov1alpha1.ResourceGraphDefinition) int {
		return strings.Compare(a.Name, b.Name)
	}), nil, offerings.Counts)
	// An RGD that can't be rendered is no concern of a page that shows something else of it.
	graphs, _ := render.NewSet(ctx, definitions, kinds.New(), render.Options{}, nil)
	return &review.Snapshot{
		Offerings:  offerings,
		Graphs:     graphs,
		Projects:   index(projects, namespaces),
		Guardrails: p.compiler.Compile(ctx, guardrails, exceptions),
		Namespaces: namespaces,
		Settings:   review.Settings{LabelKeys: labeling.DefaultKeys()},
	}
}

func catalog(rgds map[string]*krov1alpha1.ResourceGraphDefinition) *offering.Catalog {
	var offerings []*offering.Offering
	for _, rgd := range rgds {
		parsed, _, _ := offering.Parse(rgd)
		offerings = append(offerings, parsed)
	}
	return offering.NewCatalog(offerings)
}

func index(projects map[string]*v1alpha1.Project, namespaces map[string]*corev1.Namespace) *project.Index {
	var claims []*project.Claim
	for _, one := range projects {
		claim, _ := project.FromProject(one)
		claims = append(claims, claim)
	}
	var all []project.Namespace
	for _, namespace := range namespaces {
		all = append(all, project.Namespace{Name: namespace.Name, Labels: namespace.Labels})
	}
	return project.NewIndex(claims, all)
}

// admit is what kroguard says of an object other than an instance: why it is refused, and what it warns of.
func (p *Platform) admit(ctx context.Context, o *object) (refusals, warnings []string) {
	switch {
	case o.rgd != nil:
		_, problems, found := offering.Parse(o.rgd)
		for _, problem := range problems {
			refusals = append(refusals, problem.String())
		}
		for _, warning := range found {
			warnings = append(warnings, string(warning))
		}
	case o.project != nil:
		_, errs := project.FromProject(o.project)
		for _, err := range errs {
			refusals = append(refusals, err.Error())
		}
	case o.guardrail != nil:
		found, err := p.compiler.CheckGuardrail(ctx, o.guardrail)
		refusals = places("guardrail "+o.guardrail.Name, err)
		for _, warning := range found {
			warnings = append(warnings, warning.FieldRef+": "+warning.Warning)
		}
	case o.exception != nil:
		refusals = places("exception "+o.exception.Name, policies.CheckException(o.exception))
	}
	return slices.Clip(refusals), warnings
}

// typeWarnings are what a guardrail that is let in is warned of, for the offerings of a snapshot.
func (p *Platform) typeWarnings(ctx context.Context, snapshot *review.Snapshot, guardrail *v1alpha1.Guardrail) ([]string, error) {
	found, err := p.compiler.CheckTypes(ctx, guardrail, snapshot.ObjectTypes())
	if err != nil {
		return nil, err
	}
	var warnings []string
	for _, warning := range found {
		warnings = append(warnings, warning.FieldRef+": "+warning.Warning)
	}
	return warnings, nil
}

// places are the places where something does not compile, in the words of the webhook.
func places(what string, err error) []string {
	var found []string
	for _, place := range compileErrors(err) {
		found = append(found, what+" does not compile: "+place.Error())
	}
	return found
}
