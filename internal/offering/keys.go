package offering

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/kroguard/kroguard/internal/spelling"
)

// The prefixes of annotations and labels. Where both are given, kroguard's own wins.
const (
	prefix       = "kroguard.io/"
	knodexPrefix = "knodex.io/"
)

// The names of annotations, without prefix.
const (
	nameCatalog           = "catalog"
	nameTitle             = "title"
	nameDescription       = "description"
	nameCategory          = "category"
	nameTags              = "tags"
	nameIcon              = "icon"
	nameDocsURL           = "docs-url"
	namePropertyOrder     = "property-order"
	nameExtendsKind       = "extends-kind"
	nameDeploymentModes   = "deployment-modes"
	nameCatalogTier       = "catalog-tier"
	nameDeprecated        = "deprecated"
	nameAllowedProjects   = "allowed-projects"
	nameNamespaceSelector = "namespace-selector"
	nameDefaults          = "defaults"
	nameLabels            = "labels"

	// nameProject is the name of the label that scopes an offering to one project.
	nameProject = "project"

	// projectDefaults begins the names of the defaults of one project.
	projectDefaults = nameDefaults + "."
)

// knownNames are the annotations with their twins: true where the one of Knodex is read too.
func knownNames() map[string]bool {
	return map[string]bool{
		nameCatalog: true, nameTitle: true, nameDescription: true, nameCategory: true, nameTags: true, nameIcon: true,
		nameDocsURL: true, namePropertyOrder: true, nameExtendsKind: true, nameDeploymentModes: true, nameCatalogTier: true,
		nameDeprecated: false, nameAllowedProjects: false, nameNamespaceSelector: false, nameDefaults: false, nameLabels: false,
	}
}

// key is the key of an annotation or label.
type key struct {
	prefix, name string
}

func (k key) full() string { return k.prefix + k.name }

// lookup finds a value under kroguard's prefix, else, where there is a twin, under that of Knodex.
func lookup(values map[string]string, name string, twin bool) (key, string, bool) {
	own := key{prefix, name}
	if value, ok := values[own.full()]; ok {
		return own, value, true
	}
	if !twin {
		return own, "", false
	}
	other := key{knodexPrefix, name}
	value, ok := values[other.full()]
	return other, value, ok
}

// writtenByKroguard are the annotations that kroguard writes on instances; on an RGD that is itself made from an instance
// they are no typing mistakes.
func writtenByKroguard(name string) bool { return name == "created-by" || name == "injected" }

// checkNames reports annotations under kroguard's prefix that mean nothing: most likely typing mistakes.
func (p *parser) checkNames() {
	known := slices.Sorted(maps.Keys(knownNames()))
	for _, full := range slices.Sorted(maps.Keys(p.annotations)) {
		name, ok := strings.CutPrefix(full, prefix)
		if !ok || writtenByKroguard(name) || slices.Contains(known, name) || strings.HasPrefix(name, projectDefaults) {
			continue
		}
		reason := "there is no such annotation"
		if name == nameProject {
			reason = "a project is given as a label, not as an annotation"
		} else if near, ok := nearestName(name, known); ok {
			reason = fmt.Sprintf("there is no such annotation; did you mean %s%s?", prefix, near)
		}
		p.found.add(key{prefix, name}, 0, "", reason)
	}
}

// nearestName suggests the annotation that is meant; that may be one with a project's name.
func nearestName(name string, known []string) (string, bool) {
	if near, ok := spelling.Nearest(name, known); ok {
		return near, true
	}
	start, project, ok := strings.Cut(name, ".")
	if !ok {
		return "", false
	}
	near, ok := spelling.Nearest(start, []string{nameDefaults})
	return near + "." + project, ok
}
