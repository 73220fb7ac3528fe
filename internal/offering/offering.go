// Package offering reads a ResourceGraphDefinition (RGD) into an Offering: what the catalog shows of it, who may use it, and
// which defaults and labels its instances get. RGD annotations are read here and nowhere else.
//
// Annotations have the prefix kroguard.io/; those that Knodex knows too are also read under knodex.io/, where kroguard's own
// wins. A malformed annotation is a Problem that names annotation, line and reason; the webhook refuses such an RGD. One that
// got in anyway still yields an Offering: what only decorates is left out, what restricts (allowed-projects,
// namespace-selector) fails closed.
package offering

import (
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apimachinery/pkg/labels"
	runtimeschema "k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kroguard/kroguard/internal/expression"
	"github.com/kroguard/kroguard/internal/glob"
)

// Offering is an RGD as kroguard reads it. It is immutable and safe for concurrent use.
type Offering struct {
	// Name is the RGD's name.
	Name string
	// GVK is the kind of the instances. An empty group in the RGD is kro.run.
	GVK runtimeschema.GroupVersionKind
	// Plural is the resource name as kro generates it.
	Plural string
	// ClusterScoped is true where instances have no namespace.
	ClusterScoped bool

	// Catalog is true where the RGD is published to the catalog: an offering in the narrow sense.
	Catalog bool
	// Title, Description, Category, Icon, DocsURL, CatalogTier and Deprecated are display values; Title falls
	// back to the instances' kind, Deprecated is the notice and empty where the offering is not deprecated.
	Title, Description, Category, Icon, DocsURL, CatalogTier, Deprecated string
	// ExtendsKinds, Tags, PropertyOrder and DeploymentModes are comma-separated lists or YAML lists in the annotation.
	ExtendsKinds, Tags, PropertyOrder, DeploymentModes []string

	// Labels are the RGD's labels, for selectors.
	Labels map[string]string
	// Project scopes the offering to one project (label kroguard.io/project or knodex.io/project); empty for none.
	Project string
	// AllowedProjects are names or globs; nil allows all.
	AllowedProjects []string
	// NamespaceSelector restricts namespaces by label; nil allows all.
	NamespaceSelector labels.Selector
	// Restricted is a reason to refuse every instance: an annotation that restricts is malformed. Empty otherwise.
	Restricted string

	// Defaults are the defaults for all projects, ProjectDefaults those of single projects, which win.
	Defaults        *Defaults
	ProjectDefaults map[string]*Defaults
	// LabelTemplates are the labels of the annotation kroguard.io/labels, sorted by key.
	LabelTemplates []LabelTemplate

	// Schema is the structural schema of the whole instance (apiVersion, kind, metadata, spec, status) as kro generates it
	// in the CRD; nil where the RGD's own schema can't be built.
	Schema *schema.Structural

	// values is what policies see; see Values.
	values map[string]any
	// allowed are the patterns of AllowedProjects.
	allowed glob.List
	// instances checks and defaults instances; nil where Schema is nil.
	instances *instanceSchema
}

// Defaults are the values of one defaults annotation.
type Defaults struct {
	// Source names the annotation without its prefix: "defaults" or "defaults.payments".
	Source string
	// Fields are the values in path order. No path is a prefix of another: objects are split into their fields, arrays and
	// empty objects are taken whole.
	Fields []Default
}

// Default is one default value.
type Default struct {
	// Path leads from the instance's root: ["spec", "size"].
	Path []string
	// Value yields the value.
	Value *expression.Template
}

// LabelTemplate is one label of the annotation kroguard.io/labels.
type LabelTemplate struct {
	Key   string
	Value *expression.Template
}
